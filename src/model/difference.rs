//! A field that differs and is not moved by itself: shown, counted, left to `plan` and people.

use crate::model::customer::{Field, Value};
use crate::model::link::Side;
use std::fmt;

/// One field of one link that differs without a write on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: Field,
    /// What Stripe holds.
    pub stripe: Value,
    /// What Zenskar holds.
    pub zenskar: Value,
    /// What both last agreed on, if they ever were seen to agree.
    pub base: Option<Value>,
    /// Why it is not moved.
    pub why: Held,
}

impl Difference {
    /// What `target` was `given` and took as what it `held` then.
    #[must_use]
    pub fn not_taken(
        field: Field,
        target: Side,
        (given, held): (&Value, &Value),
        base: Option<&Value>,
    ) -> Self {
        let (stripe, zenskar) = match target {
            Side::Stripe => (held, given),
            Side::Zenskar => (given, held),
        };
        Self {
            field,
            stripe: stripe.clone(),
            zenskar: zenskar.clone(),
            base: base.cloned(),
            why: Held::NotTaken,
        }
    }
}

/// Why a difference is not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Never seen to agree, and no event proves which side changed.
    NoBase,
    /// Only the side that is not the source changed (one-way sync).
    Drift,
    /// The source is blank and blanks do not erase (`allow_blank = false`).
    WouldBlank,
    /// Both sides changed and the rule is to ask.
    Conflict,
    /// The target answered yes and holds something else.
    NotTaken,
    /// The target refused the value.
    Refused,
    /// One side holds a value with parts where only text is understood.
    Nested,
}

impl Held {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::NoBase,
        Self::Drift,
        Self::WouldBlank,
        Self::Conflict,
        Self::NotTaken,
        Self::Refused,
        Self::Nested,
    ];

    /// The reason's name in status, metrics and the store's listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoBase => "no-base",
            Self::Drift => "drift",
            Self::WouldBlank => "would-blank",
            Self::Conflict => "conflict",
            Self::NotTaken => "not-taken",
            Self::Refused => "refused",
            Self::Nested => "nested",
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

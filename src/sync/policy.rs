//! What may move: the operator's rules in the form the merge uses.

use crate::model::customer::Field;
use crate::model::link::Side;
use std::collections::{BTreeMap, BTreeSet};

/// Whose changes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A change on this side is written to the other; a change on the other stays there.
    From(Side),
    /// A change on either side is written to the other.
    Both,
}

/// What may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whose changes move; `None` when sync is off.
    pub direction: Option<Direction>,
    /// The selected fields. A field that is not selected never moves and has no base.
    pub fields: BTreeSet<Field>,
    /// Whether a blank may erase a value.
    pub allow_blank: bool,
    /// Who wins where both sides changed a field.
    pub conflict: ConflictRules,
    /// Whom a plan proposes where a field was never seen to agree and both sides may be written;
    /// `None`: a person decides.
    pub initial: Option<Side>,
}

/// Who wins where both sides changed a field, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConflictRules {
    /// For fields that are not named.
    pub default: Rule,
    /// For these.
    pub fields: BTreeMap<Field, Rule>,
}

impl ConflictRules {
    /// Whether any field's rule decides by itself.
    #[must_use]
    pub fn decide(&self) -> bool {
        let mut rules = self.fields.values().chain([&self.default]);
        rules.any(|rule| *rule != Rule::Ask)
    }

    /// Whether any field's rule asks which change is the later one.
    #[must_use]
    pub fn ask_for_times(&self) -> bool {
        let mut rules = self.fields.values().chain([&self.default]);
        rules.any(|rule| *rule == Rule::Newest)
    }

    /// The rule of `field`.
    #[must_use]
    pub fn of(&self, field: Field) -> Rule {
        self.fields.get(&field).copied().unwrap_or(self.default)
    }
}

/// Who wins where both sides changed a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Nobody: a person decides.
    #[default]
    Ask,
    /// This side.
    Side(Side),
    /// The side that changed later, where both times are known to lie apart; else a person.
    Newest,
}

impl Policy {
    /// Nothing moves.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            direction: None,
            fields: BTreeSet::new(),
            allow_blank: false,
            conflict: ConflictRules {
                default: Rule::Ask,
                fields: BTreeMap::new(),
            },
            initial: None,
        }
    }

    /// Whether anything may be written to `target`.
    #[must_use]
    pub fn writes_to(&self, target: Side) -> bool {
        self.fields.iter().any(|field| self.allows(*field, target))
    }

    /// Whether a change of `field` may be written to `target`.
    #[must_use]
    pub fn allows(&self, field: Field, target: Side) -> bool {
        let direction = match self.direction {
            None => false,
            Some(Direction::Both) => true,
            Some(Direction::From(source)) => source.other() == target,
        };
        direction && self.fields.contains(&field) && Self::can_write(field, target)
    }

    /// Whether `field` is ever written to `target`: in Stripe, tax ids are objects of their own,
    /// which are read and never made or deleted.
    #[must_use]
    pub const fn can_write(field: Field, target: Side) -> bool {
        !matches!((field, target), (Field::TaxIds, Side::Stripe))
    }

    /// Whether a blank may erase what `target` holds in `field`.
    #[must_use]
    pub const fn may_blank(&self, field: Field, target: Side) -> bool {
        self.allow_blank && Self::can_blank(field, target)
    }

    /// Whether `target` takes a blank in the place of what it holds in `field`. Stripe takes no
    /// empty list of preferred locales ("Update a customer": `preferred_locales`).
    #[must_use]
    pub const fn can_blank(field: Field, target: Side) -> bool {
        !matches!((field, target), (Field::Locale, Side::Stripe))
    }
}

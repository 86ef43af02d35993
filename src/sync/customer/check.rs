//! Whether a plan accounts for everything it was made from. One that does not is never applied.

use crate::model::customer::{Field, Presence};
use crate::model::intent::Change;
use crate::model::link::Side;
use crate::sync::customer::{Plan, State};
use crate::sync::decision;
use crate::sync::policy::Policy;
use std::fmt;

/// A plan that does not account for everything it was made from. It is never applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// This field differs, and the plan neither writes nor shows it.
    Dropped(Field),
    /// This field's base is not what both sides hold, nor what it was, nor what an intent or a
    /// decision proved.
    BaseWithoutEvidence(Field),
    /// This field is written though nothing allows it, or with other values than were observed.
    WrongWrite(Field),
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped(field) => write!(f, "plan drops a difference of {field}"),
            Self::BaseWithoutEvidence(field) => {
                write!(f, "plan moves the base of {field} without evidence")
            }
            Self::WrongWrite(field) => write!(f, "plan writes {field} against the rules"),
        }
    }
}

impl std::error::Error for Unsound {}

impl Plan {
    /// Checks that the plan accounts for everything it was made from.
    ///
    /// # Errors
    ///
    /// The first field for which it does not; such a plan must not be applied.
    pub fn check(&self, state: &State<'_>, policy: &Policy) -> Result<(), Unsound> {
        let (Presence::Present(stripe), Presence::Present(zenskar)) = (state.stripe, state.zenskar)
        else {
            let wrong = self
                .writes
                .iter()
                .flat_map(|write| write.changes.keys())
                .next();
            return wrong.map_or(Ok(()), |field| Err(Unsound::WrongWrite(*field)));
        };
        for field in &policy.fields {
            let (Some(ours), Some(theirs)) = (stripe.value(*field), zenskar.value(*field)) else {
                continue;
            };
            let shown = self
                .differences
                .iter()
                .any(|difference| difference.field == *field)
                || self.is_written(*field);
            if ours != theirs && !shown {
                return Err(Unsound::Dropped(*field));
            }
        }
        for (field, value) in &self.base {
            let held = [stripe.value(*field), zenskar.value(*field)];
            if state.link.base.get(field) != Some(value)
                && !held.contains(&Some(value))
                && !decision::proves_base(&self.decided, *field, value)
            {
                return Err(Unsound::BaseWithoutEvidence(*field));
            }
        }
        for write in &self.writes {
            for (field, change) in &write.changes {
                let (from, to) = match write.target {
                    Side::Zenskar => (zenskar.value(*field), stripe.value(*field)),
                    Side::Stripe => (stripe.value(*field), zenskar.value(*field)),
                };
                let grounded = match (from, to) {
                    (Some(from), Some(to)) => {
                        let wanted = *to == change.to
                            || decision::asks_for(&self.decided, write.target, *field, &change.to);
                        *from == change.from && *from != change.to && wanted
                    }
                    // Decided when both sides were read, and still on its way.
                    (Some(_), None) | (None, Some(_)) => {
                        state.asks_for(write.target, *field, change)
                    }
                    (None, None) => false,
                };
                let nested = change.from.is_nested() || change.to.is_nested();
                if !grounded || nested || !policy.allows(*field, write.target) {
                    return Err(Unsound::WrongWrite(*field));
                }
            }
        }
        Ok(())
    }

    fn is_written(&self, field: Field) -> bool {
        self.writes
            .iter()
            .any(|write| write.changes.contains_key(&field))
            || self
                .intents
                .iter()
                .any(|intent| intent.is_open() && intent.changes.contains_key(&field))
    }
}

impl State<'_> {
    /// Whether an open intent asks for this very change.
    fn asks_for(&self, target: Side, field: Field, change: &Change) -> bool {
        let mut open = self.intents.iter().filter(|intent| intent.is_open());
        open.any(|intent| intent.target == target && intent.changes.get(&field) == Some(change))
    }
}

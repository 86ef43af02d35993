//! Conflicts and other differences that wait for a person: listed, shown, resolved.

use super::{CommandError, invalid};
use crate::engine::Engine;
use crate::engine::command::customers::find;
use crate::engine::decisions::decide;
use crate::engine::view::{ConflictRow, Page, RunRow};
use crate::model::customer::{Field, Value};
use crate::model::difference::{Difference, Held};
use crate::model::id::StripeCustomerId;
use crate::model::intent::{Intent, Progress};
use crate::model::link::{Link, LinkState, Side};
use crate::model::run::{Decision, RunKind};
use crate::model::work::{DeadWork, Subject};
use crate::store::ReadTx;
use crate::sync::decision::{BY_BLANK, is_waiting};
use crate::sync::policy::Policy;
use crate::sync::proposal;

/// Links whose differences are read at once.
const LINKS_STEP: usize = 200;

/// What is to become of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This side's value.
    Take(Side),
    /// This value, on both sides.
    Value(Value),
}

/// Which differences a list holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflicts {
    /// All but drift, which the rules of one-way sync leave where it is.
    #[default]
    Waiting,
    /// All.
    All,
    /// Those with this reason.
    Only(Held),
}

impl Conflicts {
    fn holds(self, why: Held) -> bool {
        match self {
            Self::All => true,
            Self::Waiting => why != Held::Drift,
            Self::Only(only) => why == only,
        }
    }
}

impl Engine {
    /// The differences of whole customers, at least `limit` of them where there are as many.
    pub(super) fn conflicts(
        &self,
        which: Conflicts,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ConflictRow>, CommandError> {
        let after = after.map(StripeCustomerId::parse).transpose();
        let mut after = after.map_err(|e| invalid(&e))?;
        let read = self.store.read()?;
        let mut rows = Vec::new();
        loop {
            let part = read.differences_list(after.as_ref(), LINKS_STEP)?;
            let Some((last, _)) = part.last() else {
                return Ok(Page { rows, next: None });
            };
            after = Some(last.clone());
            for (stripe, mut differences) in part {
                differences.retain(|one| which.holds(one.why));
                let link = read.link(&stripe)?.filter(|_| !differences.is_empty());
                let Some(link) = link else { continue };
                rows.extend(conflict_rows(&read, &link, &differences)?);
                if rows.len() >= limit {
                    let next = Some(stripe.to_string());
                    return Ok(Page { rows, next });
                }
            }
        }
    }

    pub(super) fn conflicts_of(&self, id: &str) -> Result<Page<ConflictRow>, CommandError> {
        let read = self.store.read()?;
        let (_, link) = find(&read, id)?;
        let link = link.ok_or_else(|| CommandError::NotFound(format!("{id} is not linked")))?;
        let differences = read.differences(&link.stripe)?;
        let rows = conflict_rows(&read, &link, &differences)?;
        Ok(Page { rows, next: None })
    }

    /// Has one field written as a person decides.
    pub(super) async fn resolve_conflict(
        &self,
        id: &str,
        field: &str,
        choice: &Choice,
        who: &str,
    ) -> Result<RunRow, CommandError> {
        let read = self.store.read()?;
        let (_, link) = find(&read, id)?;
        let link = link.filter(|link| link.state == LinkState::Active);
        let link = link.ok_or_else(|| CommandError::NotFound(format!("{id} is not linked")))?;
        let differences = read.differences(&link.stripe)?;
        let found = differences
            .into_iter()
            .find(|one| one.field.as_str() == field);
        let Some(difference) = found else {
            return Err(CommandError::NotFound(format!(
                "{field} of {} does not wait for a decision",
                link.stripe
            )));
        };
        drop(read);
        let decision = self.chosen(&difference, choice)?;
        let now = self.clock.now();
        let (run, _under_way) = self.begin_run(RunKind::Resolve, who, now).await?;
        let (of, stripe) = (run.clone(), link.stripe.clone());
        let decided = self
            .writer
            .write("resolve conflict", move |tx| {
                let still = tx.differences(&stripe)?.contains(&difference);
                Ok(still && decide(tx, &of, &stripe, vec![decision], now)?)
            })
            .await?;
        let row = self.end_run(run.number).await?;
        if !decided {
            return Err(CommandError::Refused {
                message: format!("{field} of {} changed just now", link.stripe),
                hint: format!(
                    "look at it with \"zenstripe conflicts show {}\"",
                    link.stripe
                ),
            });
        }
        self.wake.look.notify_one();
        Ok(row)
    }

    /// The decision that a choice makes, if the rules in force let it be carried out.
    fn chosen(&self, difference: &Difference, choice: &Choice) -> Result<Decision, CommandError> {
        let policy = &self.settings().policy;
        let decision = match choice {
            Choice::Take(side) => proposal::take_side(difference, *side),
            Choice::Value(value) => {
                check_form(difference.field, value)?;
                proposal::take_value(difference, value)
            }
        };
        match proposal::refuse(&decision, policy) {
            None => Ok(decision),
            Some((side, why)) => Err(not_allowed(difference.field, side, why, policy)),
        }
    }
}

/// A typed value has the form that its field has.
fn check_form(field: Field, value: &Value) -> Result<(), CommandError> {
    let is_address = matches!(field, Field::Address | Field::ShippingAddress);
    let fits = match value {
        Value::Blank => true,
        Value::Text(_) => !is_address && field != Field::TaxIds,
        Value::Address(_) => is_address,
        Value::TaxIds(_) | Value::Nested(_) => false,
    };
    if fits {
        return Ok(());
    }
    Err(CommandError::Invalid(match field {
        Field::Address | Field::ShippingAddress => {
            format!("{field} takes an object of line1, line2, city, state, postal_code and country")
        }
        Field::TaxIds => {
            "tax_ids are typed in Stripe: take either side, or correct them there".to_owned()
        }
        _ => format!("{field} takes text"),
    }))
}

fn not_allowed(field: Field, side: Side, why: &'static str, policy: &Policy) -> CommandError {
    if why == BY_BLANK {
        return CommandError::Refused {
            message: format!("a blank would erase what {side} holds in {field}"),
            hint: "set customers.allow_blank, or blank it there by hand".to_owned(),
        };
    }
    let message = if policy.allows(field, side) {
        format!("{field} has parts that are not understood, and is not written over")
    } else {
        format!("customers.sync does not write {field} to {side}")
    };
    CommandError::Refused {
        message,
        hint: format!("take the other side's value, or edit {field} in {side}"),
    }
}

fn conflict_rows(
    read: &ReadTx<'_>,
    link: &Link,
    differences: &[Difference],
) -> Result<Vec<ConflictRow>, CommandError> {
    let decided = read.decided(&link.stripe)?;
    let mut rows = Vec::new();
    for one in differences {
        let refusal = match one.why {
            Held::Refused => refusal(read, link, one.field)?,
            _ => None,
        };
        let waiting = decided.iter().rev();
        let mut waiting = waiting.filter(|run| is_waiting(std::slice::from_ref(*run), one.field));
        rows.push(ConflictRow {
            stripe: link.stripe.to_string(),
            zenskar: link.zenskar.to_string(),
            field: one.field.to_string(),
            why: one.why.to_string(),
            stripe_value: one.stripe.to_string(),
            zenskar_value: one.zenskar.to_string(),
            agreed: one.base.as_ref().map(ToString::to_string),
            refusal,
            decided_in: waiting.next().map(|run| run.run),
        });
    }
    Ok(rows)
}

/// What the side said that refused a write of this field.
fn refusal(read: &ReadTx<'_>, link: &Link, field: Field) -> Result<Option<String>, CommandError> {
    let intents = read.intents(&link.stripe)?;
    let letters = read.dead_letters_of(&Subject::Customer(link.stripe.clone()))?;
    let mut reasons = letters.into_iter().filter_map(|letter| {
        let DeadWork::Intent(_, number) = letter.what else {
            return None;
        };
        let holds = |intent: &&Intent| {
            intent.number == number
                && matches!(intent.progress, Progress::Dead(_))
                && intent.changes.contains_key(&field)
        };
        intents.iter().find(holds).map(|_| letter.reason)
    });
    Ok(reasons.next())
}

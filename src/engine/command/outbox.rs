//! The outbox: writes on their way, whichever customer they are about.

use super::customers::intent_row;
use super::{CommandError, invalid, show_time};
use crate::engine::Engine;
use crate::engine::view::{Page, WriteRow};
use crate::model::id::StripeCustomerId;
use crate::store::Scheduled;

impl Engine {
    /// Intents by customer and number.
    pub(super) fn outbox(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<WriteRow>, CommandError> {
        let after = after.map(place).transpose()?;
        let after = after.as_ref().map(|(link, number)| (link, *number));
        let found = self.store.read()?.outbox(after, limit)?;
        let next = found.last().filter(|_| found.len() >= limit);
        let next = next.map(|last| format!("{}/{}", last.intent.link, last.intent.number));
        Ok(Page {
            rows: found.iter().map(row).collect(),
            next,
        })
    }
}

/// Where a page begins: `cus_1/3`.
fn place(after: &str) -> Result<(StripeCustomerId, u64), CommandError> {
    let wrong = || invalid(&format!("{after:?} is no place in this list"));
    let (link, number) = after.rsplit_once('/').ok_or_else(wrong)?;
    let link = StripeCustomerId::parse(link).map_err(|_| wrong())?;
    Ok((link, number.parse().map_err(|_| wrong())?))
}

fn row(scheduled: &Scheduled) -> WriteRow {
    WriteRow {
        stripe: scheduled.intent.link.to_string(),
        write: intent_row(&scheduled.intent),
        decided_at: show_time(scheduled.intent.decided_at),
        due_at: scheduled.due_at.and_then(show_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_customer_and_a_number() {
        let (link, number) = place("cus_1/3").unwrap();
        assert_eq!((link.as_str(), number), ("cus_1", 3));
        for wrong in ["", "cus_1", "cus_1/", "/3", "cus_1/x", "3"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}

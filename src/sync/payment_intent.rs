//! What a PaymentIntent means for the invoice that it collects.
//!
//! The table is total: every word that Stripe documents has its row, and any other word has one of
//! its own. It is read by charges, links and bank transfers alike.
//!
//! | status | what it means |
//! |---|---|
//! | `succeeded` | the money is taken |
//! | `processing` | it may yet be taken |
//! | `requires_capture` | it may yet be taken, and we never ask for that: alarm |
//! | `requires_action`, `requires_confirmation`, `requires_payment_method` | nothing is taken, and somebody could yet make it be: cancel, and read back that it is |
//! | `canceled` | nothing is taken and nothing will be |
//! | any other | it may yet be taken: alarm |
//!
//! Source: Stripe's API reference, "The PaymentIntent object".

use crate::model::collection::{Collection, Ending, Stage, Taken};
use crate::model::payment_intent::{PaymentIntent, Status};
use crate::model::time::Timestamp;
use std::fmt;
use std::time::Duration;

/// The first wait before a PaymentIntent that may yet take the money is read again, and the longest.
/// Events bring the news; reads are rationed, and only make up for events that do not come.
const READ_AGAIN_MIN: Duration = Duration::from_secs(30);
const READ_AGAIN_MAX: Duration = Duration::from_secs(6 * 60 * 60);

/// What a status means for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The money is taken.
    Taken,
    /// It may yet be taken.
    InFlight {
        /// Whether a person is to be told, since we never ask for this.
        alarm: bool,
    },
    /// Nothing is taken, and it could yet be: it is to be canceled, and read back canceled.
    ToCancel,
    /// Nothing is taken and nothing will be.
    Free,
}

/// What `status` means.
#[must_use]
pub const fn meaning(status: &Status) -> Meaning {
    match status {
        Status::Succeeded => Meaning::Taken,
        Status::Processing => Meaning::InFlight { alarm: false },
        Status::RequiresCapture | Status::Other(_) => Meaning::InFlight { alarm: true },
        Status::RequiresAction | Status::RequiresConfirmation | Status::RequiresPaymentMethod => {
            Meaning::ToCancel
        }
        Status::Canceled => Meaning::Free,
    }
}

/// Why what Stripe showed cannot be what became of the collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strange {
    /// It says that it is another collection's, or nobody's.
    NotOurs,
    /// It is another one than before.
    Another,
    /// It succeeded and received nothing.
    Nothing,
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOurs => "the PaymentIntent does not say that it is of this collection",
            Self::Another => "Stripe showed another PaymentIntent than before",
            Self::Nothing => "the PaymentIntent succeeded and received nothing",
        })
    }
}

/// The collection after Stripe showed its PaymentIntent at `now`.
///
/// # Errors
///
/// What was shown cannot be of it; a person has to look.
pub fn after(
    collection: &Collection,
    seen: &PaymentIntent,
    now: Timestamp,
) -> Result<Collection, Strange> {
    let is_ours = seen.mark.as_ref().is_some_and(|mark| {
        mark.invoice == collection.invoice && mark.attempt == collection.number
    });
    if !is_ours {
        return Err(Strange::NotOurs);
    }
    if collection
        .intent
        .as_ref()
        .is_some_and(|known| *known != seen.id)
    {
        return Err(Strange::Another);
    }
    let known = Collection {
        intent: Some(seen.id.clone()),
        charge: seen.charge.clone().or_else(|| collection.charge.clone()),
        ..collection.clone()
    };
    #[cfg(feature = "mutants")]
    if crate::mutants::is_on(crate::mutants::Mutant::ProcessingIsFree)
        && seen.status == Status::Processing
    {
        return Ok(known.at_stage(Stage::Ended(Ending::Canceled), now));
    }
    Ok(match meaning(&seen.status) {
        Meaning::Taken if !seen.received.is_positive() => return Err(Strange::Nothing),
        Meaning::Taken => Collection {
            taken: Some(Taken {
                amount: seen.received,
                at: now,
            }),
            ..known.at_stage(Stage::Booking, now)
        },
        Meaning::InFlight { alarm } => in_flight(known, seen, alarm, now),
        Meaning::ToCancel => match known.stage {
            Stage::Closing(_) => Collection {
                due_at: Some(now),
                ..known
            },
            _ => known.at_stage(Stage::Closing(ending(seen)), now),
        },
        Meaning::Free => {
            let ending = match &known.stage {
                Stage::Closing(ending) => ending.clone(),
                _ => Ending::Canceled,
            };
            known.at_stage(Stage::Ended(ending), now)
        }
    })
}

fn in_flight(known: Collection, seen: &PaymentIntent, alarm: bool, now: Timestamp) -> Collection {
    let reads = match known.stage {
        Stage::Open => known.attempts.saturating_add(1),
        _ => 0,
    };
    let since = match known.stage {
        Stage::Open => known.since,
        _ => now,
    };
    let doubled = 1_u32.checked_shl(reads).unwrap_or(u32::MAX);
    let wait = READ_AGAIN_MIN.saturating_mul(doubled).min(READ_AGAIN_MAX);
    Collection {
        stage: Stage::Open,
        attempts: reads,
        since,
        due_at: Some(now.plus(wait)),
        note: alarm.then(|| {
            let status = seen.status.as_str();
            format!("its PaymentIntent is {status}, which is never asked for: look at it in Stripe")
        }),
        ..known
    }
}

/// Why a PaymentIntent that is to be canceled took nothing.
fn ending(seen: &PaymentIntent) -> Ending {
    match &seen.decline {
        Some(decline) if is_for_the_customer(decline.reason()) => Ending::NeedsCustomer,
        Some(decline) => Ending::Declined(decline.clone()),
        None if seen.status == Status::RequiresAction => Ending::NeedsCustomer,
        None => Ending::Canceled,
    }
}

/// Whether a decline says that its owner has to confirm the payment.
pub(in crate::sync) fn is_for_the_customer(reason: &str) -> bool {
    matches!(
        reason,
        "authentication_required" | "authentication_not_handled"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::collection::Decline;
    use crate::model::id::{OrganisationId, PaymentIntentId};
    use crate::model::payment_intent::Mark;
    use crate::sync::testing::{collection, usd};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn shown(status: &str) -> PaymentIntent {
        let of = collection(Stage::Open);
        PaymentIntent {
            id: PaymentIntentId::parse("pi_1").unwrap(),
            status: Status::of(status),
            amount: usd(10_000),
            received: usd(if status == "succeeded" { 10_000 } else { 0 }),
            charge: Some("ch_1".to_owned()),
            decline: None,
            mark: Some(Mark {
                installation: "0a".to_owned(),
                epoch: 1,
                organisation: OrganisationId::parse("org-1").unwrap(),
                invoice: of.invoice,
                attempt: of.number,
            }),
            created: at(1),
        }
    }

    #[test]
    fn money_c12_every_status_has_a_meaning_and_only_canceled_is_free() {
        let in_flight = |alarm| Meaning::InFlight { alarm };
        for (word, expected) in [
            ("succeeded", Meaning::Taken),
            ("processing", in_flight(false)),
            ("requires_capture", in_flight(true)),
            ("requires_action", Meaning::ToCancel),
            ("requires_confirmation", Meaning::ToCancel),
            ("requires_payment_method", Meaning::ToCancel),
            ("canceled", Meaning::Free),
            ("partially_funded", in_flight(true)),
            ("Succeeded", in_flight(true)),
            ("", in_flight(true)),
        ] {
            let status = Status::of(word);
            assert_eq!(status.as_str(), word);
            assert_eq!(meaning(&status), expected, "{word}");
        }
    }

    #[test]
    fn money_c12_a_status_moves_the_collection_and_only_canceled_ends_it() {
        let decline = |reason: &str| Decline {
            code: "card_declined".to_owned(),
            decline_code: Some(reason.to_owned()),
            advice_code: None,
        };
        let declined = PaymentIntent {
            decline: Some(decline("lost_card")),
            ..shown("requires_payment_method")
        };
        let to_confirm = PaymentIntent {
            decline: Some(decline("authentication_not_handled")),
            ..shown("requires_payment_method")
        };
        let closing = |ending| Stage::Closing(ending);
        let lost = Ending::Declined(decline("lost_card"));
        for (stage, seen, expected) in [
            (Stage::Unknown(at(1)), shown("succeeded"), Stage::Booking),
            (Stage::Open, shown("succeeded"), Stage::Booking),
            // It was taken before it could be canceled.
            (closing(lost.clone()), shown("succeeded"), Stage::Booking),
            (Stage::Unknown(at(1)), shown("processing"), Stage::Open),
            (
                Stage::Unknown(at(1)),
                shown("requires_capture"),
                Stage::Open,
            ),
            (Stage::Unknown(at(1)), declined, closing(lost.clone())),
            (Stage::Open, to_confirm, closing(Ending::NeedsCustomer)),
            (
                Stage::Unknown(at(1)),
                shown("requires_action"),
                closing(Ending::NeedsCustomer),
            ),
            (
                Stage::Open,
                shown("requires_confirmation"),
                closing(Ending::Canceled),
            ),
            // Still to be canceled, for the same reason.
            (
                closing(lost.clone()),
                shown("requires_payment_method"),
                closing(lost.clone()),
            ),
            (closing(lost.clone()), shown("canceled"), Stage::Ended(lost)),
            (
                Stage::Open,
                shown("canceled"),
                Stage::Ended(Ending::Canceled),
            ),
        ] {
            let found = after(&collection(stage.clone()), &seen, at(2_000)).unwrap();
            assert_eq!(found.stage, expected, "{stage:?} {seen:?}");
            assert_eq!(found.taken.is_some(), expected == Stage::Booking);
            assert_eq!(found.due_at.is_some(), !expected.is_over());
        }
    }

    #[test]
    fn what_may_yet_be_taken_is_read_again_ever_more_rarely() {
        let mut now = at(2_000);
        let mut seen = collection(Stage::Unknown(at(1)));
        let mut waits = Vec::new();
        for _ in 0..40 {
            seen = after(&seen, &shown("processing"), now).unwrap();
            let due = seen.due_at.unwrap();
            waits.push(due.since(now));
            now = due;
        }
        assert_eq!(waits.first(), Some(&READ_AGAIN_MIN));
        assert_eq!(waits.last(), Some(&READ_AGAIN_MAX));
        assert!(waits.is_sorted());
        assert_eq!((seen.since, seen.note), (at(2_000), None));
        let alarmed = after(&collection(Stage::Open), &shown("requires_capture"), now).unwrap();
        assert!(alarmed.note.unwrap().contains("requires_capture"));
    }

    #[test]
    fn money_d18_a_payment_intent_that_is_not_of_the_collection_is_not_believed() {
        let unmarked = PaymentIntent {
            mark: None,
            ..shown("succeeded")
        };
        let mut other = shown("succeeded");
        other.mark.as_mut().unwrap().attempt = 2;
        let nothing = PaymentIntent {
            received: usd(0),
            ..shown("succeeded")
        };
        let of = collection(Stage::Unknown(at(1)));
        for (seen, expected) in [
            (unmarked, Strange::NotOurs),
            (other, Strange::NotOurs),
            (nothing, Strange::Nothing),
        ] {
            assert_eq!(after(&of, &seen, at(2)), Err(expected));
        }
        let known = Collection {
            intent: PaymentIntentId::parse("pi_2").ok(),
            ..of
        };
        let found = after(&known, &shown("succeeded"), at(2));
        assert_eq!(found, Err(Strange::Another));
    }

    #[test]
    fn what_is_booked_is_what_was_received() {
        let more = PaymentIntent {
            received: usd(12_000),
            ..shown("succeeded")
        };
        let found = after(&collection(Stage::Open), &more, at(2)).unwrap();
        let taken = Taken {
            amount: usd(12_000),
            at: at(2),
        };
        assert_eq!(found.taken, Some(taken));
        assert_eq!(found.charge.as_deref(), Some("ch_1"));
    }
}

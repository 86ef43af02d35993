//! A store with linked customers, written through the product's own store: to link a million by
//! the daemon's scan would take longer than everything that is measured.

use crate::event::{address, email, name, phone_before};
use crate::ids::{stripe_customer, zenskar_customer};
use crate::num::{float, text};
use crate::stub::{ACCOUNT, LOCALE, ORGANISATION, stripe_object, zenskar_object};
use crate::{Outcome, clock, out};
use std::path::Path;
use zenstripe::model::cursor::{PollCursor, ScanCounts, ScanCursor, ScanPhase};
use zenstripe::model::customer::{Address, Field, Fields, Value};
use zenstripe::model::difference::{Difference, Held};
use zenstripe::model::id::{AccountId, OrganisationId, StripeCustomerId, ZenskarCustomerId};
use zenstripe::model::link::{Link, LinkProof, LinkState, Side};
use zenstripe::model::mirror::Mirror;
use zenstripe::model::time::Timestamp;
use zenstripe::store::{Identity, Mode, PreparedMirror, Store, StoreOptions, Writer};
use zenstripe::sync::activation::{Activations, Since};
use zenstripe::sync::policy::Direction;

/// Customers in one transaction.
const BATCH: usize = 10_000;
/// One customer in so many differs in a field.
const DIFFERS_EACH: usize = 10;
/// Customers between two progress lines.
const NEWS: u64 = 200_000;

/// Makes a store at `path` in which customers 0 to `customers` are linked, agree in every field,
/// and were just scanned.
pub(crate) fn seed(path: &Path, customers: u64) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = Store::open(path, StoreOptions::default())?;
    let writer = Writer::inline(store);
    let now = Timestamp::from_micros(i64::try_from(clock::unix().as_micros())?);
    // In the order of the keys, leaves fill up one after the other.
    let mut numbers: Vec<u64> = (0..customers).collect();
    numbers.sort_by_cached_key(|number| stripe_customer(*number));
    let mut done = 0;
    for batch in numbers.chunks(BATCH) {
        let rows = batch
            .iter()
            .map(|number| Ok((linked(*number, now)?, seen_in_stripe(*number, now)?)));
        let rows = rows.collect::<Outcome<Vec<_>>>()?;
        runtime.block_on(writer.write("link", move |tx| {
            for (link, mirror) in &rows {
                tx.put_link(link)?;
                tx.put_mirror(mirror)?;
            }
            // A plan is to be added up of what differs.
            for (link, _) in rows.iter().step_by(DIFFERS_EACH) {
                tx.put_differences(&link.stripe, &[differs()])?;
            }
            Ok(())
        }))?;
        done += crate::num::count(batch.len());
        if done % NEWS == 0 {
            out::note(&format!("  {} linked", text(float(done), 0)));
        }
    }
    numbers.sort_by_cached_key(|number| zenskar_customer(*number));
    for batch in numbers.chunks(BATCH) {
        let rows = batch.iter().map(|number| seen_in_zenskar(*number, now));
        let rows = rows.collect::<Outcome<Vec<_>>>()?;
        runtime.block_on(writer.write("mirror", move |tx| {
            rows.iter().try_for_each(|mirror| tx.put_mirror(mirror))
        }))?;
    }
    let identity = Identity {
        account: AccountId::parse(ACCOUNT)?,
        mode: Mode::Test,
        organisation: OrganisationId::parse(ORGANISATION)?,
    };
    // The bases were agreed while every field was active: else none of them would count.
    let since = Since {
        here: now,
        stripe: Some(now),
    };
    let active = Activations {
        direction: Some(Direction::From(Side::Stripe)),
        fields: Field::ALL.into_iter().map(|field| (field, since)).collect(),
    };
    runtime.block_on(writer.write("settle", move |tx| {
        tx.set_identity(&identity)?;
        tx.set_activations(&active)?;
        tx.set_poll_cursor(&PollCursor {
            high: Some(now),
            window: None,
        })?;
        tx.set_scan_cursor(&scanned(customers, now))
    }))?;
    Ok(())
}

/// A field that was never seen to agree.
fn differs() -> Difference {
    Difference {
        field: Field::Phone,
        stripe: Value::text("+1 555 0100"),
        zenskar: Value::text("+1 555 0199"),
        base: None,
        why: Held::NoBase,
    }
}

/// What both sides of customer `number` agree on.
pub(crate) fn base(number: u64) -> Fields {
    let [line1, line2, city, state, postal_code] = address(number);
    let place = Address {
        line1,
        line2,
        city,
        state,
        postal_code,
        country: "US".to_owned(),
    };
    // Blanks are agreed on as well.
    let mut base = Fields::from(Field::ALL.map(|field| (field, Value::Blank)));
    base.extend([
        (Field::Name, Value::text(&name(number))),
        (Field::Email, Value::text(&email(number))),
        (Field::Phone, Value::text(&phone_before(number))),
        (Field::Address, Value::address(place)),
        (Field::Locale, Value::text(LOCALE)),
    ]);
    base
}

/// A link of customer `number`.
pub(crate) fn linked(number: u64, now: Timestamp) -> Outcome<Link> {
    Ok(Link {
        stripe: StripeCustomerId::parse(&stripe_customer(number))?,
        zenskar: ZenskarCustomerId::parse(&zenskar_customer(number))?,
        version: 1,
        base: base(number),
        state: LinkState::Active,
        proof: LinkProof::Mapping,
        made_at: now,
        planned_at: now,
    })
}

/// The mirror of Stripe of customer `number`.
fn seen_in_stripe(number: u64, now: Timestamp) -> Outcome<PreparedMirror> {
    let object = stripe_object(number, &phone_before(number)).to_string();
    let id = stripe_customer(number);
    Ok(PreparedMirror::new(
        Side::Stripe,
        &id,
        &mirror(object, now),
    )?)
}

/// The mirror of Zenskar of customer `number`.
fn seen_in_zenskar(number: u64, now: Timestamp) -> Outcome<PreparedMirror> {
    let object = zenskar_object(number).to_string();
    let id = zenskar_customer(number);
    Ok(PreparedMirror::new(
        Side::Zenskar,
        &id,
        &mirror(object, now),
    )?)
}

fn mirror(object: String, now: Timestamp) -> Mirror {
    Mirror {
        observed_at: now,
        deleted: false,
        payload: object.into_bytes(),
    }
}

/// The cursor of a scan that has just come to its end.
fn scanned(customers: u64, now: Timestamp) -> ScanCursor {
    ScanCursor {
        phase: ScanPhase::Idle,
        started_at: now,
        stripe_started_at: Some(now),
        finished_at: Some(now),
        found: ScanCounts {
            stripe: customers,
            zenskar: customers,
            linked: customers,
            ..ScanCounts::default()
        },
        ..ScanCursor::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zenstripe::stripe::convert::observed;
    use zenstripe::zenskar::object::ZenskarCustomer;

    #[test]
    fn every_customer_is_linked_and_agrees() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zenstripe.redb");
        seed(&path, 25).unwrap();
        let store = Store::open(&path, StoreOptions::default()).unwrap();
        let view = store.read().unwrap();
        assert_eq!(view.link_count().unwrap(), 25);
        let stripe = StripeCustomerId::parse(&stripe_customer(7)).unwrap();
        let link = view.link(&stripe).unwrap().unwrap();
        assert_eq!(link.zenskar.as_str(), zenskar_customer(7));
        assert_eq!(link.base.len(), Field::ALL.len());
        let mirror = |side, id: &str| view.mirror(side, id).unwrap().unwrap().payload;
        let seen = observed(mirror(Side::Stripe, stripe.as_str())).unwrap();
        let ours = seen.presence.customer().unwrap();
        let seen = ZenskarCustomer::parse(mirror(Side::Zenskar, link.zenskar.as_str()));
        let theirs = seen.unwrap().customer;
        for (field, agreed) in &link.base {
            for side in [ours, &theirs] {
                let value = side.value(*field);
                assert!(value.is_none_or(|value| value == agreed), "{field}");
            }
        }
        assert!(view.scan_cursor().unwrap().finished_at.is_some());
    }
}

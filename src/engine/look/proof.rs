//! What a look proves about changes: which fields changed, and when.

use crate::engine::Engine;
use crate::engine::activation::Known;
use crate::engine::delivery::target::own_keys;
use crate::engine::error::EngineError;
use crate::engine::look::Sight;
use crate::model::customer::Customer;
use crate::model::event::Event;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::stripe;
use crate::sync::evidence::{Evidence, Span};
use crate::sync::lag::READ_LAG;
use crate::zenskar::object::ZenskarCustomer;
use std::time::Duration;

/// Stripe says when it made an event in whole seconds.
const SECOND: Duration = Duration::from_secs(1);

impl Engine {
    /// What this look, the one before it and the events prove about the customer's fields.
    pub(super) fn prove(
        &self,
        known: &Known,
        (stripe, zenskar): (&Sight, &Sight),
        events: &[Event],
    ) -> Result<Evidence, EngineError> {
        let policy = &self.settings().policy;
        let own = own_keys(&self.store.read()?.installation_id()?);
        let mut evidence = known.evidence(events, stripe.made_at, policy, &own);
        if !policy.conflict.ask_for_times() {
            return Ok(evidence);
        }
        let read = self.store.read()?;
        let before = read.mirror(Side::Zenskar, known.link.zenskar.as_str())?;
        let before = before.and_then(|mirror| {
            let seen = ZenskarCustomer::parse(mirror.payload).ok()?;
            Some((seen.customer, mirror.observed_at))
        });
        if let (Some(before), Some(now)) = (before, zenskar.presence.customer()) {
            let now = (now, zenskar.mirror.observed_at);
            let fields = policy.fields.iter().copied();
            // What that look did not show yet may have been there already.
            let before = (&before.0, before.1.minus(READ_LAG));
            evidence.seen(Side::Zenskar, fields, before, now);
        }
        if let Some(holds) = stripe.presence.customer() {
            for event in events {
                take_times(&mut evidence, event, holds);
            }
        }
        Ok(evidence)
    }
}

/// When the fields changed that the event names, so far as Stripe still holds what they became: a
/// change whose event is on its way would be a later one.
fn take_times(evidence: &mut Evidence, event: &Event, holds: &Customer) {
    let stripe::event::Evidence::Named(named) = stripe::event::previous_attributes(&event.payload)
    else {
        return;
    };
    let Ok(snapshot) = stripe::event::customer(&event.payload) else {
        return;
    };
    let Some(became) = snapshot.presence.customer() else {
        return;
    };
    for (field, _) in named {
        if became.value(field) == holds.value(field) {
            evidence.changed_within(Side::Stripe, field, within_second(event.created));
        }
    }
}

fn within_second(at: Timestamp) -> Span {
    Span {
        after: at,
        until: at.plus(SECOND),
    }
}

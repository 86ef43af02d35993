//! An event as it came from Stripe.
//!
//! Whatever the bytes, reading ends without a panic; an envelope that was read goes into the inbox
//! with the bytes it was read from.

use zenstripe::model::event::Channel;
use zenstripe::model::time::Timestamp;
use zenstripe::stripe::event;

pub(crate) fn run(input: &[u8]) {
    let evidence = event::previous_attributes(input);
    assert_eq!(
        evidence,
        event::previous_attributes(input),
        "evidence that changes"
    );
    assert_eq!(
        event::previous_metadata(input),
        event::previous_metadata(input),
        "evidence that changes"
    );
    let customer = event::customer(input);
    let Ok(envelope) = event::parse(input) else {
        return;
    };
    assert!(
        event::snapshot(input).is_ok(),
        "an event without its object: {envelope:?}"
    );
    if let Err(error) = customer {
        assert!(!error.to_string().is_empty(), "an error that says nothing");
    }
    let kept = envelope.into_event(Channel::Webhook, Timestamp::MIN, input.to_vec());
    assert_eq!(
        kept.payload, input,
        "the inbox keeps the bytes as they came"
    );
    let again = event::parse(&kept.payload);
    assert_eq!(
        again.map(|envelope| envelope.id).ok(),
        Some(kept.id),
        "the bytes of the inbox are read as the same event"
    );
}

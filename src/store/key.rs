//! Keys: built and taken apart here, so that their order is said in one place.
//!
//! Numbers and instants are big-endian, and instants have their sign flipped, so that the order of
//! the bytes is the order of the values. An id never holds the byte 0, which therefore ends it.

use crate::model::link::Side;
use crate::model::time::Timestamp;

/// Ends an id inside a longer key.
const END: u8 = 0;

/// The key of a sequence or other number.
pub(super) const fn number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The number that `key` is the key of.
pub(super) fn to_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// An instant, so that earlier ones sort first.
pub(super) const fn instant(at: Timestamp) -> [u8; 8] {
    at.micros()
        .cast_unsigned()
        .wrapping_sub(i64::MIN.cast_unsigned())
        .to_be_bytes()
}

fn to_instant(bytes: [u8; 8]) -> Timestamp {
    Timestamp::from_micros(
        u64::from_be_bytes(bytes)
            .wrapping_add(i64::MIN.cast_unsigned())
            .cast_signed(),
    )
}

/// The instant that `bytes`, made by [`instant`], stand for.
pub(super) fn to_instant_of(bytes: &[u8]) -> Option<Timestamp> {
    bytes.try_into().ok().map(to_instant)
}

/// The key of something that is due: the instant, then what.
pub(super) fn due(at: Timestamp, what: &[u8]) -> Vec<u8> {
    let mut key = instant(at).to_vec();
    key.extend_from_slice(what);
    key
}

/// When `key`, made by [`due`], is due, and what is.
pub(super) fn to_due(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (at, what) = key.split_first_chunk::<8>()?;
    Some((to_instant(*at), what))
}

/// The key of a link's intent.
pub(super) fn intent(link: &str, intent: u64) -> Vec<u8> {
    let mut key = intents_from(link);
    key.extend_from_slice(&number(intent));
    key
}

/// The bound before a link's first intent.
pub(super) fn intents_from(link: &str) -> Vec<u8> {
    let mut key = link.as_bytes().to_vec();
    key.push(END);
    key
}

/// The bound after a link's last intent.
pub(super) fn intents_to(link: &str) -> Vec<u8> {
    let mut key = link.as_bytes().to_vec();
    key.push(END.saturating_add(1));
    key
}

/// The key of what a run decided about a link, and of what else a number and a customer of Stripe name.
pub(super) fn run(run: u64, link: &str) -> Vec<u8> {
    let mut key = number(run).to_vec();
    key.extend_from_slice(link.as_bytes());
    key
}

/// The customer of Stripe that `key`, made by [`run`], is about.
pub(super) fn to_run(key: &[u8]) -> Option<&str> {
    let (_, link) = key.split_first_chunk::<8>()?;
    std::str::from_utf8(link).ok()
}

/// The bound before the first customer of Stripe that names a customer of Zenskar.
pub(super) fn named_from(zenskar: &str) -> Vec<u8> {
    intents_from(zenskar)
}

/// The bound after the last one.
pub(super) fn named_to(zenskar: &str) -> Vec<u8> {
    intents_to(zenskar)
}

/// The key of a customer of Stripe that names a customer of Zenskar.
pub(super) fn named(zenskar: &str, stripe: &str) -> Vec<u8> {
    let mut key = named_from(zenskar);
    key.extend_from_slice(stripe.as_bytes());
    key
}

/// The customer of Stripe in a key made by [`named`].
pub(super) fn to_named(key: &[u8]) -> Option<&str> {
    let end = key.iter().position(|byte| *byte == END)?;
    std::str::from_utf8(key.get(end.saturating_add(1)..)?).ok()
}

/// The bound before the first row about a subject.
pub(super) fn about_from(subject: &str) -> Vec<u8> {
    intents_from(subject)
}

/// The bound after the last one.
pub(super) fn about_to(subject: &str) -> Vec<u8> {
    intents_to(subject)
}

/// The key of a numbered row about a subject: a dead letter, an entry of the journal.
pub(super) fn about(subject: &str, number: u64) -> Vec<u8> {
    intent(subject, number)
}

/// The number of the row in a key made by [`about`].
pub(super) fn to_about(key: &[u8]) -> Option<u64> {
    let (_, number) = key.split_last_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}

const fn letter(side: Side) -> u8 {
    match side {
        Side::Stripe => b's',
        Side::Zenskar => b'z',
    }
}

/// The key of a mirror.
pub(super) fn mirror(side: Side, id: &str) -> Vec<u8> {
    let mut key = vec![letter(side)];
    key.extend_from_slice(id.as_bytes());
    key
}

/// The side and the id that `key`, made by [`mirror`], is the key of.
pub(super) fn to_mirror(key: &[u8]) -> Option<(Side, &str)> {
    let (side, id) = key.split_first()?;
    let side = match side {
        b's' => Side::Stripe,
        b'z' => Side::Zenskar,
        _ => return None,
    };
    Some((side, std::str::from_utf8(id).ok()?))
}

/// The key of a page of a side's listing.
pub(super) fn page(side: Side, page: u64) -> Vec<u8> {
    let mut key = b"listed/".to_vec();
    key.push(letter(side));
    key.extend_from_slice(&number(page));
    key
}

/// A day.
pub(super) const fn day(day: u32) -> [u8; 4] {
    day.to_be_bytes()
}

/// A key for people: text where it is text, hexadecimal where it is not.
pub(super) fn show(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_sort_as_their_keys_do() {
        let instants = [
            Timestamp::MIN,
            Timestamp::from_micros(-1),
            Timestamp::from_micros(0),
            Timestamp::from_micros(1),
            Timestamp::MAX,
        ];
        for pair in instants.windows(2) {
            assert!(due(pair[0], b"x") < due(pair[1], b"a"), "{pair:?}");
            assert_eq!(to_due(&due(pair[0], b"x")), Some((pair[0], &b"x"[..])));
        }
    }

    #[test]
    fn intents_of_a_link_lie_between_its_bounds() {
        for number in [0, 1, u64::MAX] {
            let key = intent("cus_1", number);
            assert!(intents_from("cus_1") < key && key < intents_to("cus_1"));
        }
        assert!(intents_to("cus_1") < intents_from("cus_10"));
    }
}

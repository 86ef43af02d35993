//! Signed `customer.updated` events of exactly 4 KiB, as Stripe sends them: indented JSON in which
//! the customer's telephone number has changed.
//!
//! Bodies come from a pool of [`TEMPLATES`] customers whose values differ; what differs per event
//! (ids, instants, the number) has a fixed width and is written over its place, so that a load
//! generator spends its time on sending.

use crate::Outcome;
use crate::ids::{digits, mix, scatter, stripe_customer};
use crate::num::count;
use aws_lc_rs::hmac;
use std::collections::BTreeMap;

/// Size of a body.
pub(crate) const BODY_BYTES: usize = 4_096;
/// Number of different customers in the pool.
const TEMPLATES: u64 = 1_024;
/// Bytes of a signature in hexadecimal.
pub(crate) const SIGNATURE_BYTES: usize = 64;

const SOURCE: &str = include_str!("event/customer_updated.json");
const NAMES: &str = "Alder Beacon Cedar Delta Ember Falcon Granite Harbor Indigo Juniper Keystone \
    Lumen Meridian Northwind Orchard Pioneer Quarry Redwood Summit Tidewater Umbra Vertex Willow Zephyr";
const KINDS: &str = "Analytics Brewing Clinics Dynamics Energy Foods Freight Holdings Insurance Labs \
    Logistics Manufacturing Media Networks Robotics Software Systems Textiles Trading Ventures";
const PEOPLE: &str = "Ana_Costa Ben_Okafor Chen_Wei Dana_Levi Elif_Demir Farid_Nasser Grace_Kim \
    Hugo_Martin Ines_Rossi Jonas_Weber Kavya_Rao Liam_Byrne Maya_Singh Noah_Fischer Olga_Novak Priya_Nair";
const CITIES: &str = "San_Francisco/CA/94102 Austin/TX/78701 Denver/CO/80202 Boston/MA/02108 \
    Seattle/WA/98101 Chicago/IL/60601 Atlanta/GA/30303 Portland/OR/97204 Phoenix/AZ/85004 Miami/FL/33131";
const STREETS: &str =
    "Market Mission Howard Folsom Main Oak Pine Cedar Elm Washington Lincoln Jefferson";
const WORDS: &str = "asked for a single invoice per quarter and prefers transfers over cards renewal is \
    expected in spring legal review of the new terms pending with their procurement team contact moved to \
    another office after the merger usage grew faster than planned so the seats were raised twice";

/// What is written over its place for each event.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Event,
    Customer,
    Created,
    Request,
    Key,
    Phone,
    Before,
}

impl Slot {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "event" => Self::Event,
            "customer" => Self::Customer,
            "created" => Self::Created,
            "request" => Self::Request,
            "key" => Self::Key,
            "phone" => Self::Phone,
            "before" => Self::Before,
            _ => return None,
        })
    }

    const fn width(self) -> usize {
        match self {
            Self::Event => 28,
            Self::Customer => 18,
            Self::Created => 10,
            Self::Request => 14,
            Self::Key => 36,
            Self::Phone | Self::Before => 12,
        }
    }
}

/// One event to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// Sets the events of one run apart from those of another.
    pub(crate) run: u64,
    /// The event's number in its run.
    pub(crate) number: u64,
    /// The number of the customer it is about.
    pub(crate) customer: u64,
    /// When it happened, in seconds since the epoch.
    pub(crate) created: u64,
}

/// The telephone number that customer `number` has before any event.
pub(crate) fn phone_before(number: u64) -> String {
    format!("+1415{:07}", number % 10_000_000)
}

/// The telephone number after change `number`.
pub(crate) fn phone_after(number: u64) -> String {
    format!("+1628{:07}", number % 10_000_000)
}

/// The pool of bodies.
#[derive(Debug)]
pub(crate) struct Pool {
    templates: Vec<Template>,
}

#[derive(Debug)]
struct Template {
    body: Vec<u8>,
    slots: Vec<(usize, Slot)>,
}

impl Pool {
    /// Makes the pool.
    pub(crate) fn new() -> Outcome<Self> {
        let templates = (0..TEMPLATES).map(Template::new).collect::<Outcome<_>>()?;
        Ok(Self { templates })
    }

    /// The body of `event`, appended to `out`.
    pub(crate) fn write(&self, event: &Event, out: &mut Vec<u8>) {
        let place = usize::try_from(event.customer % TEMPLATES).unwrap_or(0);
        let Some(template) = self.templates.get(place) else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(&template.body);
        let Some(body) = out.get_mut(start..) else {
            return;
        };
        let text = Text::of(event);
        for (offset, slot) in &template.slots {
            let end = offset + slot.width();
            if let Some(target) = body.get_mut(*offset..end) {
                target.copy_from_slice(text.slot(*slot));
            }
        }
    }
}

/// The texts of one event, each as wide as its slot.
struct Text {
    event: [u8; 28],
    customer: String,
    created: [u8; 10],
    request: [u8; 14],
    key: [u8; 36],
    phone: String,
    before: String,
}

impl Text {
    fn of(event: &Event) -> Self {
        let seed = mix(event.run).wrapping_add(event.number);
        let mut text = Self {
            event: *b"evt_1.......................",
            customer: stripe_customer(event.customer),
            created: [b'0'; 10],
            request: [b'0'; 14],
            key: *b"........-....-4...-8...-............",
            phone: phone_after(event.number),
            before: phone_before(event.customer),
        };
        if let Some(rest) = text.event.get_mut(5..) {
            scatter(seed, rest);
        }
        scatter(seed ^ 0xa5a5, &mut text.request);
        let mut value = event.created;
        for digit in text.created.iter_mut().rev() {
            *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
        }
        let mut value = u128::from(mix(seed)) << 64 | u128::from(mix(!seed));
        for digit in text.key.iter_mut().filter(|byte| **byte == b'.') {
            let nibble = u8::try_from(value % 16).unwrap_or(0);
            *digit = if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' + nibble - 10
            };
            value /= 16;
        }
        text
    }

    fn slot(&self, slot: Slot) -> &[u8] {
        match slot {
            Slot::Event => &self.event,
            Slot::Customer => self.customer.as_bytes(),
            Slot::Created => &self.created,
            Slot::Request => &self.request,
            Slot::Key => &self.key,
            Slot::Phone => self.phone.as_bytes(),
            Slot::Before => self.before.as_bytes(),
        }
    }
}

impl Template {
    fn new(number: u64) -> Outcome<Self> {
        let mut profile = profile(number);
        let bare = Self::fill(&profile)?.body.len();
        let room = BODY_BYTES
            .checked_sub(bare)
            .ok_or("the template of the event is too long")?;
        profile.insert("filler", filler(number, room));
        Self::fill(&profile)
    }

    fn fill(profile: &BTreeMap<&str, String>) -> Outcome<Self> {
        let mut pieces = SOURCE.trim_end().split("<<");
        let mut body = pieces.next().unwrap_or_default().as_bytes().to_vec();
        let mut slots = Vec::new();
        for piece in pieces {
            let (name, rest) = piece.split_once(">>").ok_or("an open token in the event")?;
            if let Some(slot) = Slot::named(name) {
                slots.push((body.len(), slot));
                body.resize(body.len() + slot.width(), b'.');
            } else {
                let value = profile.get(name).ok_or("an unknown token in the event")?;
                body.extend_from_slice(value.as_bytes());
            }
            body.extend_from_slice(rest.as_bytes());
        }
        Ok(Self { body, slots })
    }
}

/// A word of `list` chosen by `seed`; an underscore stands for a space.
fn pick(list: &str, seed: u64) -> String {
    let words: Vec<&str> = list.split_ascii_whitespace().collect();
    let place = mix(seed) % count(words.len()).max(1);
    let word = words.get(usize::try_from(place).unwrap_or(0));
    word.map_or_else(String::new, |word| word.replace('_', " "))
}

/// A number below `limit` chosen by `seed`.
fn below(limit: u64, seed: u64) -> u64 {
    mix(seed) % limit
}

/// Digits of Stripe's identifiers chosen by `seed`.
fn token(length: usize, seed: u64) -> String {
    let mut text = vec![0_u8; length];
    scatter(seed, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Text of exactly `length` characters.
fn filler(number: u64, length: usize) -> String {
    let mut text = String::new();
    let mut seed = mix(number ^ 0xf111);
    while text.len() < length {
        text.push_str(&pick(WORDS, seed));
        text.push(' ');
        seed = mix(seed);
    }
    text.truncate(length);
    text
}

/// The name of customer `number`.
pub(crate) fn name(number: u64) -> String {
    let seed = (number % TEMPLATES) << 8;
    format!("{} {} Inc.", pick(NAMES, seed), pick(KINDS, seed + 1))
}

/// The e-mail address of customer `number`.
pub(crate) fn email(number: u64) -> String {
    let name = name(number).to_lowercase();
    let host: String = name.split(' ').take(2).collect();
    format!("billing+{}@{host}.example", number % TEMPLATES)
}

/// The address of customer `number`: line 1, line 2, city, state, postal code.
pub(crate) fn address(number: u64) -> [String; 5] {
    let seed = (number % TEMPLATES) << 8;
    let place = pick(CITIES, seed + 2);
    let mut parts = place.split('/').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let (city, state, postal) = (part(), part(), part());
    let street = format!(
        "{} {} Street",
        1 + below(9_999, seed + 3),
        pick(STREETS, seed + 4)
    );
    let suite = format!("Suite {}", 100 + below(900, seed + 5));
    [street, suite, city, state, postal]
}

/// Everything in the body of customer `number` that is the same in all its events.
fn profile(number: u64) -> BTreeMap<&'static str, String> {
    let seed = (number % TEMPLATES) << 8;
    let [street, suite, city, state, postal] = address(number);
    let suite = suite.replace("Suite ", "");
    let mut upper = [0_u8; 8];
    digits(mix(seed + 6), &mut upper);
    let prefix = String::from_utf8_lossy(&upper).to_ascii_uppercase();
    BTreeMap::from([
        ("filler", String::new()),
        ("name", name(number)),
        ("email", email(number)),
        ("street", street),
        ("suite", suite),
        ("city", city),
        ("state", state),
        ("postal", postal),
        ("country", "US".to_owned()),
        (
            "joined",
            (1_700_000_000 + below(60_000_000, seed + 7)).to_string(),
        ),
        ("industry", pick(KINDS, seed + 8)),
        (
            "region",
            pick("north-east mid-west south west-coast mountain", seed + 9),
        ),
        ("manager", pick(PEOPLE, seed + 10)),
        ("contact", pick(PEOPLE, seed + 11)),
        ("buyer", pick(PEOPLE, seed + 12)),
        ("prefix", prefix),
        ("order", (100_000 + below(900_000, seed + 13)).to_string()),
        ("centre", (1_000 + below(9_000, seed + 14)).to_string()),
        ("method", token(24, seed + 15)),
        ("contract", (10_000 + below(90_000, seed + 16)).to_string()),
        ("month", (1 + below(9, seed + 17)).to_string()),
        ("crm", token(18, seed + 18)),
        (
            "plan",
            pick("starter growth business enterprise", seed + 19),
        ),
        ("seats", (5 + below(500, seed + 20)).to_string()),
        ("sequence", (1 + below(300, seed + 21)).to_string()),
        ("support", pick("standard priority premium", seed + 22)),
    ])
}

/// The signing key of a webhook secret.
pub(crate) fn signing_key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

/// Stripe's `v1` signature of `body` at `seconds`, in hexadecimal.
pub(crate) fn sign(key: &hmac::Key, seconds: u64, body: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let mut hex = [b'0'; SIGNATURE_BYTES];
    let tag = context.sign();
    for (pair, byte) in hex.chunks_mut(2).zip(tag.as_ref()) {
        for (place, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *place = if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' + nibble - 10
            };
        }
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use zenstripe::model::customer::Field;

    #[test]
    fn every_body_is_4_kib_of_json_about_its_customer() {
        let pool = Pool::new().unwrap();
        let mut ids = BTreeSet::new();
        for number in 0..2_000 {
            let event = Event {
                run: 7,
                number,
                customer: number / 2,
                created: 1_790_000_000,
            };
            let mut body = Vec::new();
            pool.write(&event, &mut body);
            assert_eq!(body.len(), BODY_BYTES);
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let object = json.pointer("/data/object").unwrap();
            assert_eq!(object["id"], stripe_customer(number / 2).as_str());
            assert_eq!(object["phone"], phone_after(number).as_str());
            assert_eq!(object["name"], name(number / 2).as_str());
            assert_eq!(json["created"], 1_790_000_000);
            // Stripe allows a value of metadata 500 characters.
            let notes = object["metadata"]["notes"].as_str().unwrap().len();
            assert!((100..=500).contains(&notes), "{notes}");
            assert!(ids.insert(json["id"].as_str().unwrap().to_owned()));
        }
    }

    #[test]
    fn signs_as_openssl_does() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
        let hex = sign(&signing_key("whsec_test"), 1_700_000_000, b"{}");
        let expected = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        assert_eq!(hex.as_slice(), expected.as_bytes());
    }

    #[test]
    fn the_daemon_takes_it_for_an_event_of_stripe() {
        use zenstripe::model::time::Timestamp;
        use zenstripe::stripe::{event, signature::SigningSecrets};

        let now = 1_790_000_000;
        let (run, number, customer, created) = (7, 3, 5, now);
        let mut body = Vec::new();
        Pool::new().unwrap().write(
            &Event {
                run,
                number,
                customer,
                created,
            },
            &mut body,
        );
        let hex = sign(&signing_key("whsec_test"), now, &body);
        let header = format!("t={now},v1={}", std::str::from_utf8(&hex).unwrap());
        let secrets = SigningSecrets::new([b"whsec_test".as_slice()]);
        let at = Timestamp::from_seconds(i64::try_from(now).unwrap());
        assert!(secrets.verify(Some(header.as_bytes()), &body, at).is_ok());
        assert!(event::parse(&body).is_ok());
        let seen = event::customer(&body).unwrap();
        assert_eq!(seen.id.as_str(), stripe_customer(customer));
        assert!(matches!(
            event::previous_attributes(&body),
            event::Evidence::Named(before) if before.contains_key(&Field::Phone)
        ));
    }
}

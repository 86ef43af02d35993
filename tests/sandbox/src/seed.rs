//! Customers by the thousand: mapped pairs with the same data on both sides.
//!
//! The ids come from the world's seed; names and addresses count up. No events are made, as if
//! the pairs had been there long before.

use crate::address::Address;
use crate::stripe::Basics;
use crate::world::World;
use crate::zenskar::Seed;

/// Cities with state, country code and country.
const PLACES: [(&str, &str, &str, &str); 4] = [
    ("Portland", "OR", "US", "United States"),
    ("Lyon", "", "FR", "France"),
    ("Pune", "MH", "IN", "India"),
    ("Leeds", "", "GB", "United Kingdom"),
];

/// Puts in `count` mapped pairs.
pub(crate) fn pairs(world: &mut World, count: usize) -> Vec<(String, String)> {
    let first = world.stripe.customer_count();
    let created = world.base.now();
    let livemode = world.base.switches.stripe.livemode;
    let mut made = Vec::with_capacity(count);
    for n in first + 1..=first + count {
        let stripe_id = world.base.random.id("cus_", 14);
        let zenskar_id = world.base.random.uuid();
        let name: Box<str> = format!("Customer {n:07}").into();
        let email: Box<str> = format!("customer{n:07}@example.com").into();
        let phone: Box<str> = format!("+1555{n:07}").into();
        let line1 = format!("{n} Main Street");
        let code = format!("{:05}", n % 100_000);
        let place = PLACES.get(n % PLACES.len()).copied().unwrap_or_default();
        let (city, state, country_code, country) = place;
        let part = |text: &str| (!text.is_empty()).then(|| Box::from(text));
        let basics = Basics {
            name: Some(name.clone()),
            email: Some(email.clone()),
            phone: Some(phone.clone()),
            address: Some(Box::new(Address::new([
                part(city),
                part(country_code),
                part(&line1),
                None,
                part(&code),
                part(state),
            ]))),
        };
        world
            .stripe
            .seed_customer(&stripe_id, created, livemode, basics);
        let seed = Seed {
            id: zenskar_id.clone(),
            name,
            email: Some(email),
            phone: Some(phone),
            address: Some(Box::new(Address::new([
                part(&line1),
                None,
                None,
                part(city),
                part(state),
                part(&code),
                part(country),
                part(country_code),
                None,
            ]))),
            external_id: None,
            stripe: Some(stripe_id.as_str().into()),
        };
        world.zenskar.seed(&world.base, seed);
        made.push((stripe_id, zenskar_id));
    }
    made
}

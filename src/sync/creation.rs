//! Whether a customer that is there on one side only is made on the other.
//!
//! Made is who surely has no counterpart: everything that could show one was asked, all of it
//! answered, and nothing was found. Whatever leaves a doubt is a question for a person.
//!
//! | a customer of | is made in the other system if |
//! |---|---|
//! | Stripe | it is there and has a name; its metadata name nobody; the search in Zenskar was complete and brought nobody, not even by e-mail |
//! | Zenskar | it is there; its mapping answered, and names nobody; its external id names nobody in Stripe; no customer of Stripe has its address, or names it in its metadata |
//!
//! By itself that happens only to customers that were made after creating was switched on, by the
//! clock of the system that made them. Those that were there before are offered, and made when a
//! person orders it.

use crate::model::customer::{Customer, Field, Fields};
use crate::model::difference::Difference;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::sync::matching::{Mapping, Search};
use crate::sync::policy::Policy;
use crate::sync::sending::is_lowered;
use std::fmt;

/// Where a missing counterpart is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Creates {
    /// In Stripe.
    pub stripe: bool,
    /// In Zenskar.
    pub zenskar: bool,
}

impl Creates {
    /// Whether one is made on `target`.
    #[must_use]
    pub const fn allows(self, target: Side) -> bool {
        match target {
            Side::Stripe => self.stripe,
            Side::Zenskar => self.zenskar,
        }
    }
}

/// When creating was switched on, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// This host's: what it found before, it found under other rules.
    pub here: Timestamp,
    /// That of the system whose customers are made on the other side; `None` until it has told its
    /// time. Until then nobody counts as made after it.
    pub source: Option<Timestamp>,
}

/// Since when customers are made, by the side on which they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// In Stripe.
    pub stripe: Option<Since>,
    /// In Zenskar.
    pub zenskar: Option<Since>,
}

/// What each clock says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// This host's.
    pub here: Timestamp,
    /// Stripe's, once it is known.
    pub stripe: Option<Timestamp>,
    /// Zenskar's, once it is known.
    pub zenskar: Option<Timestamp>,
}

impl Switched {
    /// Since when customers are made on `target`; `None` where they are not.
    #[must_use]
    pub const fn on(&self, target: Side) -> Option<Since> {
        match target {
            Side::Stripe => self.stripe,
            Side::Zenskar => self.zenskar,
        }
    }

    /// What is on under `creates`, where this was so until now. A time that was not known is filled
    /// in: whoever was made until now was made before.
    #[must_use]
    pub fn under(&self, creates: Creates, clocks: Clocks) -> Self {
        let since = |target: Side, source: Option<Timestamp>| {
            let known = self.on(target).unwrap_or(Since {
                here: clocks.here,
                source,
            });
            creates.allows(target).then_some(Since {
                source: known.source.or(source),
                ..known
            })
        };
        Self {
            stripe: since(Side::Stripe, clocks.zenskar),
            zenskar: since(Side::Zenskar, clocks.stripe),
        }
    }

    /// Whether customers are made on a side on which they were not in `before`.
    #[must_use]
    pub fn is_wider_than(&self, before: &Self) -> bool {
        [Side::Stripe, Side::Zenskar]
            .into_iter()
            .any(|side| self.on(side).is_some() && before.on(side).is_none())
    }
}

/// Everything that is known of a customer without link.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Since when its like are made on the other side; `None` where they are not.
    pub since: Option<Since>,
    /// Whether a person ordered it.
    pub ordered: bool,
    /// When it was made, by its own system's clock, if that said.
    pub made_at: Option<Timestamp>,
    /// What it holds; `None` if it is deleted.
    pub customer: Option<&'a Customer>,
    /// What speaks for a counterpart.
    pub evidence: Evidence<'a>,
}

/// What speaks for a counterpart on the other side.
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// Of a customer of Stripe, in Zenskar.
    InZenskar {
        /// The customer that its metadata name.
        names: Option<&'a str>,
        /// Who may be it.
        search: &'a Search,
    },
    /// Of a customer of Zenskar, in Stripe.
    InStripe {
        /// What Zenskar's mapping says.
        mapping: &'a Mapping,
        /// What Stripe holds; `None` while it was not asked, since it rations reads.
        held: Option<&'a Held>,
    },
}

/// What Stripe holds of a customer of Zenskar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The customer that the external id names, and whether it is deleted.
    pub external: Option<(StripeCustomerId, bool)>,
    /// Whether somebody has the address of e-mail.
    pub email: bool,
    /// Somebody whose metadata name it.
    pub names_it: Option<StripeCustomerId>,
}

/// What is to be done about a customer without link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: its like are not made on the other side.
    Off,
    /// Stripe has to be asked first.
    AskStripe,
    /// It is made on the other side.
    Create,
    /// A person may order it.
    Offer,
    /// It waits for a person.
    Doubt(Doubt),
}

/// Why a customer is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is not there.
    Deleted,
    /// It has no name, and Zenskar takes no customer without one.
    Nameless,
    /// The search did not surely see everybody.
    Incomplete,
    /// These may be it.
    Candidates(Vec<ZenskarCustomerId>),
    /// Its metadata name this one.
    Names(String),
    /// The mapping did not answer.
    Unanswered,
    /// The mapping names this one.
    Mapped(StripeCustomerId),
    /// Its external id names this one, and whether it is deleted.
    External(StripeCustomerId, bool),
    /// Somebody in Stripe has its address.
    EmailTaken,
    /// This customer of Stripe names it.
    NamedBy(StripeCustomerId),
}

impl fmt::Display for Doubt {
    /// Why, to follow "not created in stripe:".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("it is deleted"),
            Self::Nameless => f.write_str("it has no name, which Zenskar requires"),
            Self::Incomplete => f.write_str("Zenskar's search was not complete"),
            Self::Candidates(several) => {
                f.write_str("customers of Zenskar may be it:")?;
                several.iter().try_for_each(|one| write!(f, " {one}"))
            }
            Self::Names(named) => write!(f, "its metadata name {named}, which is not in Zenskar"),
            Self::Unanswered => f.write_str("Zenskar's mapping gave no answer"),
            Self::Mapped(stripe) => write!(f, "Zenskar's mapping names {stripe}"),
            Self::External(stripe, false) => write!(f, "its external id names {stripe}"),
            Self::External(stripe, true) => {
                write!(f, "its external id names {stripe}, which is deleted")
            }
            Self::EmailTaken => f.write_str("a customer of Stripe has its address of e-mail"),
            Self::NamedBy(stripe) => write!(f, "the metadata of {stripe} name it"),
        }
    }
}

/// Decides what is to be done about a customer without link.
#[must_use]
pub fn judge(state: &State<'_>) -> Verdict {
    let Some(since) = state.since else {
        return Verdict::Off;
    };
    if let Some(doubt) = doubt(state) {
        return Verdict::Doubt(doubt);
    }
    let is_after = |made_at: Timestamp| since.source.is_some_and(|since| made_at > since);
    let is_new = state.made_at.is_some_and(is_after);
    if !state.ordered && !is_new {
        return Verdict::Offer;
    }
    match state.evidence {
        Evidence::InStripe { held: None, .. } => Verdict::AskStripe,
        Evidence::InStripe { .. } | Evidence::InZenskar { .. } => Verdict::Create,
    }
}

/// What speaks against making the customer, of what is known so far.
fn doubt(state: &State<'_>) -> Option<Doubt> {
    let Some(customer) = state.customer else {
        return Some(Doubt::Deleted);
    };
    match state.evidence {
        Evidence::InZenskar { names, search } => {
            let ids = search.candidates.iter().map(|one| one.id.clone());
            let found = !search.candidates.is_empty();
            let unnamed = customer
                .value(Field::Name)
                .is_none_or(|name| name.is_blank());
            match names {
                _ if found => Some(Doubt::Candidates(ids.collect())),
                Some(named) => Some(Doubt::Names(named.to_owned())),
                None if !search.complete => Some(Doubt::Incomplete),
                None => unnamed.then_some(Doubt::Nameless),
            }
        }
        Evidence::InStripe { mapping, held } => match mapping {
            Mapping::NoAnswer => Some(Doubt::Unanswered),
            Mapping::Names(stripe) => Some(Doubt::Mapped(stripe.clone())),
            Mapping::Nothing => doubt_of_held(held?),
        },
    }
}

fn doubt_of_held(held: &Held) -> Option<Doubt> {
    if let Some((stripe, deleted)) = &held.external {
        return Some(Doubt::External(stripe.clone(), *deleted));
    }
    if let Some(stripe) = &held.names_it {
        return Some(Doubt::NamedBy(stripe.clone()));
    }
    held.email.then_some(Doubt::EmailTaken)
}

/// What a customer made on `target` is given: the selected fields as its counterpart holds them.
///
/// Blank ones are left out. So is a shipping without name or address, which Stripe does not take,
/// and what `target` is never given. Zenskar is always given a name.
#[must_use]
pub fn values(customer: &Customer, target: Side, policy: &Policy) -> Fields {
    let mut values = Fields::new();
    let selected = policy.fields.iter().copied();
    let required = (target == Side::Zenskar).then_some(Field::Name);
    for field in selected.chain(required) {
        let value = customer.value(field);
        let value = value.filter(|value| !value.is_blank() && !value.is_nested());
        if let Some(value) = value.filter(|_| Policy::can_write(field, target)) {
            values.insert(field, value.clone());
        }
    }
    let shipping = [Field::ShippingName, Field::ShippingAddress];
    if target == Side::Stripe && shipping.iter().any(|field| !values.contains_key(field)) {
        values.retain(|field, _| !shipping.contains(field) && *field != Field::ShippingPhone);
    }
    values
}

/// What shows the customer that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The answer to the request: it holds what it was given, in its own form.
    ByAnswer,
    /// A later look: people may have edited it since. Only the form in which a system keeps
    /// addresses of e-mail is told from an edit.
    Later,
}

/// What a link begins with once the customer is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// What both sides agree on: what it was given and holds, and else what both show alike.
    pub base: Fields,
    /// What it was given and took in a form of its own; agreed is what it was given.
    pub not_taken: Vec<Difference>,
}

/// What a link begins with, given what was `sent` to make `made` on `target` for `source`.
#[must_use]
pub fn beginning(
    sent: &Fields,
    source: &Customer,
    (target, made, shown): (Side, &Customer, Shown),
    policy: &Policy,
) -> Beginning {
    let mut beginning = Beginning::default();
    for field in &policy.fields {
        let field = *field;
        let given = sent.get(&field);
        let (Some(held), Some(known)) = (made.value(field), given.or_else(|| source.value(field)))
        else {
            continue;
        };
        let in_own_form = shown == Shown::ByAnswer || is_lowered(field, known, held);
        if held == known {
            beginning.base.insert(field, held.clone());
        } else if in_own_form && given.is_some() {
            let difference = Difference::not_taken(field, target, (known, held), Some(known));
            beginning.base.insert(field, known.clone());
            beginning.not_taken.push(difference);
        }
    }
    beginning
}

#[cfg(test)]
mod tests;

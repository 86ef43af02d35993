//! The operator's configuration in the forms that the parts take, and what of it this version
//! cannot do.
//!
//! A setting whose work is not done yet is refused and never silently ignored: who sets it counts
//! on it.

use crate::config::{
    Apply, AutoCharge, Config, Consolidation, Create, CurrencyCode, DefaultMethod,
    Field as ConfigField, Initial, Mode, NativeStripe, OrganisationKind, Overpaid, Owner,
    PaymentMethodMirror, Poll as ConfigPoll, SyncDirection, Winner,
};
use crate::engine::collecting::{Collecting, Kind};
use crate::engine::settings::{Poll, Settings};
use crate::model::customer::Field;
use crate::model::link::Side;
use crate::model::money::Currency;
use crate::model::pair::{InvalidPair, Pair};
use crate::remote::limiter::Rates;
use crate::sync::brakes::Limits;
use crate::sync::collect::{Native, Rules};
use crate::sync::creation::Creates;
use crate::sync::policy::{ConflictRules, Direction, Policy, Rule};
use std::collections::BTreeSet;
use std::time::Duration;

/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;

/// A setting that asks for more than this version does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// Its dotted path.
    pub key: &'static str,
    /// What is not available.
    pub what: String,
    /// What to write instead.
    pub fix: &'static str,
}

/// What the engine takes.
#[must_use]
pub fn engine(config: &Config) -> Settings {
    Settings {
        policy: policy(config),
        match_email: config.customers.match_email,
        creates: creates(config),
        has_connector: config.zenskar.native_stripe != Some(NativeStripe::Off),
        collecting: collecting(config),
        settle: config.zenskar.settle,
        poll: match config.events.poll {
            ConfigPoll::Off => Poll::Off,
            ConfigPoll::Adaptive => Poll::Adaptive,
            ConfigPoll::Every(period) => Poll::Every(period),
        },
        api_version: config.stripe.api_version.clone(),
        live: config.stripe.mode == Mode::Live,
        ingress: has_ingress(config),
        retention: Duration::from_secs(
            u64::from(config.store.retention_days).saturating_mul(DAY_SECONDS),
        ),
    }
}

/// What is collected.
fn collecting(config: &Config) -> Collecting {
    let owners = config.zenskar.owners;
    let is_ours = |owner: Option<Owner>| owner == Some(Owner::Zenstripe);
    // A currency of the configuration is three letters, as one of the model is.
    let currency = |code: &CurrencyCode| Currency::parse(code.as_str()).ok();
    let written = config.zenskar.minor_units.iter();
    let amounts = config.limits.amount_per_hour.iter();
    Collecting {
        rules: Rules {
            native: match config.zenskar.native_stripe {
                None => Native::Unsaid,
                Some(NativeStripe::Off) => Native::Off,
                Some(NativeStripe::Present) => Native::Present {
                    links: is_ours(owners.links),
                    charge: is_ours(owners.charge),
                    transfers: is_ours(owners.transfers),
                },
            },
            // What the keys say is asked when it counts.
            is_paired: false,
            live: config.stripe.mode == Mode::Live,
            links: config.payments.links,
            written: written
                .filter_map(|(code, decimals)| Some((currency(code)?, *decimals)))
                .collect(),
            consolidated: config.zenskar.consolidation.is_some(),
        },
        kind: config.zenskar.kind.map(|kind| match kind {
            OrganisationKind::Sandbox => Kind::Sandbox,
            OrganisationKind::Live => Kind::Live,
        }),
        limits: Limits {
            charges_per_hour: config.limits.charges_per_hour.into(),
            declines_in_thousand: in_thousand(config.limits.decline_rate),
            same_customer: Duration::from_secs(
                u64::from(config.limits.same_customer_minutes).saturating_mul(60),
            ),
            amount_per_hour: amounts
                .filter_map(|(code, minor)| Some((currency(code)?, *minor)))
                .collect(),
        },
        unallocated: config.payments.overpaid == Overpaid::Unallocated,
        time_zone: config.payments.time_zone.to_zone(),
    }
}

/// A part of one, in thousandths: 0 to 1,000.
fn in_thousand(part: f64) -> u64 {
    (0..=1_000_u32)
        .rev()
        .find(|thousandths| f64::from(*thousandths) / 1_000.0 <= part)
        .map_or(0, u64::from)
}

/// Whether webhooks can reach us and be believed.
#[must_use]
pub fn has_ingress(config: &Config) -> bool {
    config.listen.public.is_some() && !config.stripe.webhook_secret_files.is_empty()
}

/// Zenskar's rates.
#[must_use]
pub fn zenskar_rates(config: &Config) -> Rates {
    let rate = config.zenskar.requests_per_second;
    Rates {
        start: rate.start,
        max: rate.max,
    }
}

/// What may move.
#[must_use]
pub fn policy(config: &Config) -> Policy {
    let customers = &config.customers;
    let direction = match customers.sync {
        SyncDirection::Off => None,
        SyncDirection::ImportOnly => Some(Direction::From(Side::Stripe)),
        SyncDirection::ExportOnly => Some(Direction::From(Side::Zenskar)),
        SyncDirection::ImportAndExport => Some(Direction::Both),
    };
    let mut fields: BTreeSet<Field> = match &customers.fields {
        None => Field::ALL.into(),
        Some(fields) => fields.iter().map(|field| model_field(*field)).collect(),
    };
    // A pair that cannot be made is refused by `unavailable`.
    fields.extend(pairs(config).filter_map(Result::ok).map(Field::Metadata));
    Policy {
        direction,
        fields: if direction.is_some() {
            fields
        } else {
            BTreeSet::new()
        },
        allow_blank: customers.allow_blank,
        conflict: ConflictRules {
            default: rule(customers.conflict.default),
            fields: conflict_fields(config).collect(),
        },
        initial: match customers.initial {
            Initial::Ask => None,
            Initial::Stripe => Some(Side::Stripe),
            Initial::Zenskar => Some(Side::Zenskar),
        },
    }
}

fn conflict_fields(config: &Config) -> impl Iterator<Item = (Field, Rule)> + '_ {
    let conflict = &config.customers.conflict;
    let fields = conflict.fields.iter();
    let fields = fields.map(|(field, winner)| (model_field(*field), rule(*winner)));
    let named = pairs(config).filter_map(Result::ok).filter_map(|pair| {
        let mut named = conflict.metadata.iter();
        let (_, winner) = named.find(|(field, _)| field.key() == pair.stripe())?;
        Some((Field::Metadata(pair), rule(*winner)))
    });
    fields.chain(named)
}

/// Where customers are made: nowhere while sync is off.
fn creates(config: &Config) -> Creates {
    let (create, sync) = (config.customers.create, config.customers.sync);
    let is_on = sync != SyncDirection::Off;
    Creates {
        stripe: is_on && matches!(create, Create::Stripe | Create::Both),
        zenskar: is_on && matches!(create, Create::Zenskar | Create::Both),
    }
}

const fn rule(winner: Winner) -> Rule {
    match winner {
        Winner::Ask => Rule::Ask,
        Winner::Stripe => Rule::Side(Side::Stripe),
        Winner::Zenskar => Rule::Side(Side::Zenskar),
        Winner::Newest => Rule::Newest,
    }
}

/// The pairs of metadata. They are selected by being named, beside the `fields`.
fn pairs(config: &Config) -> impl Iterator<Item = Result<Pair, InvalidPair>> + '_ {
    let metadata = config.customers.metadata.iter();
    metadata.map(|(stripe, zenskar)| Pair::new(stripe.as_str(), zenskar.as_str()))
}

/// The field as the core knows it.
const fn model_field(field: ConfigField) -> Field {
    match field {
        ConfigField::Name => Field::Name,
        ConfigField::Email => Field::Email,
        ConfigField::Phone => Field::Phone,
        ConfigField::Address => Field::Address,
        ConfigField::ShippingName => Field::ShippingName,
        ConfigField::ShippingPhone => Field::ShippingPhone,
        ConfigField::ShippingAddress => Field::ShippingAddress,
        ConfigField::Locale => Field::Locale,
        ConfigField::TaxIds => Field::TaxIds,
    }
}

/// Every setting that asks for more than this version does.
#[must_use]
pub fn unavailable(config: &Config) -> Vec<Unavailable> {
    let mut list = customers(config);
    let mut refuse = |wrong: bool, key, what: &str, fix| {
        if wrong {
            list.push(Unavailable {
                key,
                what: what.to_owned(),
                fix,
            });
        }
    };
    refuse(
        config.payments.links,
        "payments.links",
        "payment links are not available in this version: it charges stored payment methods only",
        "set it to false",
    );
    refuse(
        config.payments.auto_charge != AutoCharge::Manual,
        "payments.auto_charge",
        "charging by itself is not available in this version: it charges what a person orders",
        "set it to \"manual\"",
    );
    refuse(
        config.payments.default_method != DefaultMethod::Refuse,
        "payments.default_method",
        "only a default payment method is charged in this version",
        "set it to \"refuse\"",
    );
    refuse(
        config.zenskar.consolidation == Some(Consolidation::Parent),
        "zenskar.consolidation",
        "that the parent's invoice owes is not available in this version",
        "remove it: consolidated customers are not collected from",
    );
    refuse(
        config.transfers.apply == Apply::Automatic,
        "transfers.apply",
        "bank transfers are not available in this version: it moves customers only",
        "set it to \"off\"",
    );
    refuse(
        config.transfers.legacy_ach != Apply::Off,
        "transfers.legacy_ach",
        "bank transfers are not available in this version: it moves customers only",
        "set it to \"off\"",
    );
    refuse(
        config.payment_methods.mirror != PaymentMethodMirror::Console,
        "payment_methods.mirror",
        "payment methods are not available in this version: it moves customers only",
        "set it to \"console\"",
    );
    refuse(
        config.alerts.url.is_some(),
        "alerts.url",
        "alerts are not available in this version",
        "remove it, and watch `/metrics` and `zenstripe status`",
    );
    list
}

fn customers(config: &Config) -> Vec<Unavailable> {
    let wrong = pairs(config).filter_map(Result::err);
    wrong
        .map(|invalid| Unavailable {
            key: "customers.metadata",
            what: invalid.to_string(),
            fix: "restart the daemon, or take back pairs",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::Word;
    use crate::config::{CustomDataKey, MetadataField, MetadataKey};

    #[test]
    fn the_defaults_ask_for_nothing_that_is_not_there() {
        assert_eq!(unavailable(&Config::default()), []);
        let settings = engine(&Config::default());
        assert_eq!(settings.policy, Policy::off());
        assert!(!settings.live);
        assert!(!settings.ingress, "without a secret no webhook is believed");
        assert_eq!(settings.retention, Duration::from_secs(35 * 86_400));
    }

    #[test]
    fn import_moves_every_field_unless_some_are_chosen() {
        let mut config = Config::default();
        config.customers.sync = SyncDirection::ImportOnly;
        let policy = engine(&config).policy;
        assert_eq!(policy.direction, Some(Direction::From(Side::Stripe)));
        assert_eq!(policy.fields, Field::ALL.into());
        config.customers.fields = Some(vec![ConfigField::Email]);
        assert_eq!(engine(&config).policy.fields, [Field::Email].into());
        let stripe = MetadataKey::parse("account_manager").unwrap();
        let zenskar = CustomDataKey::parse("csm").unwrap();
        config.customers.metadata.insert(stripe, zenskar);
        let pair = Field::Metadata(Pair::new("account_manager", "csm").unwrap());
        assert_eq!(engine(&config).policy.fields, [Field::Email, pair].into());
        let named = MetadataField::parse("metadata.account_manager").unwrap();
        let conflict = &mut config.customers.conflict;
        conflict.metadata.insert(named, Winner::Zenskar);
        let rules = engine(&config).policy.conflict;
        assert_eq!(rules.of(pair), Rule::Side(Side::Zenskar));
        assert_eq!(rules.of(Field::Email), Rule::Ask);
        assert_eq!(unavailable(&config), []);
    }

    #[test]
    fn customers_are_made_where_the_operator_says_and_nowhere_while_sync_is_off() {
        let mut config = Config::default();
        config.customers.create = Create::Both;
        assert_eq!(engine(&config).creates, Creates::default());
        config.customers.sync = SyncDirection::ImportOnly;
        for (create, stripe, zenskar) in [
            (Create::None, false, false),
            (Create::Stripe, true, false),
            (Create::Zenskar, false, true),
            (Create::Both, true, true),
        ] {
            config.customers.create = create;
            assert_eq!(engine(&config).creates, Creates { stripe, zenskar });
            assert_eq!(unavailable(&config), []);
        }
    }

    #[test]
    fn fields_have_one_name_in_the_file_and_everywhere_else() {
        for (word, field) in ConfigField::ALL {
            assert_eq!(model_field(*field).as_str(), *word);
        }
        assert_eq!(ConfigField::ALL.len(), Field::ALL.len());
    }

    #[test]
    fn what_is_not_there_yet_is_named_with_its_key() {
        let mut config = Config::default();
        config.customers.sync = SyncDirection::ImportAndExport;
        config.customers.fields = Some(vec![ConfigField::Name]);
        config.payments.links = true;
        let list = unavailable(&config);
        let keys: Vec<&str> = list.iter().map(|one| one.key).collect();
        assert_eq!(keys, ["payments.links"]);
    }
}

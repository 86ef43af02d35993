//! Whether both remotes let us do what we need, and what time it is there.

use super::Check;
use crate::cli::error::Exit;
use crate::cli::prepare::Prepared;
use crate::cli::settings;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure, Outcome};
use crate::remote::transport::{HttpTransport, Transport};
use crate::store::Mode;
use crate::stripe::client::{Detail, EventWindow, StripeClient, StripeClientOptions};
use crate::telemetry::chain;
use crate::zenskar::client::{Mapping, ZenskarClient, ZenskarClientOptions};
use std::sync::Arc;
use std::time::Duration;

/// A clock that is this far off is worth a word.
const SKEW_WARNING: Duration = Duration::from_secs(30);
/// Stripe's signatures are believed for so long: further off, every webhook is refused.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// Asks both.
pub(super) async fn checks(config: &Config, prepared: &Prepared) -> Vec<Check> {
    let transport: Arc<dyn Transport> = match HttpTransport::new(None) {
        Ok(transport) => Arc::new(transport),
        Err(error) => {
            let fix = "apt install ca-certificates";
            return vec![Check::failed("certificates", Exit::Io, chain(&error), fix)];
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stripe = StripeClient::new(
        StripeClientOptions {
            api_base: config.stripe.api_base.as_str().to_owned(),
            key: prepared.stripe_key.clone(),
            account: None,
            api_version: config.stripe.api_version.clone(),
            live: prepared.identity.mode == Mode::Live,
            requests_per_second: config.stripe.requests_per_second,
        },
        Arc::clone(&transport),
        Arc::clone(&clock),
    );
    let zenskar = ZenskarClient::new(
        ZenskarClientOptions {
            api_base: config.zenskar.api_base.as_str().to_owned(),
            key: prepared.zenskar_key.clone(),
            organisation: prepared.identity.organisation.clone(),
            rates: settings::zenskar_rates(config),
        },
        transport,
        clock,
    );
    let detail = Detail::of(&settings::engine(config).policy.fields);
    let mut checks = of_stripe(&stripe, detail, prepared).await;
    checks.extend(of_zenskar(&zenskar, prepared).await);
    checks
}

async fn of_stripe(stripe: &StripeClient, detail: Detail, prepared: &Prepared) -> Vec<Check> {
    let mut checks = vec![account(stripe, prepared).await];
    if checks.iter().any(|check| check.exit == Exit::Unavailable) {
        return checks;
    }
    let customers = stripe.customers_page(None, detail, Priority::Sync).await;
    checks.push(right(
        "stripe customers",
        "Customers: Read",
        customers.map(drop_answer),
    ));
    if stripe.lacks_tax_ids() {
        checks.push(Check::warning(
            "stripe tax ids",
            "the key lacks the right \"Tax IDs: Read\": tax ids are not synced".to_owned(),
            "add it to the restricted key in Stripe's dashboard, or leave tax_ids out of \
             `customers.fields`",
        ));
    }
    let window = EventWindow {
        from: stripe
            .remote_now()
            .unwrap_or_else(|| SystemClock.now())
            .minus(SKEW_MAX),
        to: None,
    };
    let events = stripe.events_page(window, None, &[], Priority::Sync).await;
    checks.push(right(
        "stripe events",
        "Events: Read",
        events.map(drop_answer),
    ));
    checks.extend(skew(
        "stripe's clock",
        stripe.remote_now(),
        SystemClock.now(),
    ));
    checks
}

async fn account(stripe: &StripeClient, prepared: &Prepared) -> Check {
    let name = "stripe account";
    let wanted = &prepared.identity.account;
    match stripe.account(Priority::Sync).await {
        Ok(answer) if answer.value.id == *wanted => {
            let label = answer
                .value
                .name
                .unwrap_or_else(|| "without a name".to_owned());
            Check::ok(name, format!("the key opens {wanted}, {label}"))
        }
        Ok(answer) => Check::failed(
            name,
            Exit::Config,
            format!(
                "the key opens {}, and `stripe.account` is {wanted}",
                answer.value.id
            ),
            "use a key of that account, or correct `stripe.account`",
        ),
        Err(failure) if matches!(failure.class, Class::Forbidden | Class::Missing) => {
            Check::warning(
                name,
                format!("the key may not say whose it is; {wanted} is taken on trust"),
                "give the restricted key the right to read the account",
            )
        }
        Err(failure) => failed(name, &failure),
    }
}

fn drop_answer<T>(_answer: T) {}

/// A call that needs a right of the key.
fn right(name: &'static str, right: &str, outcome: Result<(), Failure>) -> Check {
    match outcome {
        Ok(()) => Check::ok(name, format!("the key has the right \"{right}\"")),
        Err(failure) if failure.class == Class::Forbidden => Check::failed(
            name,
            Exit::Unavailable,
            format!("the key lacks the right \"{right}\""),
            format!("add \"{right}\" to the restricted key in Stripe's dashboard"),
        ),
        Err(failure) => failed(name, &failure),
    }
}

async fn of_zenskar(zenskar: &ZenskarClient, prepared: &Prepared) -> Vec<Check> {
    let name = "zenskar organisation";
    let organisation = &prepared.identity.organisation;
    let page = match zenskar.customers_page(None, Priority::Sync).await {
        Ok(answer) => answer.value,
        Err(failure) => return vec![failed(name, &failure)],
    };
    let mut checks = vec![Check::ok(name, format!("the key opens {organisation}"))];
    checks.push(match page.items.first() {
        Some(customer) => mapping(zenskar.mapping(&customer.id, Priority::Sync).await),
        None => Check::ok("zenskar mapping", "not asked: there are no customers yet"),
    });
    checks.push(filter(zenskar).await);
    checks.extend(skew(
        "zenskar's clock",
        zenskar.remote_now(),
        SystemClock.now(),
    ));
    checks
}

/// Whether Zenskar can be asked for what changed: nothing can have changed a day from now.
async fn filter(zenskar: &ZenskarClient) -> Check {
    let name = "zenskar changes";
    let now = zenskar.remote_now().unwrap_or_else(|| SystemClock.now());
    let tomorrow = now.plus(Duration::from_secs(86_400));
    let fix = "nothing to do: full sweeps find changes, later than polls would; \
               a webhook of Zenskar's makes that quicker (`zenskar.webhook_secret_file`)";
    match zenskar.changed_page(tomorrow, None, Priority::Sync).await {
        Ok(answer) if answer.value.items.is_empty() => {
            Check::ok(name, "Zenskar lists what changed since a time")
        }
        Ok(_) => Check::warning(name, "Zenskar ignores the filter `updated_at__gte`", fix),
        Err(failure) if failure.class == Class::Refused => {
            let found = format!(
                "Zenskar refuses the filter `updated_at__gte`: {}",
                failure.message
            );
            Check::warning(name, found, fix)
        }
        Err(failure) => failed(name, &failure),
    }
}

fn mapping(outcome: Outcome<Mapping>) -> Check {
    let name = "zenskar mapping";
    match outcome.map(|answer| answer.value) {
        Ok(Mapping::Names(_) | Mapping::Nothing) => Check::ok(
            name,
            "Zenskar says which customer of Stripe one of its own is",
        ),
        Ok(Mapping::NoAnswer(why)) => Check::warning(
            name,
            format!("Zenskar does not say which customer of Stripe one of its own is: {why}"),
            "link by hand: zenstripe customers link STRIPE ZENSKAR",
        ),
        Err(failure) => failed(name, &failure),
    }
}

fn failed(name: &'static str, failure: &Failure) -> Check {
    let mut found = chain(failure);
    // Without an answer the message says what the causes say.
    if failure.status.is_some() && !failure.message.is_empty() {
        found.push_str(": ");
        found.push_str(&failure.message);
    }
    let fix = match (failure.class, failure.remote) {
        (Class::Unauthorized, Side::Stripe) => {
            "put a valid key into the file of `stripe.secret_key_file`"
        }
        (Class::Unauthorized | Class::Forbidden, Side::Zenskar) => {
            "put a valid key of that organisation into the file of `zenskar.api_key_file`"
        }
        _ => "see whether this machine reaches it: address, proxy, firewall, certificates",
    };
    Check::failed(name, Exit::Unavailable, found, fix)
}

/// Compares a remote's clock with ours.
fn skew(name: &'static str, remote: Option<Timestamp>, ours: Timestamp) -> Option<Check> {
    let remote = remote?;
    let skew = remote.since(ours).max(ours.since(remote));
    let seconds = skew.as_secs();
    let fix = "let this machine's clock be set: timedatectl set-ntp true";
    Some(if skew > SKEW_MAX {
        let found = format!("this machine's clock is off by {seconds} s: webhooks are refused");
        Check::failed(name, Exit::Failed, found, fix)
    } else if skew > SKEW_WARNING {
        Check::warning(
            name,
            format!("this machine's clock is off by {seconds} s"),
            fix,
        )
    } else {
        Check::ok(name, format!("within {seconds} s of this machine's"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_either_way() {
        let ours = Timestamp::from_seconds(1_000);
        for (remote, state) in [
            (1_001, State::Ok),
            (1_100, State::Warning),
            (900, State::Warning),
            (600, State::Failed),
        ] {
            let check = skew("clock", Some(Timestamp::from_seconds(remote)), ours);
            assert_eq!(check.map(|check| check.state), Some(state), "{remote}");
        }
        assert_eq!(skew("clock", None, ours), None);
    }
}

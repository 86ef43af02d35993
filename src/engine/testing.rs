//! The engine over a store in memory, remotes that answer from scripts, and a clock that stands.

use crate::engine::Engine;
use crate::engine::collecting::{Collecting, Kind};
use crate::engine::settings::{Poll, Settings};
use crate::model::customer::Field;
use crate::model::id::OrganisationId;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::client::ApiKey;
use crate::remote::limiter::Rates;
use crate::remote::testing::{Scripted, StillClock, response, run};
use crate::remote::transport::{Response, TransportError};
use crate::store::{Store, StoreError, WriteTx, Writer};
use crate::stripe::client::{StripeClient, StripeClientOptions};
use crate::sync::brakes::Limits;
use crate::sync::collect::{Native, Rules};
use crate::sync::creation::Creates;
use crate::sync::policy::{Direction, Policy};
use crate::sync::units::Written;
use crate::zenskar::client::{ZenskarClient, ZenskarClientOptions};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Script = Vec<Result<Response, TransportError>>;

/// The engine and its doubles.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) clock: StillClock,
    pub(super) stripe: Arc<Scripted>,
    pub(super) zenskar: Arc<Scripted>,
}

impl Bench {
    pub(super) fn new(stripe: Script, zenskar: Script) -> Self {
        let scripts = (Scripted::new(stripe), Scripted::new(zenskar));
        Self::over(Store::in_memory(), StillClock::new(), scripts)
    }

    /// What another process makes of the same store.
    pub(super) fn restarted(self) -> Self {
        let scripts = (self.stripe, self.zenskar);
        Self::over(self.engine.store, self.clock, scripts)
    }

    fn over(
        store: Store,
        clock: StillClock,
        (stripe, zenskar): (Arc<Scripted>, Arc<Scripted>),
    ) -> Self {
        let writer = Writer::inline(store.clone());
        let stripe_client = StripeClient::new(
            StripeClientOptions {
                api_base: "http://stripe".to_owned(),
                key: ApiKey::parse("sk_test_1").unwrap(),
                account: None,
                api_version: "v1".to_owned(),
                live: false,
                requests_per_second: 25,
            },
            stripe.clone(),
            Arc::new(clock.clone()),
        );
        let zenskar_client = ZenskarClient::new(
            ZenskarClientOptions {
                api_base: "http://zenskar".to_owned(),
                key: ApiKey::parse("key").unwrap(),
                organisation: OrganisationId::parse("org-1").unwrap(),
                rates: Rates { start: 20, max: 50 },
            },
            zenskar.clone(),
            Arc::new(clock.clone()),
        );
        let engine = Engine::new(
            (store, writer),
            stripe_client,
            zenskar_client,
            Arc::new(clock.clone()),
            settings(),
        );
        Self {
            engine,
            clock,
            stripe,
            zenskar,
        }
    }

    pub(super) fn run<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        run(&self.clock, future)
    }

    pub(super) fn write<T: Send + 'static>(
        &self,
        story: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.run(self.engine.writer.write("test", story)).unwrap()
    }

    /// Now, by the clock that stands.
    pub(super) fn clock_now(&self) -> Timestamp {
        crate::clock::Clock::now(&self.clock)
    }

    /// So many seconds later.
    pub(super) fn later(&self, seconds: u64) {
        self.clock
            .set(self.clock_now().plus(Duration::from_secs(seconds)));
    }

    /// What the journal says happened, newest first.
    pub(super) fn journal(&self) -> Vec<String> {
        let read = self.engine.store.read().unwrap();
        let entries = read.journal(None, 99).unwrap().entries;
        entries
            .into_iter()
            .map(|numbered| numbered.entry.what)
            .collect()
    }
}

/// An answer of this status and body, at the remote's time `at` seconds.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a script also holds failures of the transport"
)]
pub(super) fn says(status: u16, at: i64, body: &str) -> Result<Response, TransportError> {
    let date = date(at);
    Ok(response(status, &[("date", &date)], body))
}

/// The `Date` of an instant in 1970 or soon after.
fn date(at: i64) -> String {
    let text = Timestamp::from_seconds(at).to_string();
    let (day, time) = text.trim_end_matches('Z').split_once('T').unwrap();
    let mut parts = day.split('-');
    let (year, month, day) = (
        parts.next().unwrap(),
        parts.next().unwrap().parse::<usize>().unwrap(),
        parts.next().unwrap(),
    );
    let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][month - 1];
    let week = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let week = week[usize::try_from(at / 86_400 % 7).unwrap()];
    format!("{week}, {day} {month} {year} {time} GMT")
}

/// Charges are allowed, of which so many an hour.
fn collecting() -> Collecting {
    Collecting {
        rules: Rules {
            native: Native::Off,
            is_paired: true,
            live: false,
            links: true,
            written: Written::new(),
            consolidated: false,
        },
        kind: Some(Kind::Sandbox),
        limits: Limits {
            charges_per_hour: 500,
            declines_in_thousand: 500,
            same_customer: Duration::from_secs(600),
            amount_per_hour: std::collections::BTreeMap::new(),
        },
        unallocated: true,
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

fn settings() -> Settings {
    Settings {
        policy: Policy {
            direction: Some(Direction::From(Side::Stripe)),
            fields: Field::ALL.into(),
            ..Policy::off()
        },
        match_email: false,
        creates: Creates::default(),
        has_connector: true,
        collecting: collecting(),
        settle: Duration::from_secs(120),
        poll: Poll::Adaptive,
        api_version: "v1".to_owned(),
        live: false,
        ingress: true,
        retention: Duration::from_secs(86_400),
    }
}

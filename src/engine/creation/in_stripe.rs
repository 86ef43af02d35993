//! Making a customer in Stripe for one of Zenskar's.

use crate::engine::Engine;
use crate::engine::creation::outcome::Sighting;
use crate::engine::creation::{Created, NAMED_MAX, rows};
use crate::engine::delivery::target::request_key;
use crate::engine::error::EngineError;
use crate::engine::linking::new_link;
use crate::model::creation::{Creation, Sent, Stage};
use crate::model::customer::{Field, Presence, Value};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkProof, Side};
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::remote::text;
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::creation::{
    Beginning, Doubt, Evidence, Held, Shown, State, Verdict, beginning, judge, values,
};
use crate::sync::lag::READ_LAG;
use crate::sync::matching::{METADATA_KEY, Mapping};
use crate::zenskar::client::Found;
use crate::zenskar::object::ZenskarCustomer;
use std::time::Duration;

/// How long Stripe surely recognises a key: it may forget one that is a day old ("Idempotent
/// requests"). An hour is for requests on their way and for clocks.
const KEY_SERVES: Duration = Duration::from_secs(23 * 3_600);

/// How far this host's clock and Stripe's are apart, at most: more than Stripe's signatures bear.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3_600);

/// Pages of a hundred customers looked through, at most, for one that was perhaps made.
const TRACE_PAGES: usize = 200;

/// A customer of Stripe, with when it was seen by Stripe's clock.
type Dated = (Observed, Option<Timestamp>);

/// A customer of Zenskar, with when it was seen by Zenskar's clock.
type Source = (ZenskarCustomer, Option<Timestamp>);

impl Engine {
    pub(super) async fn create_in_stripe(
        &self,
        row: Creation,
        id: &ZenskarCustomerId,
    ) -> Result<Created, EngineError> {
        let answer = self.zenskar.customer(id, Priority::Sync).await?;
        self.gate.open(Side::Zenskar);
        let Found::Here(look) = answer.value else {
            return self.not_shown(row).await;
        };
        let row = self.shown(row).await?;
        let source = (look.into_seen(), answer.date);
        let since = self.creates_since(Side::Stripe)?;
        let mut row = row;
        if let (Stage::Unknown(_), Some(sent)) = (row.stage, row.request.clone()) {
            if let Some((made, date)) = self.naming(id).await? {
                let made = (made, Shown::Later);
                return self.link_in_stripe(row, source, made, date).await;
            }
            let is_known = self.clock.now().since(sent.at) < KEY_SERVES;
            if is_known && sent.body.is_some() && since.is_some() {
                return self.send_to_stripe(row, source, sent).await;
            }
            match self.made_in_stripe(id, &sent).await? {
                Trace::Found((made, date)) => {
                    let made = (made, Shown::Later);
                    return self.link_in_stripe(row, source, made, date).await;
                }
                Trace::Nobody => row = self.not_made(row).await?,
                Trace::Untold => {
                    let why = "whether the customer was made is not known: look for it in Stripe, \
                               and link it, or have it tried again";
                    return self.bury_creation(forgotten(row), why.to_owned()).await;
                }
            }
        }
        if since.is_none() {
            return self.stop_creating(row).await;
        }
        let mapping = self.mapping(id, Priority::Sync).await?;
        let mut verdict = self.judge_in_stripe(&row, &source.0, &mapping, None)?;
        if verdict == Verdict::AskStripe {
            let held = self.held_in_stripe(&source.0).await?;
            if let Some((named, false)) = &held.external {
                return self.leave_to_matching(row, named.clone()).await;
            }
            verdict = self.judge_in_stripe(&row, &source.0, &mapping, Some(&held))?;
        }
        if verdict != Verdict::Create {
            return self.withdraw_creation(row, &verdict).await;
        }
        let policy = &self.settings().policy;
        let values = values(&source.0.customer, Side::Stripe, policy);
        let body = text::form(&stripe::patch::create_form(&values, id));
        let sent = Sent {
            values,
            body: Some(body),
            at: self.clock.now(),
        };
        self.send_to_stripe(row, source, sent).await
    }

    /// No request so far made the customer.
    async fn not_made(&self, row: Creation) -> Result<Creation, EngineError> {
        let row = Creation {
            stage: Stage::Waiting,
            request: None,
            ..row
        };
        self.keep_creation("take customer for not made", &row)
            .await?;
        Ok(row)
    }

    async fn keep_creation(&self, what: &'static str, row: &Creation) -> Result<(), EngineError> {
        let row = row.clone();
        self.writer
            .write(what, move |tx| rows::put_if_there(tx, &row).map(drop))
            .await?;
        Ok(())
    }

    /// Zenskar shows the customer: that it did not before is forgotten.
    async fn shown(&self, row: Creation) -> Result<Creation, EngineError> {
        if row.gone_at.is_none() {
            return Ok(row);
        }
        let row = Creation {
            gone_at: None,
            ..row
        };
        self.keep_creation("take customer for there", &row).await?;
        Ok(row)
    }

    /// Zenskar does not know the customer. Its reads may lag, and an answer may be mistaken: it
    /// counts as deleted when that is still so after the lag.
    async fn not_shown(&self, row: Creation) -> Result<Created, EngineError> {
        let now = self.clock.now();
        let gone_at = row.gone_at.unwrap_or(now);
        if now < gone_at.plus(READ_LAG) {
            let row = Creation {
                gone_at: Some(gone_at),
                ..row
            };
            return self.look_again_at(row, gone_at.plus(READ_LAG)).await;
        }
        let doubt = Verdict::Doubt(Doubt::Deleted);
        self.withdraw_creation(row, &doubt).await
    }

    fn judge_in_stripe(
        &self,
        row: &Creation,
        seen: &ZenskarCustomer,
        mapping: &Mapping,
        held: Option<&Held>,
    ) -> Result<Verdict, EngineError> {
        Ok(judge(&State {
            since: self.creates_since(Side::Stripe)?,
            ordered: row.ordered_by.is_some(),
            made_at: seen.created_at,
            customer: Some(&seen.customer),
            evidence: Evidence::InStripe { mapping, held },
        }))
    }

    /// What Stripe holds of a customer of Zenskar.
    async fn held_in_stripe(&self, seen: &ZenskarCustomer) -> Result<Held, EngineError> {
        let mut held = Held::default();
        let external = seen.external_id.as_deref();
        let external = external.filter(|external| external.starts_with("cus_"));
        if let Some(named) = external.and_then(|external| StripeCustomerId::parse(external).ok()) {
            held.external = self
                .in_stripe(&named)
                .await?
                .map(|(found, _)| (named, found.presence == Presence::Deleted));
        }
        held.names_it = self.naming(&seen.id).await?.map(|(found, _)| found.id);
        if let Some(Value::Text(email)) = seen.customer.value(Field::Email) {
            // Stripe compares letters with their case, and Zenskar may have changed it.
            let lower = email.to_lowercase();
            let written = [Some(email), Some(&lower).filter(|lower| *lower != email)];
            for email in written.into_iter().flatten() {
                let having = self.stripe.count_by_email(email, 1, Priority::Sync).await?;
                held.email |= having.value > 0;
            }
        }
        Ok(held)
    }

    /// The customer of Stripe whose metadata name this one, of those that were seen to. Whoever
    /// names another one by now is forgotten.
    async fn naming(&self, id: &ZenskarCustomerId) -> Result<Option<Dated>, EngineError> {
        let known = self.store.read()?.named_by(id, NAMED_MAX)?;
        for stripe in known {
            let found = self.in_stripe(&stripe).await?;
            let names = |found: &Dated| {
                let named = stripe::convert::metadata(&found.0.payload, METADATA_KEY);
                named.as_deref() == Some(id.as_str())
            };
            if let Some(found) = found.filter(names) {
                return Ok(Some(found));
            }
            let id = id.clone();
            self.writer
                .write("forget who named a customer", move |tx| {
                    tx.forget_named(&id, &stripe).map(drop)
                })
                .await?;
        }
        Ok(None)
    }

    /// A customer of Stripe; `None` if Stripe does not know the id.
    async fn in_stripe(&self, id: &StripeCustomerId) -> Result<Option<Dated>, EngineError> {
        match self.stripe.customer(id, Priority::Sync).await {
            Ok(answer) => Ok(Some((answer.value, answer.date))),
            Err(failure) if failure.class == Class::Missing => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn send_to_stripe(
        &self,
        row: Creation,
        source: Source,
        sent: Sent,
    ) -> Result<Created, EngineError> {
        let Some(begun) = self.begin_creation(&row, sent.clone()).await? else {
            return Ok(Created::Skipped);
        };
        let installation = self.store.read()?.installation_id()?;
        let body = sent.body.unwrap_or_default();
        let what = format!("create/{}", source.0.id);
        let key = request_key(&installation, &what, begun.number, &body);
        match self
            .stripe
            .create_customer(&body, &key, Priority::Sync)
            .await
        {
            Ok(answer) => {
                self.gate.open(Side::Stripe);
                let made = (answer.value, Shown::ByAnswer);
                self.link_in_stripe(begun, source, made, answer.date).await
            }
            Err(failure) => self.creation_failed(begun, row, failure).await,
        }
    }

    /// Looks for the customer that a request of unknown outcome may have made: the one whose
    /// metadata name `id`. Its address may be another by now, so everybody who was made since is
    /// looked at.
    async fn made_in_stripe(
        &self,
        id: &ZenskarCustomerId,
        sent: &Sent,
    ) -> Result<Trace, EngineError> {
        let names = |seen: &Observed| {
            stripe::convert::metadata(&seen.payload, METADATA_KEY).as_deref() == Some(id.as_str())
        };
        if let Some(Value::Text(email)) = sent.values.get(&Field::Email) {
            let having = self
                .stripe
                .customers_by_email(email, Priority::Sync)
                .await?;
            if let Some(made) = having.value.items.into_iter().find(names) {
                return Ok(Trace::Found((made, having.date)));
            }
        }
        let since = sent.at.minus(CLOCKS_DIFFER);
        let mut after = None;
        let mut is_whole = true;
        for _ in 0..TRACE_PAGES {
            let page = self
                .stripe
                .customers_since(since, after.as_ref(), Priority::Sync)
                .await?;
            is_whole &= page.value.unreadable == 0;
            if let Some(made) = page.value.items.into_iter().find(names) {
                return Ok(Trace::Found((made, page.date)));
            }
            match page.value.next {
                Some(next) => after = Some(next),
                None if is_whole => return Ok(Trace::Nobody),
                None => return Ok(Trace::Untold),
            }
        }
        Ok(Trace::Untold)
    }

    async fn link_in_stripe(
        &self,
        row: Creation,
        (seen, seen_at): Source,
        (made, shown): (Observed, Shown),
        date: Option<Timestamp>,
    ) -> Result<Created, EngineError> {
        let policy = &self.settings().policy;
        let sent = row.request.as_ref().map(|sent| sent.values.clone());
        let begun = match made.presence.customer() {
            Some(made) => {
                let made = (Side::Stripe, made, shown);
                beginning(&sent.unwrap_or_default(), &seen.customer, made, policy)
            }
            None => Beginning::default(),
        };
        let link = Link {
            base: begun.base,
            ..new_link(&made.id, &seen.id, LinkProof::Created, self.clock.now())
        };
        let made_at = date.unwrap_or(Timestamp::MIN);
        let sightings = [
            Sighting::stripe(&made, made_at),
            Sighting::zenskar(&seen, seen_at),
        ];
        self.link_created(row, (link, begun.not_taken), sightings)
            .await
    }
}

/// What a look for a customer that was perhaps made shows.
enum Trace {
    /// It, and when.
    Found(Dated),
    /// It was not made.
    Nobody,
    /// Nothing: too many were made since, or one can't be read.
    Untold,
}

/// A creation that begins anew once a person has it tried again: whoever does knows that the
/// customer was not made.
fn forgotten(row: Creation) -> Creation {
    Creation {
        request: None,
        ..row
    }
}

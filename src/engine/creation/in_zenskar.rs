//! Making a customer in Zenskar for one of Stripe's.

use crate::engine::Engine;
use crate::engine::creation::outcome::Sighting;
use crate::engine::creation::{CONFIRM_AFTER, Created};
use crate::engine::error::EngineError;
use crate::engine::linking::new_link;
use crate::model::creation::{Creation, Sent, Stage};
use crate::model::id::StripeCustomerId;
use crate::model::link::{Link, LinkProof, Side};
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Class, Failure};
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::creation::{Beginning, Evidence, Shown, State, Verdict, beginning, judge, values};
use crate::sync::lag::lost_at;
use crate::sync::matching::{self, METADATA_KEY, Mapping};
use crate::zenskar::client::{Absence, Lookup, Matches};
use crate::zenskar::object::ZenskarCustomer;

impl Engine {
    pub(super) async fn create_in_zenskar(
        &self,
        row: Creation,
        id: &StripeCustomerId,
    ) -> Result<Created, EngineError> {
        if let Stage::Unknown(since) = row.stage {
            let lookup = self.zenskar.absent(id, Priority::Sync).await?;
            let lost_at = lost_at(Side::Zenskar, since);
            match lookup.value {
                Lookup::Held(found) => {
                    return self.take_found(row, id, found, lookup.date).await;
                }
                Lookup::Absent(_) if self.clock.now() < lost_at => {
                    return self.look_again_at(row, lost_at).await;
                }
                Lookup::Absent(_) => {}
            }
        }
        let Some(since) = self.creates_since(Side::Zenskar)? else {
            return self.stop_creating(row).await;
        };
        let (seen, seen_at) = self.source_in_stripe(id).await?;
        let search = self.search(id, &seen, Priority::Sync).await?;
        if let matching::Verdict::Link(..) = matching::judge(id, &search) {
            return self.leave_to_matching(row, id.clone()).await;
        }
        let names = stripe::convert::metadata(&seen.payload, METADATA_KEY);
        let verdict = judge(&State {
            since: Some(since),
            ordered: row.ordered_by.is_some(),
            made_at: seen.created,
            customer: seen.presence.customer(),
            evidence: Evidence::InZenskar {
                names: names.as_deref(),
                search: &search,
            },
        });
        let (Verdict::Create, Some(_)) = (&verdict, seen.presence.customer()) else {
            return self.withdraw_creation(row, &verdict).await;
        };
        match self.zenskar.absent(id, Priority::Sync).await?.value {
            Lookup::Absent(absence) => self.send_to_zenskar(row, (seen, seen_at), absence).await,
            Lookup::Held(_) => {
                // Somebody made one just now: the search sees it next time.
                let at = self.clock.now().plus(CONFIRM_AFTER);
                self.look_again_at(row, at).await
            }
        }
    }

    async fn send_to_zenskar(
        &self,
        row: Creation,
        (seen, seen_at): (Observed, Timestamp),
        absence: Absence,
    ) -> Result<Created, EngineError> {
        let settings = self.settings();
        let Some(customer) = seen.presence.customer() else {
            return Ok(Created::Skipped);
        };
        let sent = Sent {
            values: values(customer, Side::Zenskar, &settings.policy),
            body: None,
            at: self.clock.now(),
        };
        let Some(begun) = self.begin_creation(&row, sent.clone()).await? else {
            return Ok(Created::Skipped);
        };
        let made = self
            .zenskar
            .create_customer(
                absence,
                &sent.values,
                settings.has_connector,
                Priority::Sync,
            )
            .await;
        match made {
            Ok(answer) => {
                self.gate.open(Side::Zenskar);
                match answer.value {
                    Some(made) => {
                        let source = (seen, seen_at);
                        let made = (made, Shown::ByAnswer);
                        self.link_in_zenskar(begun, source, made, answer.date).await
                    }
                    None => {
                        let at = self.clock.now().plus(CONFIRM_AFTER);
                        self.look_again_at(begun, at).await
                    }
                }
            }
            Err(failure) => self.creation_failed(begun, row, failure).await,
        }
    }

    /// A request of unknown outcome had its effect: somebody has the external id.
    async fn take_found(
        &self,
        row: Creation,
        id: &StripeCustomerId,
        found: Matches,
        date: Option<Timestamp>,
    ) -> Result<Created, EngineError> {
        let mut customers = found.customers.into_iter();
        match (customers.next(), customers.next()) {
            (Some(made), None) => {
                let source = self.source_in_stripe(id).await?;
                let made = (made, Shown::Later);
                self.link_in_zenskar(row, source, made, date).await
            }
            (Some(one), Some(other)) => {
                let why = format!(
                    "{} and {} in Zenskar have its id for external id; \
                     link one of them with \"zenstripe customers link\"",
                    one.id, other.id
                );
                self.question(row, why).await
            }
            (None, _) => {
                // That nobody was found proves nothing.
                let call = Call::read("find the customer that was made");
                Err(EngineError::Remote(Failure {
                    message: "the search was not complete".to_owned(),
                    ..Failure::new(Side::Zenskar, call, Class::Retry { after: None })
                }))
            }
        }
    }

    async fn link_in_zenskar(
        &self,
        row: Creation,
        (seen, seen_at): (Observed, Timestamp),
        (made, shown): (ZenskarCustomer, Shown),
        date: Option<Timestamp>,
    ) -> Result<Created, EngineError> {
        // Zenskar may have made a customer of its own in Stripe, which is another one then.
        if let Mapping::Names(other) = self.mapping(&made.id, Priority::Sync).await?
            && other != seen.id
        {
            let why = format!(
                "{} was made for it in Zenskar, whose mapping names {other}: correct the mapping, \
                 or delete one of the two in Stripe",
                made.id
            );
            return self.question(row, why).await;
        }
        let policy = &self.settings().policy;
        let sent = row.request.as_ref().map(|sent| sent.values.clone());
        let begun = match seen.presence.customer() {
            Some(source) => {
                let made = (Side::Zenskar, &made.customer, shown);
                beginning(&sent.unwrap_or_default(), source, made, policy)
            }
            None => Beginning::default(),
        };
        let link = Link {
            base: begun.base,
            ..new_link(&seen.id, &made.id, LinkProof::Created, self.clock.now())
        };
        let sightings = [
            Sighting::stripe(&seen, seen_at),
            Sighting::zenskar(&made, date),
        ];
        self.link_created(row, (link, begun.not_taken), sightings)
            .await
    }
}

//! What broke others, told as it happens to us: each test is an incident.

mod both_ways;
mod events;
mod secrets;

use crate::support::daemon::WEBHOOK_SECRET;
use crate::support::{Pair, World};
use serde_json::Value;

impl World {
    /// From now on Stripe delivers nothing by itself.
    fn hold_webhooks(&self) {
        self.sandbox
            .switch(|switches| switches.stripe.drop_webhooks = true);
    }

    /// The events of a customer that Stripe made so far, oldest first, as webhooks carry them.
    fn events_about(&self, pair: &Pair) -> Vec<Value> {
        let events = self.sandbox.stripe_events().into_iter();
        let mut events: Vec<Value> = events
            .filter(|event| event["data"]["object"]["id"] == pair.stripe.as_str())
            .filter(|event| event["type"] == "customer.updated")
            .collect();
        events.sort_by_key(|event| event["created"].as_i64());
        events
    }

    /// Delivers an event as Stripe does.
    async fn deliver(&self, event: &Value) -> u16 {
        self.post_webhook(&event.to_string(), WEBHOOK_SECRET).await
    }

    /// How many requests of ours changed the customer on either side.
    fn writes_of(&self, pair: &Pair) -> usize {
        let ids = [&pair.stripe, &pair.zenskar];
        let writes = ids.map(|id| self.sandbox.writes(id));
        writes.concat().iter().filter(|write| write.applied).count()
    }

    /// Waits until nothing is left to be done.
    async fn until_quiet(&self) -> Value {
        self.until_status(|status| {
            let queues = ["inbox", "work", "outbox"];
            queues.iter().all(|queue| status["queues"][queue] == 0)
        })
        .await
    }
}

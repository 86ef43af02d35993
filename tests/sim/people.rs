//! What people do besides editing customers: commands, the operator's file, keys, and saving at
//! the worst moment. And which of the remotes' possible behaviours a run has.

use crate::run::{Run, custom_data, tax_info};
use crate::values::drawn;
use crate::world::{both_policy, full_policy};
use serde_json::{Value as Json, json};
use zenstripe::engine::command::{Command, EventCommand, Letters};
use zenstripe::model::customer::Field;
use zenstripe::model::id::StripeCustomerId;
use zenstripe::model::link::{LinkState, Side};
use zenstripe::model::work::Subject;
use zenstripe::sync::policy::{Direction, Policy, Rule};
use zenstripe_sandbox::{Fault, FaultKind, PatchNested, Remote, WebhookProof};

/// The key of Stripe that the process uses.
const STRIPE_KEY: &str = "sk_test_sandbox";

impl Run {
    /// Turns on what a remote may do by its documentation, and most do not.
    pub(crate) fn draw_switches(&mut self) {
        let one_in = |of: u64| self.random.between(0, of - 1) == 0;
        let (short, merge, null, ignore) = (one_in(3), one_in(4), one_in(4), one_in(6));
        let (cursors, lower) = (one_in(6), one_in(6));
        let (unfiltered, hash, lossy) = (one_in(5), one_in(2), one_in(3));
        let lag = if one_in(6) {
            i64::try_from(self.random.between(1, 29)).unwrap()
        } else {
            0
        };
        self.world.sandbox.switch(|switches| {
            if short {
                switches.stripe.max_limit = 2;
                switches.zenskar.max_limit = 2;
            }
            if merge {
                switches.zenskar.patch_nested = PatchNested::Merge;
            }
            switches.zenskar.null_for_missing = null;
            switches.zenskar.ignore_filters = ignore;
            switches.zenskar.ignore_updated_at = unfiltered;
            switches.zenskar.drop_webhooks = lossy;
            if hash {
                switches.zenskar.webhook_proof = WebhookProof::SecretInBody;
            }
            switches.zenskar.cursor_ttl = cursors.then_some(20);
            switches.zenskar.lowercase_emails = lower;
            switches.zenskar.read_lag = lag;
        });
        self.reference(|reference| {
            reference.lowercase_emails = lower;
            reference.read_lag = lag;
        });
        let mut ledger = self.world.ledger();
        ledger.lowercase_emails = lower;
        ledger.read_lag = lag * 1_000;
        drop(ledger);
        for (on, name) in [
            (short, "short pages"),
            (merge, "nested values merge"),
            (null, "null for missing"),
            (ignore, "filters ignored"),
            (unfiltered, "filter of changes ignored"),
            (lossy, "hints dropped"),
            (cursors, "cursors age"),
            (lower, "e-mail in lower case"),
            (lag > 0, "reads lag behind"),
        ] {
            if on {
                self.count(name);
            }
        }
    }

    /// The world is as it should be, and the operator's file selects everything.
    pub(crate) async fn heal(&mut self) {
        self.calm_down();
        self.world.set_policy(full_policy()).await;
    }

    /// Nothing fails, keys are accepted, and nobody is in a hurry.
    pub(crate) fn calm_down(&mut self) {
        self.count_fired();
        self.world.sandbox.clear_faults();
        self.world.sandbox.allow_key(STRIPE_KEY);
        self.world.calm();
        // Past the lag of reads.
        self.world.sandbox.clock().advance(60);
    }

    /// The key is refused for a while, or is accepted again.
    pub(crate) fn turn_key(&mut self) {
        if self.random.between(0, 2) == 0 {
            self.world.sandbox.expire_key(STRIPE_KEY);
            self.count("key refused");
        } else {
            self.world.sandbox.allow_key(STRIPE_KEY);
        }
    }

    /// The operator's file changes: a field leaves, sync goes off, or everything is back.
    pub(crate) async fn change_policy(&mut self) {
        // Stripe's events say seconds: within the second of a switch nobody can tell before from
        // after.
        self.world.sandbox.clock().advance(2);
        let policy = match self.random.between(0, 4) {
            0 => {
                self.count("sync off");
                Policy::off()
            }
            1 => {
                let mut policy = full_policy();
                policy.fields.remove(&drawn()[self.pick(7)]);
                self.count("field left out");
                policy
            }
            _ => full_policy(),
        };
        self.world.set_policy(policy).await;
        self.world.sandbox.clock().advance(2);
    }

    /// What the operator's file says of two-way sync and its neighbours, drawn.
    pub(crate) fn draw_policy(&mut self) -> Policy {
        let mut policy = both_policy();
        let (direction, name) = match self.random.between(0, 9) {
            0 => (Some(Direction::From(Side::Stripe)), "import only"),
            1 => (Some(Direction::From(Side::Zenskar)), "export only"),
            2 => (None, "sync off"),
            _ => (Some(Direction::Both), "both ways"),
        };
        policy.direction = direction;
        self.count(name);
        let (rule, name) = self.draw_rule();
        policy.conflict.default = rule;
        self.count(name);
        if self.random.between(0, 3) == 0 {
            let (rule, name) = self.draw_rule();
            let field = drawn()[self.pick(drawn().len())];
            policy.conflict.fields.insert(field, rule);
            self.count(name);
            self.count("rule of a field");
        }
        if self.random.between(0, 3) == 0 {
            policy.fields.remove(&drawn()[self.pick(drawn().len())]);
            self.count("field left out");
        }
        if self.random.between(0, 2) == 0 {
            policy.allow_blank = true;
            self.count("blanks allowed");
        }
        policy
    }

    fn draw_rule(&self) -> (Rule, &'static str) {
        match self.random.between(0, 3) {
            0 => (Rule::Ask, "rule: ask"),
            1 => (Rule::Side(Side::Stripe), "rule: stripe"),
            2 => (Rule::Side(Side::Zenskar), "rule: zenskar"),
            _ => (Rule::Newest, "rule: newest"),
        }
    }

    /// A person saves this right before the next write arrives.
    pub(crate) fn rush(&mut self) {
        let patch = self.person_patch();
        self.world.rush(Side::Zenskar, patch);
        self.count("edit before a write");
    }

    /// A person's command, drawn.
    pub(crate) fn draw_command(&mut self) -> Option<Command> {
        let who = "person".to_owned();
        match self.random.between(0, 9) {
            0..=4 => self.link_or_unlink(who),
            5 | 6 => {
                self.letters()?;
                self.count("dead letters retried");
                let which = Letters::All;
                Some(Command::DeadRetry { which, who })
            }
            7 => {
                if self.has_dropped() && self.random.between(0, 1) == 0 {
                    self.count("dead letters taken back");
                    let which = Letters::All;
                    return Some(Command::DeadTakeBack { which, who });
                }
                for subject in self.letters()? {
                    self.dropped.insert(subject);
                }
                self.count("dead letters dropped");
                let which = Letters::All;
                Some(Command::DeadDrop { which, who })
            }
            8 => {
                let events = self.world.sandbox.stripe_events();
                if events.is_empty() {
                    return None;
                }
                let id = events[self.pick(events.len())]["id"].as_str()?.to_owned();
                self.count("event replayed");
                Some(Command::Events(EventCommand::Replay { id, who }))
            }
            _ => Some(Command::Scan { who }),
        }
    }

    /// Links again what is apart; takes apart what is linked, but more seldom.
    fn link_or_unlink(&mut self, who: String) -> Option<Command> {
        let (stripe, zenskar) = self.any_customer();
        let id = StripeCustomerId::parse(&stripe).unwrap();
        let link = self
            .world
            .process
            .engine
            .store
            .read()
            .ok()?
            .link(&id)
            .ok()?;
        match link.map(|link| link.state) {
            Some(LinkState::Unlinked) | None => {
                self.count("linked by a person");
                Some(Command::CustomerLink {
                    stripe,
                    zenskar,
                    who,
                })
            }
            Some(_) if self.random.between(0, 2) == 0 => {
                self.count("unlinked");
                Some(Command::CustomerUnlink { id: stripe, who })
            }
            Some(_) => None,
        }
    }

    /// Whom the dead letters are about; `None` where there are none.
    fn letters(&self) -> Option<Vec<Subject>> {
        let read = self.world.process.engine.store.read().ok()?;
        let letters = read.dead_letters(None, usize::MAX).ok()?;
        let about: Vec<Subject> = letters
            .into_iter()
            .map(|letter| letter.what.subject())
            .collect();
        (!about.is_empty()).then_some(about)
    }

    /// Whether there are letters that were dropped.
    fn has_dropped(&self) -> bool {
        let read = self.world.process.engine.store.read();
        read.is_ok_and(|read| read.dropped_count().is_ok_and(|count| count > 0))
    }

    /// Stripe's customer gets an address that another customer of Zenskar has.
    pub(crate) fn take_email(&mut self) {
        let (stripe, zenskar) = self.any_customer();
        let (_, other) = self.any_customer();
        let email = self.zenskar(&other)[&Field::Email].clone();
        if zenskar == other || email.is_empty() {
            return;
        }
        let mut patch = json!({ "email": email });
        if self.random.between(0, 1) == 0 {
            patch["name"] = json!(format!("Name {}", self.random.between(0, 2)));
        }
        self.world.save(Side::Stripe, &stripe, &patch);
        let now = self.stripe(&stripe);
        self.reference(|reference| reference.stripe_edited(&zenskar, &now));
        self.count("address taken already");
    }

    /// One refusal of a kind that has nothing to do with what was asked.
    pub(crate) fn order_refusal(&mut self) {
        let refuse = |status| FaultKind::Refuse { status };
        let times = u32::try_from(self.random.between(1, 3)).unwrap();
        let zenskar = |status| Fault::next(Remote::Zenskar, refuse(status));
        let (fault, name) = match self.random.between(0, 7) {
            0 => (zenskar(400).method("PATCH"), "400"),
            1 => (zenskar(403).times(times), "403"),
            2 => (zenskar(401).times(times), "401"),
            3 | 4 => (zenskar(404).method("GET").prefix("/customers/"), "404"),
            5 => {
                let (_, id) = self.any_customer();
                let path = format!("/customers/{id}/connector");
                (zenskar(422).prefix(&path), "422")
            }
            6 => (Fault::next(Remote::Stripe, refuse(403)).times(times), "403"),
            _ => {
                self.world.sandbox.expire_cursors();
                self.count("cursors expired");
                return;
            }
        };
        let _id = self.world.sandbox.order_fault(fault);
        self.count(name);
    }

    /// A person's edit of Zenskar, always with a value never seen before.
    pub(crate) fn person_patch(&mut self) -> Json {
        self.edits += 1;
        let edit = self.edits;
        match self.random.between(0, 6) {
            0 => json!({ "customer_name": format!("Person {edit}") }),
            1 => json!({ "email": format!("person-{edit}@example.com") }),
            2 => json!({ "phone_number": format!("+33 9 {edit}") }),
            3 => {
                json!({ "address": {"line1": format!("{edit} Person Street"), "country_code": "FR"} })
            }
            4 => {
                let line1 = format!("{edit} Person Dock");
                json!({ "ship_to_address": {"line1": line1, "country": "France"} })
            }
            5 => json!({ "custom_data": custom_data(&format!("Person {edit}")) }),
            _ => json!({ "tax_info": [tax_info(&format!("FR9{edit}"))] }),
        }
    }
}

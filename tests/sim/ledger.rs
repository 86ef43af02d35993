//! The model of two-way sync that is obviously right: what each side holds, who wrote it, and
//! whether the other side ever held it as well.
//!
//! It watches people edit both sides and the engine write to either, and knows nothing of links,
//! bases or intents. A value is *shared* once the other side holds or held it: then writing over it
//! loses nothing. An edit that is not shared is written over for three reasons alone: the rule in
//! force decided against it and the journal says so; one-way sync goes the other way; or it was
//! saved so late that no look could show it. What a person decided to write over what that person
//! saw is written, too.

use crate::quiet::text;
use crate::values::zenskar_fields;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use zenstripe::model::customer::{Field, Fields};
use zenstripe::model::difference::Held;
use zenstripe::model::link::Side;
use zenstripe::model::run::Decided;
use zenstripe::sync::policy::{Direction, Policy, Rule};

/// The text of each field, as one side shows it.
pub(crate) type Values = BTreeMap<Field, String>;

/// One field of one customer on one side.
#[derive(Clone, Debug, Default)]
struct Holding {
    value: String,
    /// Whether the other side held this value too, or it came from there.
    shared: bool,
    /// Whether the engine wrote it.
    carried: bool,
    /// When a person wrote it, in milliseconds.
    at: i64,
    /// Whether the engine read the customer since.
    read: bool,
    /// Every value that was ever here, and when it was last written by a person.
    ever: BTreeMap<String, i64>,
}

/// One field of one customer.
#[derive(Clone, Debug, Default)]
struct Story {
    stripe: Holding,
    zenskar: Holding,
    /// What both sides held when they last held the same.
    agreed: Option<String>,
    /// What both sides held when somebody began to follow this field is not known to be the same:
    /// until it is, nobody can tell who changed it.
    open: bool,
    /// The engine does not know of a write of its own whether it was made, so that an edit after it
    /// looks like one beside it.
    unsure: bool,
    /// People wrote the same on both sides since the world last rested.
    alike: bool,
    /// Whether the engine wrote since the world last rested.
    touched: bool,
    /// Edits of people's, and writes of the engine's that changed the value.
    edits: u64,
    writes: u64,
    /// The rules that were in force since both sides held the same.
    rules: Vec<Rule>,
    /// What Zenskar refused in a request of nothing else.
    refused: BTreeSet<String>,
    /// What people decided: a side, what it held then, and what it is to hold.
    decided: Vec<(Side, String, String)>,
    /// Who wrote what, in order.
    log: Vec<String>,
}

/// An edit that a rule decided against: the journal must say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overruled {
    pub(crate) stripe: String,
    pub(crate) field: Field,
    pub(crate) side: Side,
    pub(crate) value: String,
    /// When, in milliseconds.
    pub(crate) at: i64,
}

/// A request that writes, as the wire saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// When, in milliseconds.
    pub(crate) at: i64,
    /// Whether its answer reached the engine and was a success.
    pub(crate) answered: bool,
}

/// What people and the engine did to both sides.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By Stripe's id and field.
    stories: BTreeMap<(String, Field), Story>,
    /// Zenskar's ids to Stripe's.
    pairs: BTreeMap<String, String>,
    /// What may move, by the operator's file.
    policy: Option<Policy>,
    /// Stripe's ids of links that a person took apart.
    apart: BTreeSet<String>,
    /// Runs of which the model knows, with whom they are about.
    runs: BTreeSet<(u64, String)>,
    /// Requests by customer that may change something, and those that had no success.
    requests: BTreeMap<String, (u64, u64)>,
    /// How long reads of Zenskar lag behind its writes, in milliseconds.
    pub(crate) read_lag: i64,
    /// Whether Zenskar keeps e-mail addresses in lower case.
    pub(crate) lowercase_emails: bool,
    /// Edits that rules decided against.
    pub(crate) overruled: Vec<Overruled>,
    /// Edits that were saved between the last look and the write.
    pub(crate) unseen: u64,
    /// Deaths of the process.
    crashes: u64,
    /// What the engine did wrong.
    pub(crate) wrong: Vec<String>,
    /// Writes of the engine's that changed something.
    pub(crate) written: u64,
}

impl Story {
    fn side(&mut self, side: Side) -> &mut Holding {
        match side {
            Side::Stripe => &mut self.stripe,
            Side::Zenskar => &mut self.zenskar,
        }
    }

    const fn at(&self, side: Side) -> &Holding {
        match side {
            Side::Stripe => &self.stripe,
            Side::Zenskar => &self.zenskar,
        }
    }

    /// Both sides hold the same: neither value is at stake.
    fn agree(&mut self, rule: Rule) {
        self.stripe.shared = true;
        self.zenskar.shared = true;
        self.agreed = Some(self.stripe.value.clone());
        self.rules = vec![rule];
    }

    /// Whether a rule that was in force lets `winner` write over the other side's edit.
    fn may_win(&self, winner: Side, value: &str) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Ask => false,
            Rule::Side(side) => *side == winner,
            // Only what is surely later wins.
            Rule::Newest => {
                let mut ever = self.at(winner).ever.iter();
                let written = ever.find(|(held, _)| held.eq_ignore_ascii_case(value));
                written.is_some_and(|(_, at)| *at > self.at(winner.other()).at)
            }
        })
    }
}

impl Ledger {
    /// Customers as they are at the start.
    pub(crate) fn begin(
        &mut self,
        (stripe, zenskar): (&str, &str),
        ours: &Values,
        theirs: &Values,
    ) {
        self.pairs.insert(zenskar.to_owned(), stripe.to_owned());
        for (field, value) in ours {
            let holding = |value: &String| Holding {
                value: value.clone(),
                ever: [(value.clone(), i64::MIN)].into(),
                at: i64::MIN,
                ..Holding::default()
            };
            let mut story = Story {
                stripe: holding(value),
                zenskar: holding(&theirs[field]),
                open: true,
                ..Story::default()
            };
            if *value == theirs[field] {
                story.agree(self.rule(*field));
            }
            self.stories.insert((stripe.to_owned(), *field), story);
        }
    }

    /// The other side's id of a customer.
    pub(crate) fn other(&self, side: Side, id: &str) -> Option<String> {
        let mut pairs = self.pairs.iter();
        match side {
            Side::Zenskar => self.pairs.get(id).cloned(),
            Side::Stripe => pairs
                .find(|(_, stripe)| *stripe == id)
                .map(|(zenskar, _)| zenskar.clone()),
        }
    }

    fn stripe_id(&self, side: Side, id: &str) -> Option<String> {
        match side {
            Side::Stripe => Some(id.to_owned()),
            Side::Zenskar => self.pairs.get(id).cloned(),
        }
    }

    fn rule(&self, field: Field) -> Rule {
        let policy = self.policy.as_ref();
        policy.map_or(Rule::Ask, |policy| policy.conflict.of(field))
    }

    /// Whether both values are one: Zenskar may keep an address in a form of its own.
    fn is_same(&self, field: Field, one: &str, other: &str) -> bool {
        let lower = self.lowercase_emails && field == Field::Email;
        one == other || (lower && one.to_lowercase() == other.to_lowercase())
    }

    /// A side was edited by a person and holds this now.
    pub(crate) fn edited(&mut self, side: Side, id: &str, now: &Values, at: i64) {
        let Some(stripe) = self.stripe_id(side, id) else {
            return;
        };
        for (field, value) in now {
            let rule = self.rule(*field);
            let Some(story) = self.stories.get_mut(&(stripe.clone(), *field)) else {
                continue;
            };
            let other = story.at(side.other()).value.clone();
            // Who goes back to what both held changed nothing.
            let back = story.agreed.as_ref() == Some(value);
            let holding = story.side(side);
            if holding.value == *value {
                continue;
            }
            holding.value.clone_from(value);
            holding.shared = back;
            holding.carried = false;
            holding.read = false;
            holding.at = at;
            holding.ever.insert(value.clone(), at);
            story.edits += 1;
            story.log.push(format!("person in {side}: {value} at {at}"));
            if other == *value {
                // Unless the engine looks before the next edit, it never learns of it.
                story.unsure = true;
                story.alike = true;
                story.agree(rule);
            }
        }
    }

    /// The engine read a customer.
    pub(crate) fn read(&mut self, side: Side, id: &str, at: i64) {
        let lag = if side == Side::Zenskar {
            self.read_lag
        } else {
            0
        };
        let Some(stripe) = self.stripe_id(side, id) else {
            return;
        };
        for ((other, _), story) in &mut self.stories {
            let holding = story.side(side);
            if *other == stripe && at.saturating_sub(holding.at) >= lag {
                holding.read = true;
            }
        }
    }

    /// The operator's file names other rules; while nothing is linked nothing begins anew.
    pub(crate) fn reloaded(&mut self, policy: &Policy, linked: bool) {
        let before = self.policy.replace(policy.clone());
        for ((_, field), story) in &mut self.stories {
            let writes = |policy: &Policy, side: Side| {
                let there = match policy.direction {
                    None => false,
                    Some(Direction::Both) => true,
                    Some(Direction::From(source)) => source != side,
                };
                there && policy.fields.contains(field)
            };
            let wider = [Side::Stripe, Side::Zenskar].iter().any(|side| {
                let wrote = before.as_ref().is_some_and(|before| writes(before, *side));
                writes(policy, *side) && !wrote
            });
            story.open |= wider && linked;
            let rule = policy.conflict.of(*field);
            let selected = policy.fields.contains(field);
            let direction = policy.direction.filter(|_| selected);
            story.log.push(format!("{direction:?} {rule:?}"));
            if !story.rules.contains(&rule) {
                story.rules.push(rule);
            }
        }
    }

    /// A person linked these customers, or took their link apart.
    pub(crate) fn linked(&mut self, zenskar: &str, linked: bool) {
        let Some(stripe) = self.pairs.get(zenskar).cloned() else {
            return;
        };
        for ((other, _), story) in &mut self.stories {
            if *other == stripe {
                story.open = true;
                let what = if linked { "linked" } else { "unlinked" };
                story.log.push(what.to_owned());
            }
        }
        if linked {
            self.apart.remove(&stripe);
        } else {
            self.apart.insert(stripe);
        }
    }

    /// A person decided in this run what becomes of a field. From then on the two sides are what
    /// that person wants them to be, and nobody can tell whose they are before they rest.
    pub(crate) fn decided(&mut self, decided: &Decided) {
        let stripe = decided.link.as_str().to_owned();
        if !self.runs.insert((decided.run, stripe.clone())) {
            return;
        }
        for decision in &decided.decisions {
            let key = (stripe.clone(), decision.field);
            let Some(story) = self.stories.get_mut(&key) else {
                continue;
            };
            story.open = true;
            for side in [Side::Stripe, Side::Zenskar] {
                let goal = decision.goal(side);
                if goal.is_write() {
                    let (before, wanted) = (text(&goal.before), text(&goal.wanted));
                    let log = format!("decided for {side}: {before} -> {wanted}");
                    story.log.push(log);
                    story.edits += 1;
                    story
                        .decided
                        .push((side, before.to_owned(), wanted.to_owned()));
                }
            }
        }
    }

    /// The process died: what it had not yet kept of its own writes it does not know.
    pub(crate) fn crashed(&mut self) {
        self.crashes += 1;
        for story in self.stories.values_mut() {
            story.unsure |= story.touched;
        }
    }

    /// The world rests, and the engine says that both sides agree on this.
    pub(crate) fn rested(&mut self, stripe: &str, agreed: impl Fn(Field) -> Option<String>) {
        for ((id, field), story) in &mut self.stories {
            let both = [&story.stripe.value, &story.zenskar.value];
            if id == stripe
                && both
                    .iter()
                    .all(|held| agreed(*field).as_ref() == Some(held))
            {
                story.open = false;
                story.unsure = false;
                story.alike = false;
                story.touched = false;
            }
        }
    }

    /// Zenskar refused a write. What it refused for is known only where one field was sent.
    pub(crate) fn refused(&mut self, zenskar: &str, body: &Json) {
        let mut sent = zenskar_fields(body);
        sent.retain(|_, value| !value.is_empty());
        let Some(stripe) = self.pairs.get(zenskar).filter(|_| sent.len() == 1) else {
            return;
        };
        for (field, value) in sent {
            if let Some(story) = self.stories.get_mut(&(stripe.clone(), field)) {
                story.log.push(format!("refused: {value}"));
                story.refused.insert(value);
            }
        }
    }

    /// A request of the engine's was carried to one side, which holds this now.
    pub(crate) fn engine_wrote(&mut self, side: Side, id: &str, now: &Values, written: Written) {
        let Some(stripe) = self.stripe_id(side, id) else {
            return;
        };
        let requests = self.requests.entry(stripe.clone()).or_default();
        requests.0 += 1;
        requests.1 += u64::from(!written.answered);
        for (field, value) in now {
            let key = (stripe.clone(), *field);
            let Some(mut story) = self.stories.remove(&key) else {
                continue;
            };
            if story.at(side).value != *value {
                self.written += 1;
                if let Some(fault) = self.judge(&key, &story, side, (value, written.at)) {
                    let history = story.log.join(", ");
                    let what = format!("{stripe} {field}: {fault} with {value:?} in {side}");
                    self.wrong.push(format!("{what} ({history})"));
                }
                story
                    .log
                    .push(format!("engine in {side}: {value} at {}", written.at));
                let holding = story.side(side);
                holding.value.clone_from(value);
                holding.shared = true;
                holding.carried = true;
                holding.at = written.at;
                holding.ever.entry(value.clone()).or_insert(i64::MIN);
                if self.is_same(*field, &story.stripe.value, &story.zenskar.value) {
                    story.agree(self.rule(*field));
                }
                story.touched = true;
                story.writes += 1;
            }
            story.unsure |= !written.answered;
            self.stories.insert(key, story);
        }
    }

    /// What is wrong with the engine's writing `value` over what `side` holds.
    fn judge(
        &mut self,
        (stripe, field): &(String, Field),
        story: &Story,
        side: Side,
        (value, at): (&str, i64),
    ) -> Option<&'static str> {
        let field = *field;
        let policy = self.policy.as_ref()?;
        let (over, source) = (story.at(side).clone(), story.at(side.other()));
        if !policy.allows(field, side) {
            return Some("wrote a field that may not move there");
        }
        if self.apart.contains(stripe) {
            return Some("wrote to a customer whose link was taken apart");
        }
        let same = |one: &str, other: &str| self.is_same(field, one, other);
        let decided = story.decided.iter();
        let mut decided = decided
            .filter(|(target, _, wanted)| *target == side && same(wanted, value))
            .peekable();
        let is_wanted = decided.peek().is_some();
        if decided.any(|(_, before, _)| same(before, &over.value)) {
            return None;
        }
        let mut ever = source.ever.keys();
        if !is_wanted && !ever.any(|held| self.is_same(field, held, value)) {
            return Some("wrote what the other side never held");
        }
        // Each write makes both sides equal, so each but the first of a customer that began unequal
        // takes an edit.
        if story.writes + 1 > story.edits + 1 {
            return Some("wrote more often than people edited: an echo");
        }
        if value.is_empty() && !policy.allow_blank {
            return Some("erased a value with a blank");
        }
        let was_theirs = story.open && source.ever.contains_key(&over.value);
        if over.shared || was_theirs {
            return None;
        }
        if !over.read {
            self.unseen += 1;
            return None;
        }
        if let Some(Direction::From(_)) = policy.direction {
            let mut held = over.ever.keys();
            let held = held.any(|held| self.is_same(field, held, &source.value));
            let known = source.shared && held && !story.alike;
            let repeated = known && self.is_same(field, &source.value, value);
            return repeated.then_some("repeated a write over a person's edit");
        }
        if !story.may_win(side.other(), value) {
            return Some("wrote over an edit that is nowhere else");
        }
        self.overruled.push(Overruled {
            stripe: stripe.clone(),
            field,
            side,
            value: over.value,
            at,
        });
        None
    }

    /// Customers that were written to more often than edits and failures explain.
    pub(crate) fn echoes(&self) -> Vec<String> {
        let echo = |(stripe, (requests, failed)): (&String, &(u64, u64))| {
            let of_it = self.stories.iter().filter(|((id, _), _)| id == stripe);
            let edits: u64 = of_it.map(|(_, story)| story.edits + 1).sum();
            // Each edit takes one request, each failure and each death one more.
            let bound = edits + failed + self.crashes;
            (*requests > bound)
                .then(|| format!("{stripe}: {requests} requests that write, for {edits} edits"))
        };
        self.requests.iter().filter_map(echo).collect()
    }

    /// What happened to a field, in order.
    pub(crate) fn history(&self, stripe: &str, field: Field) -> String {
        let story = self.stories.get(&(stripe.to_owned(), field));
        story.map_or_else(String::new, |story| story.log.join(", "))
    }

    /// What people and the engine left on a side.
    pub(crate) fn holds(&self, stripe: &str, field: Field, side: Side) -> Option<&str> {
        let story = self.stories.get(&(stripe.to_owned(), field))?;
        Some(story.at(side).value.as_str())
    }

    /// Whether a field that differs when all is quiet may differ, for the reason that is shown.
    pub(crate) fn may_differ(&self, stripe: &str, field: Field, why: Option<Held>) -> bool {
        let Some(story) = self.stories.get(&(stripe.to_owned(), field)) else {
            return false;
        };
        let policy = self.policy.as_ref();
        let direction = policy.and_then(|policy| policy.direction);
        let (ours, theirs) = (&story.stripe, &story.zenskar);
        let unclear = story.open || story.unsure;
        let own_form = self.lowercase_emails && field == Field::Email;
        match (why, direction) {
            (None, _) => false,
            (Some(Held::NoBase), _) => story.open,
            (Some(Held::Conflict), Some(Direction::Both)) => {
                // What the engine wrote itself is nobody's edit.
                let edits = !ours.carried && !theirs.carried;
                let both = !ours.shared && !theirs.shared;
                let asked = edits && (both || story.unsure) && !self.is_decided(story, field);
                story.open || own_form || asked
            }
            // A question that was asked under other rules stays one until the source changes again.
            (Some(Held::Conflict), _) => unclear || own_form || (!ours.shared && !theirs.shared),
            // A change that is not followed, or cannot be made at the other side.
            (Some(Held::Drift), Some(Direction::From(source))) => {
                unclear || story.at(source).shared || !Policy::can_write(field, source.other())
            }
            (Some(Held::Drift), Some(Direction::Both)) => {
                field == Field::TaxIds && (unclear || ours.shared)
            }
            (Some(Held::Drift), None) => true,
            (Some(Held::WouldBlank), _) => {
                let blank = ours.value.is_empty() || theirs.value.is_empty();
                blank && policy.is_none_or(|policy| !policy.allow_blank)
            }
            (Some(Held::NotTaken), _) => {
                own_form && self.is_same(field, &ours.value, &theirs.value)
            }
            (Some(Held::Refused), _) => {
                let mut decided = story.decided.iter().map(|(_, _, wanted)| wanted);
                // A blank that was refused cannot be told from a field that was not sent.
                story.refused.contains(&ours.value)
                    || ours.value.is_empty()
                    || decided.any(|wanted| story.refused.contains(wanted))
            }
            (Some(Held::Nested), _) => false,
        }
    }

    /// Whether the rule in force decides a conflict without a person.
    fn is_decided(&self, story: &Story, field: Field) -> bool {
        match self.rule(field) {
            Rule::Ask | Rule::Newest => false,
            Rule::Side(winner) => {
                let blank = story.at(winner).value.is_empty();
                Policy::can_write(field, winner.other()) && !blank
            }
        }
    }
}

/// The base of a link, as text.
pub(crate) fn agreed(base: &Fields, field: Field) -> Option<String> {
    base.get(&field).map(|value| text(value).to_owned())
}

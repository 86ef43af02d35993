//! Stories and the model they are checked against.
//!
//! Each story is told twice: to the store by its verbs, and to a [`Model`] of plain maps. Both say
//! what they returned and are compared, then all that can be read is compared.

use std::collections::BTreeMap;
use std::time::Duration;
use zenstripe::clock::Random;
use zenstripe::model::cursor::PollCursor;
use zenstripe::model::customer::{Field, Value};
use zenstripe::model::difference::{Difference, Held};
use zenstripe::model::event::{Channel, Event};
use zenstripe::model::id::{EventId, StripeCustomerId, ZenskarCustomerId};
use zenstripe::model::intent::{Change, Intent, Progress};
use zenstripe::model::journal::Entry;
use zenstripe::model::link::{Link, LinkProof, LinkState, Side};
use zenstripe::model::mirror::Mirror;
use zenstripe::model::time::Timestamp;
use zenstripe::model::work::{DeadLetter, DeadWork, Subject, Work};
use zenstripe::store::{
    Inserted, Placed, PreparedEvent, PreparedMirror, ReadTx, Sorted, StoreError, WriteTx,
};

/// How many customers there are.
pub(super) const CUSTOMERS: u64 = 5;

/// Everything that can be read of a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) intake: u64,
    pub(super) work: BTreeMap<Subject, Work>,
    pub(super) parked: BTreeMap<Subject, Work>,
    pub(super) links: BTreeMap<StripeCustomerId, Link>,
    pub(super) outbox: BTreeMap<(StripeCustomerId, u64), (Intent, Option<Timestamp>)>,
    pub(super) dead: BTreeMap<u64, DeadLetter>,
    pub(super) differences: BTreeMap<StripeCustomerId, Vec<Difference>>,
    pub(super) mirrors: BTreeMap<StripeCustomerId, Mirror>,
    pub(super) journal: Vec<Entry>,
    pub(super) reads: u64,
    pub(super) poll: PollCursor,
}

/// Numbers that are given once. They are not read but by taking the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    intents: BTreeMap<StripeCustomerId, u64>,
    dead: u64,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(super) enum Story {
    /// An event arrives, perhaps one that is known.
    Receive(Box<Event>),
    /// Events are sorted: to work where there is a link, else to what waits for one.
    TakeIn(usize, Timestamp),
    /// Two customers turn out to be one.
    Link(u64, u64, Timestamp),
    /// Work is done: the base moves, a write is decided, a difference is found.
    Look(u64, Timestamp),
    /// Work failed and is due later.
    Retry(u64, Timestamp),
    /// A write leaves.
    Attempt(u64, Timestamp),
    /// A write arrived.
    Deliver(u64, Timestamp),
    /// A write is set aside.
    GiveUp(u64, Timestamp),
    /// A person settles the oldest dead letter.
    Settle(Timestamp),
    /// A link goes, and its work waits.
    Unlink(u64, Timestamp),
    /// The poller moves.
    Poll(Timestamp),
}

pub(super) fn customer(number: u64) -> StripeCustomerId {
    StripeCustomerId::parse(&format!("cus_{number}")).unwrap()
}

fn partner(number: u64) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(&format!("z-{number}")).unwrap()
}

fn subject(number: u64) -> Subject {
    Subject::Customer(customer(number))
}

fn subject_of(object: &str) -> Option<Subject> {
    Subject::parse(&format!("customer/{object}")).ok()
}

/// The stories that follow from `seed`.
pub(super) fn stories(seed: u64, count: usize) -> Vec<Story> {
    let random = Random::from_seed(seed);
    let mut now = Timestamp::from_seconds(1_780_000_000);
    (0..count)
        .map(|_| {
            now = now.plus(Duration::from_secs(random.between(1, 90)));
            let who = random.between(1, CUSTOMERS);
            match random.between(0, 17) {
                0..=4 => Story::Receive(Box::new(event(&random, now))),
                5..=7 => Story::TakeIn(usize::try_from(random.between(1, 4)).unwrap(), now),
                8 | 9 => Story::Link(who, random.between(1, CUSTOMERS), now),
                10 | 11 => Story::Look(who, now),
                12 => Story::Retry(who, now),
                13 => Story::Attempt(who, now),
                14 => Story::Deliver(who, now),
                15 => Story::GiveUp(who, now),
                16 => match random.between(0, 2) {
                    0 => Story::Settle(now),
                    1 => Story::Unlink(who, now),
                    _ => Story::Poll(now),
                },
                _ => Story::Poll(now),
            }
        })
        .collect()
}

fn event(random: &Random, now: Timestamp) -> Event {
    let who = random.between(1, CUSTOMERS);
    let body: Vec<u8> = (0..random.between(0, 6_000))
        .map(|at| {
            if at % 3 == 0 {
                random.next().to_le_bytes()[0]
            } else {
                b' '
            }
        })
        .collect();
    Event {
        id: EventId::parse(&format!("evt_{}", random.between(1, 60))).unwrap(),
        kind: "customer.updated".to_owned(),
        object: format!("cus_{who}"),
        account: None,
        created: now,
        api_version: Some("2025-03-31.basil".to_owned()),
        channel: if who.is_multiple_of(2) {
            Channel::Webhook
        } else {
            Channel::Poll
        },
        received_at: now,
        payload: body,
    }
}

fn link(who: u64, with: u64, now: Timestamp) -> Link {
    Link {
        stripe: customer(who),
        zenskar: partner(with),
        version: 1,
        base: [(Field::Name, Value::Text(format!("name {who}")))].into(),
        state: LinkState::Active,
        proof: LinkProof::Mapping,
        made_at: now,
        planned_at: now,
    }
}

fn moved(mut link: Link, now: Timestamp) -> Link {
    link.version += 1;
    link.base
        .insert(Field::Email, Value::Text(format!("at {now}")));
    link
}

fn intent(link: &Link, number: u64, now: Timestamp) -> Intent {
    let change = Change {
        from: Value::Blank,
        to: Value::Text(format!("{now}")),
    };
    Intent {
        number,
        link: link.stripe.clone(),
        target: Side::Zenskar,
        changes: [(Field::Phone, change)].into(),
        progress: Progress::Waiting,
        attempts: 0,
        decided_at: now,
        observed_at: now,
    }
}

fn attempted(mut intent: Intent, now: Timestamp) -> Intent {
    intent.attempts += 1;
    intent.progress = Progress::Unknown(now);
    intent
}

fn differences(now: Timestamp) -> Vec<Difference> {
    let held = match now.seconds().rem_euclid(3) {
        0 => return Vec::new(),
        1 => Held::NoBase,
        _ => Held::Conflict,
    };
    vec![Difference {
        field: Field::Address,
        stripe: Value::Text(now.to_string()),
        zenskar: Value::Blank,
        base: None,
        why: held,
    }]
}

fn mirror(now: Timestamp) -> Mirror {
    Mirror {
        observed_at: now,
        deleted: false,
        payload: format!("{{\"seen\":\"{now}\"}}").repeat(20).into_bytes(),
    }
}

fn retried(mut work: Work, now: Timestamp) -> Work {
    work.attempts += 1;
    work.due_at = now.plus(Duration::from_secs(60));
    work.last_error = Some("unreachable".to_owned());
    work
}

fn day(at: Timestamp) -> u32 {
    u32::try_from(at.seconds() / 86_400).unwrap()
}

const LATER: Duration = Duration::from_secs(30);

impl Story {
    /// Tells the store; gives what its verbs returned.
    pub(super) fn write(&self, tx: &mut WriteTx<'_>) -> Result<String, StoreError> {
        Ok(match self {
            Self::Receive(event) => inserted(tx.insert_event(&PreparedEvent::new(event)?)?),
            Self::TakeIn(limit, now) => {
                let taken = tx.take_in(*limit, *now, |view, stored| {
                    let Some(subject) = subject_of(&stored.head.object) else {
                        return Ok(Sorted::Ignored);
                    };
                    Ok(match view.link(subject.stripe().unwrap())? {
                        Some(_) => Sorted::Work(subject),
                        None => Sorted::Parked(subject),
                    })
                })?;
                format!("{} events, {} to work", taken.events, taken.work)
            }
            Self::Link(who, with, now) => match tx.put_link(&link(*who, *with, *now))? {
                Placed::Stored => {
                    let work = tx.unpark(&subject(*who), *now)?;
                    tx.append_journal(&Entry::engine(*now, "linked", &subject(*who)))?;
                    format!("linked, {} woken", work.is_some())
                }
                Placed::Claimed(by) => format!("claimed by {}", by.stripe),
            },
            Self::Look(who, now) => write_look(tx, *who, *now)?,
            Self::Retry(who, now) => match tx.work(&subject(*who))? {
                Some(work) => {
                    tx.put_work(&retried(work, *now))?;
                    "retried".to_owned()
                }
                None => "no work".to_owned(),
            },
            Self::Attempt(..) | Self::Deliver(..) | Self::GiveUp(..) => self.write_outbox(tx)?,
            Self::Settle(now) => write_settle(tx, *now)?,
            Self::Unlink(who, now) => match tx.remove_link(&customer(*who))? {
                Some(_) => {
                    if let Some(work) = tx.work(&subject(*who))? {
                        tx.park(&work)?;
                    }
                    tx.append_journal(&Entry::engine(*now, "unlinked", &subject(*who)))?;
                    "unlinked".to_owned()
                }
                None => "no link".to_owned(),
            },
            Self::Poll(now) => {
                let cursor = PollCursor {
                    high: Some(*now),
                    window: None,
                };
                tx.set_poll_cursor(&cursor)?;
                tx.add_reads(day(*now), 1)?;
                String::new()
            }
        })
    }

    fn write_outbox(&self, tx: &mut WriteTx<'_>) -> Result<String, StoreError> {
        let (Self::Attempt(who, now) | Self::Deliver(who, now) | Self::GiveUp(who, now)) = self
        else {
            return Ok(String::new());
        };
        let Some(mut intent) = lowest_open(tx, *who)? else {
            return Ok("nothing open".to_owned());
        };
        Ok(match self {
            Self::Attempt(..) => {
                tx.put_intent(&attempted(intent, *now), Some(now.plus(LATER)))?;
                "attempted".to_owned()
            }
            Self::Deliver(..) => {
                tx.remove_intent(&intent.link, intent.number)?;
                tx.append_journal(&Entry::engine(*now, "delivered", &intent.number))?;
                format!("delivered {}", intent.number)
            }
            _ => {
                intent.progress = Progress::Dead(*now);
                tx.put_intent(&intent, None)?;
                let what = DeadWork::Intent(intent.link, intent.number);
                let letter = tx.add_dead_letter(what, "refused", *now, intent.attempts)?;
                format!("dead letter {}", letter.number)
            }
        })
    }

    /// Tells the model; gives what the verbs should have returned.
    pub(super) fn apply(&self, model: &mut Model, given: &mut Given) -> String {
        match self {
            Self::Receive(event) => model.receive(event),
            Self::TakeIn(limit, now) => model.take_in(*limit, *now),
            Self::Link(who, with, now) => model.link(*who, *with, *now),
            Self::Look(who, now) => model.look(given, *who, *now),
            Self::Retry(who, now) => match model.work.remove(&subject(*who)) {
                Some(work) => {
                    model.work.insert(subject(*who), retried(work, *now));
                    "retried".to_owned()
                }
                None => "no work".to_owned(),
            },
            Self::Attempt(who, now) => match model.lowest_open(*who) {
                Some(intent) => {
                    let key = (intent.link.clone(), intent.number);
                    let row = (attempted(intent, *now), Some(now.plus(LATER)));
                    model.outbox.insert(key, row);
                    "attempted".to_owned()
                }
                None => "nothing open".to_owned(),
            },
            Self::Deliver(who, now) => match model.lowest_open(*who) {
                Some(intent) => {
                    model.outbox.remove(&(intent.link, intent.number));
                    let entry = Entry::engine(*now, "delivered", &intent.number);
                    model.journal.push(entry);
                    format!("delivered {}", intent.number)
                }
                None => "nothing open".to_owned(),
            },
            Self::GiveUp(who, now) => model.give_up(given, *who, *now),
            Self::Settle(now) => model.settle(*now),
            Self::Unlink(who, now) => model.unlink(*who, *now),
            Self::Poll(now) => {
                model.poll.high = Some(*now);
                model.reads += 1;
                String::new()
            }
        }
    }
}

fn inserted(inserted: Inserted) -> String {
    match inserted {
        Inserted::New(seq) => format!("new {seq}"),
        Inserted::Known(seq) => format!("known {seq}"),
    }
}

fn lowest_open(tx: &ReadTx<'_>, who: u64) -> Result<Option<Intent>, StoreError> {
    let intents = tx.intents(&customer(who))?;
    Ok(intents.into_iter().find(Intent::is_open))
}

fn write_look(tx: &mut WriteTx<'_>, who: u64, now: Timestamp) -> Result<String, StoreError> {
    let id = customer(who);
    if tx.remove_work(&subject(who))?.is_none() {
        return Ok("no work".to_owned());
    }
    tx.add_reads(day(now), 1)?;
    let Some(link) = tx.link(&id)? else {
        return Ok("no link".to_owned());
    };
    let number = tx.next_intent_number(&id)?;
    tx.put_intent(&intent(&link, number, now), Some(now))?;
    tx.put_differences(&id, &differences(now))?;
    tx.put_mirror(&PreparedMirror::new(
        Side::Stripe,
        id.as_str(),
        &mirror(now),
    )?)?;
    tx.put_link(&moved(link, now))?;
    tx.append_journal(&Entry::engine(now, "decided", &subject(who)))?;
    Ok(format!("intent {number}"))
}

fn write_settle(tx: &mut WriteTx<'_>, now: Timestamp) -> Result<String, StoreError> {
    let letters = tx.dead_letters(None, 1)?;
    let Some(letter) = letters.first() else {
        return Ok("no dead letter".to_owned());
    };
    tx.remove_dead_letter(letter.number)?;
    if let DeadWork::Intent(link, number) = &letter.what {
        tx.remove_intent(link, *number)?;
    }
    tx.append_journal(&Entry::engine(now, "settled", &letter.number))?;
    Ok(format!("settled {}", letter.number))
}

impl Model {
    fn receive(&mut self, event: &Event) -> String {
        if let Some((seq, _)) = self.events.iter().find(|(_, known)| known.id == event.id) {
            return format!("known {seq}");
        }
        let seq = u64::try_from(self.events.len()).unwrap() + 1;
        self.events.insert(seq, event.clone());
        format!("new {seq}")
    }

    fn take_in(&mut self, limit: usize, now: Timestamp) -> String {
        let next: Vec<_> = self.events.range(self.intake + 1..).take(limit).collect();
        let (mut events, mut work) = (0, 0);
        for (seq, event) in next {
            let subject = subject_of(&event.object).unwrap();
            let linked = self.links.contains_key(subject.stripe().unwrap());
            let rows = if linked {
                &mut self.work
            } else {
                &mut self.parked
            };
            rows.entry(subject.clone())
                .or_insert_with(|| Work::new(subject, now))
                .add_event(*seq);
            self.intake = *seq;
            events += 1;
            work += u64::from(linked);
        }
        format!("{events} events, {work} to work")
    }

    fn link(&mut self, who: u64, with: u64, now: Timestamp) -> String {
        let new = link(who, with, now);
        let claimed = self
            .links
            .values()
            .find(|known| (known.stripe == new.stripe) != (known.zenskar == new.zenskar));
        // An own link with another partner is named before another link with this partner.
        let own = self
            .links
            .get(&new.stripe)
            .filter(|own| own.zenskar != new.zenskar);
        if let Some(by) = own.or(claimed) {
            return format!("claimed by {}", by.stripe);
        }
        self.links.insert(new.stripe.clone(), new);
        let waiting = self.parked.remove(&subject(who));
        let woken = waiting.is_some();
        if let Some(waiting) = waiting {
            let mut work = match self.work.remove(&subject(who)) {
                Some(known) => joined(known, &waiting),
                None => waiting,
            };
            work.due_at = now;
            self.work.insert(subject(who), work);
        }
        self.journal
            .push(Entry::engine(now, "linked", &subject(who)));
        format!("linked, {woken} woken")
    }

    fn look(&mut self, given: &mut Given, who: u64, now: Timestamp) -> String {
        let id = customer(who);
        if self.work.remove(&subject(who)).is_none() {
            return "no work".to_owned();
        }
        self.reads += 1;
        let Some(link) = self.links.get(&id).cloned() else {
            return "no link".to_owned();
        };
        let number = given.intents.entry(id.clone()).or_insert(0);
        *number += 1;
        let row = (intent(&link, *number, now), Some(now));
        self.outbox.insert((id.clone(), *number), row);
        self.differences.remove(&id);
        if !differences(now).is_empty() {
            self.differences.insert(id.clone(), differences(now));
        }
        self.mirrors.insert(id.clone(), mirror(now));
        self.links.insert(id, moved(link, now));
        self.journal
            .push(Entry::engine(now, "decided", &subject(who)));
        format!("intent {number}")
    }

    fn lowest_open(&self, who: u64) -> Option<Intent> {
        let of_link = self
            .outbox
            .range((customer(who), 0)..=(customer(who), u64::MAX));
        of_link
            .map(|(_, (intent, _))| intent)
            .find(|intent| intent.is_open())
            .cloned()
    }

    fn give_up(&mut self, given: &mut Given, who: u64, now: Timestamp) -> String {
        let Some(mut intent) = self.lowest_open(who) else {
            return "nothing open".to_owned();
        };
        intent.progress = Progress::Dead(now);
        let key = (intent.link.clone(), intent.number);
        given.dead += 1;
        let letter = DeadLetter {
            number: given.dead,
            what: DeadWork::Intent(intent.link.clone(), intent.number),
            reason: "refused".to_owned(),
            at: now,
            attempts: intent.attempts,
        };
        self.dead.insert(given.dead, letter);
        self.outbox.insert(key, (intent, None));
        format!("dead letter {}", given.dead)
    }

    fn settle(&mut self, now: Timestamp) -> String {
        let Some((number, letter)) = self.dead.pop_first() else {
            return "no dead letter".to_owned();
        };
        if let DeadWork::Intent(link, number) = letter.what {
            self.outbox.remove(&(link, number));
        }
        self.journal.push(Entry::engine(now, "settled", &number));
        format!("settled {number}")
    }

    fn unlink(&mut self, who: u64, now: Timestamp) -> String {
        if self.links.remove(&customer(who)).is_none() {
            return "no link".to_owned();
        }
        if let Some(work) = self.work.remove(&subject(who)) {
            let merged = match self.parked.remove(&subject(who)) {
                Some(known) => joined(known, &work),
                None => work,
            };
            self.parked.insert(subject(who), merged);
        }
        self.journal
            .push(Entry::engine(now, "unlinked", &subject(who)));
        "unlinked".to_owned()
    }

    /// When the outbox and the work are next due, link by link.
    pub(super) fn next_due(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let work = self.work.values().map(|work| work.due_at).min();
        let intents = (1..=CUSTOMERS)
            .filter_map(|who| self.lowest_open(who))
            .filter_map(|intent| self.outbox.get(&(intent.link, intent.number))?.1)
            .min();
        (work, intents)
    }
}

fn joined(mut known: Work, other: &Work) -> Work {
    known.events.extend(&other.events);
    known.events.sort_unstable();
    known.events.dedup();
    known.asked += other.asked;
    known.since = known.since.min(other.since);
    known
}

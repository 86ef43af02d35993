//! What is left when nothing is due any more, and whether what is counted is there.

use crate::run::Run;
use zenstripe::model::id::StripeCustomerId;
use zenstripe::model::intent::Progress;
use zenstripe::model::link::{Link, LinkState};
use zenstripe::model::work::{DeadWork, Subject};

impl Run {
    /// What is left undone though nothing is due, and counts that do not count what is there.
    pub(crate) fn unrest(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        let mut ask = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        let all = usize::MAX;
        let work = read.work_list(None, all).unwrap();
        ask(work.is_empty(), format!("work is left: {work:?}"));
        let links = read.links(None, all).unwrap();
        let letters = read.dead_letters(None, all).unwrap();
        let mut dead: Vec<_> = letters
            .iter()
            .filter_map(|letter| match &letter.what {
                DeadWork::Intent(link, number) => Some((link.clone(), *number)),
                DeadWork::Work(_) | DeadWork::Creation(_) => None,
            })
            .collect();
        let mut intents = 0;
        for (stripe, _) in &self.customers {
            let id = StripeCustomerId::parse(stripe).unwrap();
            for intent in read.intents(&id).unwrap() {
                intents += 1;
                ask(!intent.is_open(), format!("an intent is open: {intent:?}"));
                if matches!(intent.progress, Progress::Dead(_)) {
                    let letter = (intent.link.clone(), intent.number);
                    let before = dead.len();
                    dead.retain(|other| *other != letter);
                    let one = before - dead.len() == 1;
                    ask(one, format!("not one dead letter of {intent:?}"));
                }
            }
        }
        ask(
            dead.is_empty(),
            format!("dead letters of nothing: {dead:?}"),
        );
        let rows = |count: usize| u64::try_from(count).unwrap();
        let differing = read.differences_list(None, all).unwrap();
        let fields = differing.iter().map(|(_, fields)| fields.len()).sum();
        let shown: u64 = read.difference_counts().unwrap().values().sum();
        let parked = read.parked_list(None, all).unwrap().len();
        for (name, count, rows) in [
            ("links", read.link_count().unwrap(), rows(links.len())),
            ("intents", read.intent_count().unwrap(), intents),
            (
                "dead letters",
                read.dead_count().unwrap(),
                rows(letters.len()),
            ),
            ("work", read.work_count().unwrap(), rows(work.len())),
            ("parked work", read.parked_count().unwrap(), rows(parked)),
            (
                "differing",
                read.differing_links().unwrap(),
                rows(differing.len()),
            ),
            ("differences", shown, rows(fields)),
        ] {
            ask(
                count == rows,
                format!("{name}: {count} counted, {rows} there"),
            );
        }
        wrong
    }

    /// Links that are counted under another state than theirs, and linked customers that count as
    /// alone.
    pub(crate) fn miscounted(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let links = read.links(None, usize::MAX).unwrap();
        let of = |is: fn(&LinkState) -> bool| {
            let found = links.iter().filter(|link| is(&link.state)).count();
            u64::try_from(found).unwrap()
        };
        let found = (
            of(|state| *state == LinkState::Active),
            of(|state| matches!(state, LinkState::Deleted(_))),
            of(|state| *state == LinkState::Unlinked),
            of(|state| *state == LinkState::Unknown),
        );
        let counts = read.link_counts().unwrap();
        let counted = (
            counts.active,
            counts.deleted(),
            counts.unlinked,
            counts.unknown_in_stripe,
        );
        let mut wrong = Vec::new();
        if found != counted {
            wrong.push(format!(
                "links by state: {counted:?} counted, {found:?} there"
            ));
        }
        let is_alone = |link: &Link| {
            let both = [
                Subject::Customer(link.stripe.clone()),
                Subject::Unlinked(link.zenskar.clone()),
            ];
            both.iter().any(|subject| read.is_alone(subject).unwrap())
        };
        let held = links
            .iter()
            .filter(|link| link.state != LinkState::Unlinked);
        let alone = held.filter(|link| is_alone(link));
        wrong.extend(alone.map(|link| format!("{} is linked and alone", link.stripe)));
        wrong
    }
}

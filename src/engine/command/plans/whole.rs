//! A plan, added up: its counts, its hash, and what of it a person saw.

use super::{CommandError, Planned, planned};
use crate::engine::Engine;
use crate::engine::command::runs::LINKS_STEP;
use crate::engine::creation::rows::offered;
use crate::engine::view::PlanSummary;
use crate::model::creation::Creation;
use crate::model::difference::Difference;
use crate::model::link::{Link, Side};
use crate::model::work::Subject;
use crate::sync::creation::Creates;
use crate::sync::policy::{Direction, Policy};
use crate::sync::proposal::Proposal;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::BTreeMap;

/// Bytes of the digest that a plan's hash shows.
const HASH_BYTES: usize = 8;

/// A part of a plan.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// What is written about one link.
    Link(&'a Planned),
    /// A customer that is made.
    Creation(&'a Creation),
}

/// One thing that a plan does and over what, told from every other: the first half of a SHA-256.
type Print = [u8; 16];

impl Engine {
    /// Visits every part of a plan: links by id, then creations.
    pub(super) async fn add_up(
        &self,
        policy: &Policy,
        creates: Creates,
        mut visit: impl FnMut(Part<'_>),
    ) -> Result<(), CommandError> {
        let mut after = None;
        loop {
            let (part, last) = planned(&self.store.read()?, policy, after.as_ref(), LINKS_STEP)?;
            let Some(last) = last else { break };
            after = Some(last);
            part.iter().for_each(|planned| visit(Part::Link(planned)));
            // A large plan must not keep this thread from everybody else.
            tokio::task::yield_now().await;
        }
        let mut after: Option<Subject> = None;
        loop {
            let part = offered(&self.store.read()?, creates, after.as_ref(), LINKS_STEP)?;
            let Some(last) = part.last() else {
                return Ok(());
            };
            after = Some(last.subject.clone());
            part.iter()
                .for_each(|creation| visit(Part::Creation(creation)));
            tokio::task::yield_now().await;
        }
    }
}

/// What a person who applies a plan has seen of it, or of its first customers: whatever is not
/// among this is not written, however it came to differ.
pub(super) struct Seen {
    /// Customers that are still to be taken.
    left: u64,
    /// Sorted once the whole was seen.
    prints: Vec<Print>,
    /// Fields that it writes.
    pub(super) fields: u64,
    /// Customers that it makes.
    pub(super) creations: u64,
}

impl Seen {
    /// Takes the first `customers` of a plan.
    pub(super) const fn first(customers: u64) -> Self {
        Self {
            left: customers,
            prints: Vec::new(),
            fields: 0,
            creations: 0,
        }
    }

    /// Takes note of the next part.
    pub(super) fn add(&mut self, part: Part<'_>) {
        if self.left == 0 {
            return;
        }
        match part {
            Part::Link(planned) => {
                let before = self.prints.len();
                for (difference, winner) in planned.writes() {
                    self.prints.push(print(&planned.link, difference, winner));
                    self.fields = self.fields.saturating_add(1);
                }
                if self.prints.len() == before {
                    return;
                }
            }
            Part::Creation(creation) => {
                self.prints.push(print_creation(creation));
                self.creations = self.creations.saturating_add(1);
            }
        }
        self.left = self.left.saturating_sub(1);
    }

    /// The whole was seen.
    pub(super) fn close(&mut self) {
        self.prints.sort_unstable();
    }

    /// Whether this very thing was seen.
    pub(super) fn holds(&self, link: &Link, difference: &Difference, winner: Side) -> bool {
        self.has(&print(link, difference, winner))
    }

    /// Whether this creation was seen.
    pub(super) fn holds_creation(&self, creation: &Creation) -> bool {
        self.has(&print_creation(creation))
    }

    fn has(&self, print: &Print) -> bool {
        self.prints.binary_search(print).is_ok()
    }
}

/// Everything that is written about one field, and over what.
fn print(link: &Link, difference: &Difference, winner: Side) -> Print {
    let base = difference.base.as_ref().map(|base| format!("{base:?}"));
    print_of(&[
        link.stripe.to_string(),
        link.zenskar.to_string(),
        difference.field.to_string(),
        format!("{:?}", difference.stripe),
        format!("{:?}", difference.zenskar),
        base.unwrap_or_default(),
        winner.to_string(),
    ])
}

fn print_creation(creation: &Creation) -> Print {
    print_of(&[creation.subject.to_string()])
}

fn print_of(parts: &[String]) -> Print {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    }
    let mut print = Print::default();
    for (to, from) in print.iter_mut().zip(digest.finish().as_ref()) {
        *to = *from;
    }
    print
}

/// A plan, added up link by link.
pub(super) struct Whole {
    digest: Context,
    both_ways: bool,
    summary: PlanSummary,
}

impl Whole {
    pub(super) fn new(direction: Option<Direction>) -> Self {
        Self {
            digest: Context::new(&SHA256),
            both_ways: direction == Some(Direction::Both),
            summary: PlanSummary::default(),
        }
    }

    pub(super) fn add(&mut self, part: Part<'_>) {
        match part {
            Part::Link(planned) => self.add_link(planned),
            Part::Creation(creation) => self.add_creation(creation),
        }
    }

    pub(super) fn into_summary(self) -> PlanSummary {
        self.summary
    }

    fn add_link(&mut self, planned: &Planned) {
        let mut targets = BTreeMap::new();
        for (difference, winner) in planned.writes() {
            let target = winner.other();
            *targets.entry(target).or_insert(0_u64) += 1;
            more(&mut self.summary.by_field, &difference.field.to_string(), 1);
            let print = print(&planned.link, difference, winner);
            self.digest.update(&print);
        }
        for (difference, proposal) in &planned.rows {
            match proposal {
                Proposal::Write(_) => {}
                Proposal::WouldBlank(_) => {
                    self.summary.would_blank = self.summary.would_blank.saturating_add(1);
                }
                Proposal::Ask => more(&mut self.summary.ask, difference.why.as_str(), 1),
            }
        }
        if targets.is_empty() {
            return;
        }
        let summary = &mut self.summary;
        summary.customers = summary.customers.saturating_add(1);
        // A look reads both sides; before a write both ways, its target is looked at once more.
        let again = u64::from(self.both_ways);
        summary.stripe_reads = summary.stripe_reads.saturating_add(1);
        summary.zenskar_requests = summary.zenskar_requests.saturating_add(1);
        for (target, fields) in targets {
            summary.fields = summary.fields.saturating_add(fields);
            more(&mut summary.writes_to, &target.to_string(), fields);
            match target {
                Side::Stripe => {
                    summary.stripe_reads = summary.stripe_reads.saturating_add(again);
                    summary.stripe_writes = summary.stripe_writes.saturating_add(1);
                }
                Side::Zenskar => {
                    let requests = again.saturating_add(1);
                    summary.zenskar_requests = summary.zenskar_requests.saturating_add(requests);
                }
            }
        }
    }

    fn add_creation(&mut self, creation: &Creation) {
        let target = creation.target();
        let summary = &mut self.summary;
        more(&mut summary.creates, &target.to_string(), 1);
        // Both sides are asked once more who may be it, right before the request.
        let (reads, writes, requests) = match target {
            Side::Stripe => (1, 1, 2),
            Side::Zenskar => (1, 0, 3),
        };
        summary.stripe_reads = summary.stripe_reads.saturating_add(reads);
        summary.stripe_writes = summary.stripe_writes.saturating_add(writes);
        summary.zenskar_requests = summary.zenskar_requests.saturating_add(requests);
        self.digest.update(&print_creation(creation));
    }

    /// How many customers it makes.
    fn creations(&self) -> u64 {
        let creates = self.summary.creates.values().copied();
        creates.fold(0, u64::saturating_add)
    }

    /// The plan's hash, which also says which side a person preferred; `None` for a plan that
    /// writes nothing.
    pub(super) fn hash(&self, initial: Option<Side>) -> Option<String> {
        if self.summary.fields == 0 && self.creations() == 0 {
            return None;
        }
        let digest = self.digest.clone().finish();
        let bytes = digest.as_ref().iter().take(HASH_BYTES);
        let hash: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        Some(match initial {
            Some(side) => format!("{hash}-{side}"),
            None => hash,
        })
    }
}

fn more(counts: &mut BTreeMap<String, u64>, name: &str, by: u64) {
    let count = counts.entry(name.to_owned()).or_default();
    *count = count.saturating_add(by);
}

/// Which side the person preferred who asked for the plan with this hash.
pub(super) fn initial_of(hash: &str) -> Result<Option<Side>, CommandError> {
    let (digits, side) = match hash.split_once('-') {
        None => (hash, None),
        Some((digits, "stripe")) => (digits, Some(Side::Stripe)),
        Some((digits, "zenskar")) => (digits, Some(Side::Zenskar)),
        Some(_) => ("", None),
    };
    let is_hash = digits.len() == HASH_BYTES.saturating_mul(2)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash {
        Ok(side)
    } else {
        Err(CommandError::Invalid(format!(
            "{hash:?} is no plan's hash: \"zenstripe plan\" shows it"
        )))
    }
}

//! Plans: what would be written about the differences that nothing moves by itself, and its being
//! applied.
//!
//! A plan is not stored: it follows from the differences and from the rules in force, and its hash
//! says whether it is still the same.

use super::runs::LINKS_STEP;
use super::{CommandError, invalid};
use crate::engine::Engine;
use crate::engine::creation::rows::{offered, order};
use crate::engine::decisions::decide;
use crate::engine::linking::AMBIGUOUS;
use crate::engine::poller::{READS_DAYS, READS_FLOOR};
use crate::engine::view::{PlanRow, PlanSummary, PlanView, RunRow};
use crate::model::creation::Creation;
use crate::model::cursor::ScanPhase;
use crate::model::difference::Difference;
use crate::model::id::StripeCustomerId;
use crate::model::link::{Link, LinkState, Side};
use crate::model::run::{Decision, Run, RunKind};
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::remote::limiter::LimiterStats;
use crate::store::{ReadTx, StoreError, WriteTx};
use crate::sync::decision::is_waiting;
use crate::sync::policy::{Direction, Policy};
use crate::sync::proposal::{Proposal, propose, take_side};
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::BTreeMap;

/// Bytes of the digest that a plan's hash shows.
const HASH_BYTES: usize = 8;

/// How a plan is bounded when it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// What the plan's view said.
    pub hash: String,
    /// So many customers alone, as a trial; the others wait for another plan.
    pub canary: Option<u64>,
    /// Nothing is done if the plan writes more fields than this.
    pub max_changes: Option<u64>,
}

/// One link with what the plan proposes about it.
struct Planned {
    link: Link,
    rows: Vec<(Difference, Proposal)>,
}

impl Planned {
    /// The fields that are written, with whose value.
    fn writes(&self) -> impl Iterator<Item = (&Difference, Side)> {
        self.rows.iter().filter_map(|(difference, proposal)| {
            let winner = match proposal {
                Proposal::Write(winner) => *winner,
                Proposal::WouldBlank(_) | Proposal::Ask => return None,
            };
            Some((difference, winner))
        })
    }
}

impl Engine {
    pub(super) async fn plan(
        &self,
        initial: Option<Side>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<PlanView, CommandError> {
        let policy = self.plan_policy(initial)?;
        let mut view = PlanView::default();
        if after.is_none() {
            let mut whole = Whole::new(policy.direction);
            self.add_up(&policy, &mut whole).await?;
            view.hash = whole.hash(initial);
            view.summary = Some(self.summary(whole)?);
        }
        // After the differences come the creations, whose places are subjects.
        if let Some(place) = after.filter(|after| after.contains('/')) {
            let place = Subject::parse(place).map_err(|e| invalid(&e))?;
            self.list_creations(Some(&place), limit, &mut view)?;
            return Ok(view);
        }
        let after = after.map(StripeCustomerId::parse).transpose();
        let mut after = after.map_err(|e| invalid(&e))?;
        loop {
            let (part, last) = planned(&self.store.read()?, &policy, after.as_ref())?;
            let Some(last) = last else {
                self.list_creations(None, limit, &mut view)?;
                return Ok(view);
            };
            after = Some(last);
            for planned in part {
                view.rows.extend(plan_rows(&planned));
                if view.rows.len() >= limit {
                    view.next = Some(planned.link.stripe.to_string());
                    return Ok(view);
                }
            }
        }
    }

    /// Fills a page up with customers that would be made.
    fn list_creations(
        &self,
        after: Option<&Subject>,
        limit: usize,
        view: &mut PlanView,
    ) -> Result<(), CommandError> {
        let left = limit.saturating_sub(view.rows.len());
        let creates = self.settings().creates;
        let found = offered(&self.store.read()?, creates, after, left)?;
        let next = found.last().filter(|_| found.len() >= left);
        view.next = next.map(|last| last.subject.to_string());
        view.rows.extend(found.iter().map(creation_row));
        Ok(())
    }

    /// Adds up everything that a plan proposes.
    async fn add_up(&self, policy: &Policy, whole: &mut Whole) -> Result<(), CommandError> {
        self.each_planned(policy, |planned| whole.add(planned))
            .await?;
        let creates = self.settings().creates;
        let mut after: Option<Subject> = None;
        loop {
            let part = offered(&self.store.read()?, creates, after.as_ref(), LINKS_STEP)?;
            let Some(last) = part.last() else {
                return Ok(());
            };
            after = Some(last.subject.clone());
            part.iter()
                .for_each(|creation| whole.add_creation(creation));
            tokio::task::yield_now().await;
        }
    }

    /// Decides what a plan proposes, if the plan is still the one with this hash.
    pub(super) async fn apply_plan(&self, ask: Apply, who: &str) -> Result<RunRow, CommandError> {
        let policy = self.plan_policy(initial_of(&ask.hash)?)?;
        let mut whole = Whole::new(policy.direction);
        self.add_up(&policy, &mut whole).await?;
        if whole.hash(initial_of(&ask.hash)?).as_ref() != Some(&ask.hash) {
            return Err(CommandError::Refused {
                message: format!(
                    "the plan is not {} any more: something changed since",
                    ask.hash
                ),
                hint: "run \"zenstripe plan\" again, and apply the hash that it shows".to_owned(),
            });
        }
        let creations = whole.creations();
        let changes = whole.summary.fields.saturating_add(creations);
        if ask.max_changes.is_some_and(|most| changes > most) {
            let fields = whole.summary.fields;
            return Err(CommandError::Refused {
                message: format!("the plan writes {fields} fields and makes {creations} customers"),
                hint: "raise --max-changes, or try a part of it with --canary".to_owned(),
            });
        }
        let now = self.clock.now();
        let run = self.begin_run(RunKind::Apply(ask.hash), who, now).await?;
        let decided = self.decide_plan(&policy, &run, ask.canary, now).await;
        let row = self.end_run(run.number).await?;
        self.wake.look.notify_one();
        decided.map(|()| row)
    }

    async fn decide_plan(
        &self,
        policy: &Policy,
        run: &Run,
        canary: Option<u64>,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let mut left = canary.unwrap_or(u64::MAX);
        let mut after = None;
        while left > 0 {
            let (mut part, last) = planned(&self.store.read()?, policy, after.as_ref())?;
            let Some(last) = last else { break };
            after = Some(last);
            part.retain(|planned| planned.writes().next().is_some());
            part.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left = left.saturating_sub(u64::try_from(part.len()).unwrap_or(u64::MAX));
            let run = run.clone();
            self.writer
                .write("decide part of a plan", move |tx| {
                    let mut part = part.iter();
                    part.try_for_each(|planned| decide_planned(tx, &run, planned, now))
                })
                .await?;
            tokio::task::yield_now().await;
        }
        self.order_creations(run, left, now).await
    }

    /// Orders that customers are made which are on one side only; `left` of them.
    async fn order_creations(
        &self,
        run: &Run,
        mut left: u64,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let creates = self.settings().creates;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(LINKS_STEP).min(LINKS_STEP);
            let part = offered(&self.store.read()?, creates, None, most)?;
            if part.is_empty() {
                break;
            }
            let (number, who) = (run.number, run.who.clone());
            let ordered = self
                .writer
                .write("order part of a plan", move |tx| {
                    let mut ordered = 0_u64;
                    for creation in &part {
                        let is_new = order(tx, &creation.subject, &who, now)?;
                        ordered = ordered.saturating_add(u64::from(is_new));
                    }
                    if let Some(mut run) = tx.run(number)? {
                        run.counts.ordered = run.counts.ordered.saturating_add(ordered);
                        tx.put_run(&run)?;
                    }
                    Ok(ordered)
                })
                .await?;
            if ordered == 0 {
                break;
            }
            left = left.saturating_sub(ordered);
            self.wake.creation.notify_one();
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn plan_policy(&self, initial: Option<Side>) -> Result<Policy, CommandError> {
        let policy = self.settings().policy.clone();
        if policy.direction.is_none() {
            return Err(CommandError::Refused {
                message: "customers.sync is off: nothing would be written".to_owned(),
                hint: "choose a direction in the configuration first".to_owned(),
            });
        }
        let initial = initial.or(policy.initial);
        Ok(Policy { initial, ..policy })
    }

    /// Visits every link with differences, in the order of its id.
    async fn each_planned(
        &self,
        policy: &Policy,
        mut visit: impl FnMut(&Planned),
    ) -> Result<(), CommandError> {
        let mut after = None;
        loop {
            let (part, last) = planned(&self.store.read()?, policy, after.as_ref())?;
            let Some(last) = last else { return Ok(()) };
            after = Some(last);
            part.iter().for_each(&mut visit);
            // A large plan must not keep this thread from everybody else.
            tokio::task::yield_now().await;
        }
    }

    fn summary(&self, whole: Whole) -> Result<PlanSummary, CommandError> {
        let read = self.store.read()?;
        let used = read.reads_since(self.today().saturating_sub(READS_DAYS))?;
        let mut summary = PlanSummary {
            linked: read.link_count()?,
            stripe_reads_left: READS_FLOOR.saturating_sub(used),
            incomplete: incomplete(&read)?,
            ..whole.summary
        };
        count_unlinked(&read, &mut summary)?;
        let stripe = summary.stripe_reads.saturating_add(summary.stripe_writes);
        let seconds = seconds(stripe, &self.stripe.limiters())
            .max(seconds(summary.zenskar_requests, &self.zenskar.limiters()));
        summary.minutes = seconds.div_ceil(60);
        Ok(summary)
    }
}

/// How long so many requests take at the rate of the slowest limiter.
pub(super) fn seconds(requests: u64, limiters: &[LimiterStats]) -> u64 {
    let rates = limiters.iter().map(|limiter| limiter.milli_rate);
    let rate = rates.min().unwrap_or(1_000).max(1);
    requests.saturating_mul(1_000).div_ceil(rate)
}

/// The next links with differences after `after`, and the last that was read.
fn planned(
    read: &ReadTx<'_>,
    policy: &Policy,
    after: Option<&StripeCustomerId>,
) -> Result<(Vec<Planned>, Option<StripeCustomerId>), CommandError> {
    let list = read.differences_list(after, LINKS_STEP)?;
    let last = list.last().map(|(stripe, _)| stripe.clone());
    let mut part = Vec::new();
    for (stripe, differences) in list {
        let link = read.link(&stripe)?;
        let Some(link) = link.filter(|link| link.state == LinkState::Active) else {
            continue;
        };
        let decided = read.decided(&stripe)?;
        let rows: Vec<_> = differences
            .into_iter()
            .filter(|one| policy.fields.contains(&one.field) && !is_waiting(&decided, one.field))
            .map(|one| {
                let proposal = propose(&one, policy);
                (one, proposal)
            })
            .collect();
        if !rows.is_empty() {
            part.push(Planned { link, rows });
        }
    }
    Ok((part, last))
}

/// Decides what was planned about one link, so far as it is still as it was.
fn decide_planned(
    tx: &mut WriteTx<'_>,
    run: &Run,
    planned: &Planned,
    now: Timestamp,
) -> Result<(), StoreError> {
    let current = tx.differences(&planned.link.stripe)?;
    let decisions: Vec<Decision> = planned
        .writes()
        .filter(|(difference, _)| current.contains(difference))
        .map(|(difference, winner)| take_side(difference, winner))
        .collect();
    if !decisions.is_empty() {
        decide(tx, run, &planned.link.stripe, decisions, now)?;
    }
    Ok(())
}

/// A plan, added up link by link.
struct Whole {
    digest: Context,
    both_ways: bool,
    summary: PlanSummary,
}

impl Whole {
    fn new(direction: Option<Direction>) -> Self {
        Self {
            digest: Context::new(&SHA256),
            both_ways: direction == Some(Direction::Both),
            summary: PlanSummary::default(),
        }
    }

    fn add(&mut self, planned: &Planned) {
        let mut targets = BTreeMap::new();
        for (difference, winner) in planned.writes() {
            let target = winner.other();
            *targets.entry(target).or_insert(0_u64) += 1;
            more(&mut self.summary.by_field, &difference.field.to_string(), 1);
            self.hash_row(&planned.link, difference, winner);
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
        self.digest.update(creation.subject.to_string().as_bytes());
        self.digest.update(&[0]);
    }

    /// How many customers it makes.
    fn creations(&self) -> u64 {
        let creates = self.summary.creates.values().copied();
        creates.fold(0, u64::saturating_add)
    }

    /// Everything that the plan would write, and over what.
    fn hash_row(&mut self, link: &Link, difference: &Difference, winner: Side) {
        let base = difference.base.as_ref().map(|base| format!("{base:?}"));
        let parts = [
            link.stripe.to_string(),
            link.zenskar.to_string(),
            difference.field.to_string(),
            format!("{:?}", difference.stripe),
            format!("{:?}", difference.zenskar),
            base.unwrap_or_default(),
            winner.to_string(),
        ];
        for part in parts {
            self.digest.update(part.as_bytes());
            self.digest.update(&[0]);
        }
    }

    /// The plan's hash, which also says which side a person preferred; `None` for a plan that
    /// writes nothing.
    fn hash(&self, initial: Option<Side>) -> Option<String> {
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
fn initial_of(hash: &str) -> Result<Option<Side>, CommandError> {
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

fn plan_rows(planned: &Planned) -> impl Iterator<Item = PlanRow> + '_ {
    planned.rows.iter().map(|(difference, proposal)| PlanRow {
        stripe: planned.link.stripe.to_string(),
        zenskar: planned.link.zenskar.to_string(),
        field: difference.field.to_string(),
        stripe_value: difference.stripe.to_string(),
        zenskar_value: difference.zenskar.to_string(),
        agreed: difference.base.as_ref().map(ToString::to_string),
        winner: proposal.winner().map(|side| side.to_string()),
        proposal: match proposal {
            Proposal::Write(_) => "write",
            Proposal::WouldBlank(_) => "would blank",
            Proposal::Ask => "ask",
        }
        .to_owned(),
        why: difference.why.to_string(),
    })
}

fn creation_row(creation: &Creation) -> PlanRow {
    let (stripe, zenskar) = match &creation.subject {
        Subject::Customer(id) => (id.to_string(), String::new()),
        Subject::Unlinked(id) => (String::new(), id.to_string()),
    };
    let source = creation.target().other();
    PlanRow {
        stripe,
        zenskar,
        winner: Some(source.to_string()),
        proposal: "create".to_owned(),
        why: format!("in {source} alone"),
        ..PlanRow::default()
    }
}

/// Why the differences known now may not be all there are.
fn incomplete(read: &ReadTx<'_>) -> Result<Option<String>, StoreError> {
    let cursor = read.scan_cursor()?;
    let waiting = read.work_count()?;
    Ok(if let Some(why) = cursor.stopped {
        Some(format!("the last scan stopped: {why}"))
    } else if cursor.finished_at.is_none() || cursor.wanted || cursor.phase != ScanPhase::Idle {
        Some("a scan of both sides is under way or asked for".to_owned())
    } else if waiting > 0 {
        Some(format!("{waiting} customers wait to be looked at"))
    } else {
        None
    })
}

/// Counts the customers that are known to have no partner.
fn count_unlinked(read: &ReadTx<'_>, summary: &mut PlanSummary) -> Result<(), StoreError> {
    let mut after: Option<Subject> = None;
    loop {
        let parked = read.parked_list(after.as_ref(), LINKS_STEP)?;
        let Some(last) = parked.last() else {
            return Ok(());
        };
        after = Some(last.subject.clone());
        for work in &parked {
            let reason = work.last_error.as_deref().unwrap_or_default();
            let count = match &work.subject {
                Subject::Customer(id) if read.link(id)?.is_some() => continue,
                _ if reason.starts_with(AMBIGUOUS) => &mut summary.ambiguous,
                Subject::Customer(_) => &mut summary.only_in_stripe,
                Subject::Unlinked(_) => &mut summary.only_in_zenskar,
            };
            *count = count.saturating_add(1);
        }
    }
}

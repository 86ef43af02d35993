//! Plans: what would be written about the differences that nothing moves by itself.
//!
//! A plan is not stored: it follows from the differences and from the rules in force, and its hash
//! says whether it is still the same. How it is added up is in [`whole`], how it is written down in
//! [`apply`].

mod apply;
mod whole;

pub use apply::Apply;

use self::whole::Whole;
use super::runs::LINKS_STEP;
use super::{CommandError, ROWS_MAX, invalid, show_time};
use crate::engine::Engine;
use crate::engine::creation::rows::offered;
use crate::engine::linking::AMBIGUOUS;
use crate::engine::poller::{READS_DAYS, READS_FLOOR};
use crate::engine::view::{PlanRow, PlanSummary, PlanView};
use crate::model::creation::Creation;
use crate::model::cursor::ScanPhase;
use crate::model::difference::Difference;
use crate::model::id::StripeCustomerId;
use crate::model::link::{Link, LinkState, Side};
use crate::model::work::Subject;
use crate::remote::limiter::LimiterStats;
use crate::store::{ReadTx, StoreError};
use crate::sync::decision::is_waiting;
use crate::sync::policy::Policy;
use crate::sync::proposal::{Proposal, propose};

/// Which plan is to be shown, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The rules to propose by; else those in force, or where sync is off those rehearsed.
    pub under: Option<Box<Policy>>,
    /// Whose value to take where a field was never seen to agree; else as configured.
    pub initial: Option<Side>,
    /// Whether the whole is added up with the first page, which takes as long as it is large.
    pub whole: bool,
    /// Where the page begins, as the page before said.
    pub after: Option<String>,
    /// Rows, up to [`ROWS_MAX`], and those of the last customer beyond; none with 0.
    pub limit: usize,
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
    pub(super) async fn plan(&self, ask: &Ask) -> Result<PlanView, CommandError> {
        let (under, initial, after) = (ask.under.as_deref(), ask.initial, ask.after.as_deref());
        let limit = ask.limit.min(ROWS_MAX);
        let rehearsal = self.rehearsal_view()?;
        let compared = self.compared_by()?.policy.clone();
        if rehearsal.is_none() {
            self.plan_policy(initial)?;
        }
        let policy = under.unwrap_or(&compared);
        let uncompared = policy.fields.difference(&compared.fields);
        let mut view = PlanView {
            uncompared: uncompared.map(ToString::to_string).collect(),
            rehearsal,
            ..PlanView::default()
        };
        let policy = Policy {
            initial: initial.or(policy.initial),
            ..policy.clone()
        };
        if ask.whole && after.is_none() {
            let mut whole = Whole::new(policy.direction);
            let creates = self.settings().creates;
            self.add_up(&policy, creates, |part| whole.add(part))
                .await?;
            let is_in_force = view.rehearsal.is_none() && under.is_none();
            view.hash = whole.hash(initial).filter(|_| is_in_force);
            view.summary = Some(self.summary(whole)?);
        }
        if limit == 0 {
            return Ok(view);
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
            let read = self.store.read()?;
            let (part, last) = planned(&read, &policy, after.as_ref(), limit)?;
            drop(read);
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

    fn plan_policy(&self, initial: Option<Side>) -> Result<Policy, CommandError> {
        let policy = self.settings().policy.clone();
        if policy.direction.is_none() {
            return Err(CommandError::Refused {
                message: "customers.sync is off: nothing would be written".to_owned(),
                hint: "\"zenstripe plan --rehearse import-only\" compares both sides first; it is \
                       switched on in the configuration"
                    .to_owned(),
            });
        }
        let initial = initial.or(policy.initial);
        Ok(Policy { initial, ..policy })
    }

    fn summary(&self, whole: Whole) -> Result<PlanSummary, CommandError> {
        let read = self.store.read()?;
        let used = read.reads_since(self.today().saturating_sub(READS_DAYS))?;
        let mut summary = PlanSummary {
            linked: read.link_counts()?.active,
            stripe_reads_left: READS_FLOOR.saturating_sub(used),
            incomplete: incomplete(&read)?,
            ..whole.into_summary()
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

/// The next links with differences after `after`, of at most `limit` that are read, and the last of
/// those.
fn planned(
    read: &ReadTx<'_>,
    policy: &Policy,
    after: Option<&StripeCustomerId>,
    limit: usize,
) -> Result<(Vec<Planned>, Option<StripeCustomerId>), CommandError> {
    let list = read.differences_list(after, limit)?;
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

/// Counts the customers that are known to have no partner, apart from those that may be one of
/// several others.
fn count_unlinked(read: &ReadTx<'_>, summary: &mut PlanSummary) -> Result<(), StoreError> {
    summary.only_in_stripe = read.alone_count(Side::Stripe)?;
    summary.only_in_zenskar = read.alone_count(Side::Zenskar)?;
    for side in [Side::Stripe, Side::Zenskar] {
        let at = read.alone_counted_at(side)?.and_then(show_time);
        summary.listed_at.insert(side.to_string(), at);
    }
    let mut after: Option<Subject> = None;
    loop {
        let parked = read.parked_list(after.as_ref(), LINKS_STEP)?;
        let Some(last) = parked.last() else {
            return Ok(());
        };
        after = Some(last.subject.clone());
        for work in &parked {
            let reason = work.last_error.as_deref().unwrap_or_default();
            if !reason.starts_with(AMBIGUOUS) || !read.is_alone(&work.subject)? {
                continue;
            }
            summary.ambiguous = summary.ambiguous.saturating_add(1);
            let alone = match &work.subject {
                Subject::Customer(_) => &mut summary.only_in_stripe,
                Subject::Unlinked(_) => &mut summary.only_in_zenskar,
            };
            *alone = alone.saturating_sub(1);
        }
    }
}

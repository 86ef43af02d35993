//! The whole state at one glance.

use super::plans::seconds;
use super::remotes::{for_people, problems_for_people, problems_of_remotes};
use super::{CommandError, connection, redrives, show_time};
use crate::engine::Engine;
use crate::engine::poller::{READS_DAYS, READS_FLOOR};
use crate::engine::scan::schedule;
use crate::engine::settings::Poll;
use crate::engine::view::{
    ChangesStatus, Daemon, PollStatus, Problem, ScanStatus, Status, StoreStatus,
};
use crate::model::cursor::{ChangeFilter, ScanCounts, ScanCursor, ScanPhase};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::store::{LinkCounts, ReadTx};
use crate::sync::policy::Direction;
use std::collections::BTreeMap;

/// Newest events from which the rate and the size of events are taken.
const RATE_SAMPLE: usize = 256;

impl Engine {
    pub(super) fn status(&self) -> Result<Status, CommandError> {
        let read = self.store.read()?;
        let differences = read.difference_counts()?;
        let mut queues: BTreeMap<String, u64> = [
            (
                "inbox",
                read.last_seq()?.saturating_sub(read.intake_cursor()?),
            ),
            ("work", read.work_count()?),
            ("parked", read.parked_count()?),
            ("outbox", read.intent_count()?),
            ("dead", read.dead_count()?),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
        queues.extend(for_people(&differences));
        let differences = differences
            .into_iter()
            .map(|(why, count)| (why.as_str().to_owned(), count))
            .collect();
        let now = self.clock.now();
        let oldest = read.due_work(now, 1)?;
        let settings = self.settings();
        let links = read.link_counts()?;
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: "ok".to_owned(),
            problems: Vec::new(),
            notices: notices(links),
            stripe: self.remote(Side::Stripe),
            zenskar: self.remote(Side::Zenskar),
            connection: self.connection_status(&read)?,
            endpoint: self.endpoint.status(),
            sync: sync_word(settings.policy.direction).to_owned(),
            rehearsal: self.rehearsal_view()?,
            money: self.money_status()?,
            redrive: self.redrive_view()?,
            queues,
            oldest_work_seconds: oldest
                .first()
                .map_or(0, |work| now.since(work.since).as_secs()),
            links: links.active,
            links_by_state: links_by_state(links),
            unknown_in_stripe: links.unknown_in_stripe,
            differences,
            creations: self.creations_status(&read)?,
            poll: self.poll_status(&read)?,
            changes: self.changes_status(&read)?,
            scan: self.scan_status(&read)?,
            store: self.store_status(&read)?,
            daemon: Daemon::default(),
        };
        status.notices.extend(self.cut_undoings(&read)?);
        let redriven = redrives::notice(status.redrive.as_ref());
        status.notices.extend(redriven);
        status.problems = problems(&status);
        if !status.problems.is_empty() {
            "degraded".clone_into(&mut status.state);
        }
        Ok(status)
    }

    fn store_status(&self, read: &ReadTx<'_>) -> Result<StoreStatus, CommandError> {
        let bytes = self.store.file_bytes()?.unwrap_or(0);
        let rows: BTreeMap<String, u64> = read
            .rows()?
            .into_iter()
            .map(|(table, rows)| (table.to_owned(), rows))
            .collect();
        let mut forecast_bytes = bytes;
        let newest = read.events_newest(None, RATE_SAMPLE)?;
        if let (Some(oldest), Some(each)) = (newest.last(), read.event_bytes(RATE_SAMPLE)?) {
            let span = self
                .clock
                .now()
                .since(oldest.head.received_at)
                .as_secs()
                .max(60);
            let count = u64::try_from(newest.len()).unwrap_or(u64::MAX);
            let kept = count.saturating_mul(self.settings().retention.as_secs()) / span;
            let stored = read
                .last_seq()?
                .min(rows.get("events").copied().unwrap_or(0));
            let to_come = kept.saturating_sub(stored);
            forecast_bytes = bytes.saturating_add(to_come.saturating_mul(each));
        }
        Ok(StoreStatus {
            bytes,
            forecast_bytes,
            rows,
        })
    }

    fn poll_status(&self, read: &ReadTx<'_>) -> Result<PollStatus, CommandError> {
        let cursor = read.poll_cursor()?;
        let remote_now = self.stripe.remote_about();
        let lag = cursor
            .high
            .zip(remote_now)
            .map(|(high, now)| now.since(high).as_secs());
        Ok(PollStatus {
            mode: match self.settings().poll {
                Poll::Off => "off".to_owned(),
                Poll::Adaptive => "adaptive".to_owned(),
                Poll::Every(period) => format!("every {} s", period.as_secs()),
            },
            read_until: cursor.high.and_then(show_time),
            lag_seconds: lag,
            reads_used: read.reads_since(self.today().saturating_sub(READS_DAYS))?,
            reads_floor: READS_FLOOR,
            unreadable: self.left_out.unreadable(),
            other_mode: self.left_out.other_mode(),
            other_account: self.left_out.other_account(),
        })
    }

    fn changes_status(&self, read: &ReadTx<'_>) -> Result<ChangesStatus, CommandError> {
        let cursor = read.change_cursor()?;
        let remote_now = self.zenskar.remote_about();
        let lag = cursor
            .high
            .zip(remote_now)
            .map(|(high, now)| now.since(high).as_secs());
        Ok(ChangesStatus {
            read_until: cursor.high.and_then(show_time),
            lag_seconds: lag,
            filter: match cursor.filter {
                ChangeFilter::Untold => "untold",
                ChangeFilter::Works => "works",
                ChangeFilter::Ignored => "ignored",
            }
            .to_owned(),
            swept_at: read.scan_cursor()?.zenskar_swept_at.and_then(show_time),
            unreadable: self.unreadable_customers.count(),
        })
    }
}

impl Engine {
    fn scan_status(&self, read: &ReadTx<'_>) -> Result<ScanStatus, CommandError> {
        let (cursor, links) = (read.scan_cursor()?, read.link_counts()?.active);
        let mut status = scan_status(&cursor, links, self.clock.now());
        status.stripe_reads = scan_reads(&cursor, links);
        let settings = self.settings();
        let is_idle = cursor.phase == ScanPhase::Idle;
        if settings.policy.direction.is_some() && is_idle && cursor.finished_at.is_some() {
            let next = schedule::next(&cursor, links);
            status.next_stripe = show_time(next.stripe);
            status.next_zenskar = show_time(next.zenskar);
        }
        let customers = schedule::customers(&cursor, links);
        let pages = schedule::listing_reads(customers);
        // One after the other; each customer of Zenskar without link is asked for its mapping too.
        let unlinked = cursor.found.zenskar.saturating_sub(links);
        status.minutes = seconds(status.stripe_reads, &self.stripe.limiters())
            .saturating_add(seconds(
                pages.saturating_add(unlinked),
                &self.zenskar.limiters(),
            ))
            .div_ceil(60);
        Ok(status)
    }
}

/// Reads of Stripe that a scan takes which is asked for at this moment.
fn scan_reads(cursor: &ScanCursor, links: u64) -> u64 {
    match cursor.stripe_each_at {
        // Stripe's customers could not be listed: the linked ones are read one by one.
        Some(_) => links,
        None => schedule::listing_reads(schedule::customers(cursor, links)),
    }
}

/// The scan; `links` customers are linked.
fn scan_status(cursor: &ScanCursor, links: u64, now: Timestamp) -> ScanStatus {
    let is_idle = cursor.phase == ScanPhase::Idle;
    let elapsed = now.since(cursor.started_at).as_secs().max(1);
    let read = cursor.found.stripe.saturating_add(cursor.found.zenskar);
    let per_second = if is_idle { 0 } else { read.div_euclid(elapsed) };
    let to_come = match cursor.phase {
        ScanPhase::Idle => None,
        ScanPhase::Stripe(_) => links
            .checked_sub(cursor.found.stripe)
            .map(|rest| rest.saturating_add(links)),
        ScanPhase::Zenskar(_) => links.checked_sub(cursor.found.zenskar),
    };
    let mut differing: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for ((side, field), count) in &cursor.differing {
        let fields = differing.entry(side.to_string()).or_default();
        fields.insert(field.to_string(), *count);
    }

    let ScanCounts {
        stripe,
        zenskar,
        linked,
        unanswered,
        claimed_twice,
        missed,
        missed_in_zenskar,
    } = cursor.found;
    ScanStatus {
        phase: match cursor.phase {
            ScanPhase::Idle => "idle",
            ScanPhase::Stripe(_) => "stripe",
            ScanPhase::Zenskar(_) => "zenskar",
        }
        .to_owned(),
        wanted: cursor.wanted,
        sweep: cursor.is_sweep && cursor.phase != ScanPhase::Idle,
        started_at: Some(cursor.started_at)
            .filter(|at| *at > Timestamp::default())
            .and_then(show_time),
        finished_at: cursor.finished_at.and_then(show_time),
        expected: Some(links).filter(|links| *links > 0),
        per_second,
        seconds_left: to_come
            .filter(|_| links > 0)
            .and_then(|rest| rest.checked_div(per_second)),
        differing,
        stopped: cursor.stopped.clone(),
        found: [
            ("stripe", stripe),
            ("zenskar", zenskar),
            ("linked", linked),
            ("unanswered", unanswered),
            ("claimed_twice", claimed_twice),
            ("missed", missed),
            ("missed_in_zenskar", missed_in_zenskar),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into(),
        ..ScanStatus::default()
    }
}

/// The sync type by its word in the configuration.
pub(super) const fn sync_word(direction: Option<Direction>) -> &'static str {
    match direction {
        None => "off",
        Some(Direction::From(Side::Stripe)) => "import-only",
        Some(Direction::From(Side::Zenskar)) => "export-only",
        Some(Direction::Both) => "import-and-export",
    }
}

fn links_by_state(links: LinkCounts) -> BTreeMap<String, u64> {
    [
        ("active", links.active),
        ("deleted in stripe", links.deleted_in_stripe),
        ("deleted in zenskar", links.deleted_in_zenskar),
        ("unknown in stripe", links.unknown_in_stripe),
        ("unlinked", links.unlinked),
    ]
    .map(|(state, count)| (state.to_owned(), count))
    .into()
}

/// What a person may want to see to.
fn notices(links: LinkCounts) -> Vec<Problem> {
    let deleted = [
        (Side::Stripe, links.deleted_in_stripe),
        (Side::Zenskar, links.deleted_in_zenskar),
    ];
    let deleted = deleted.into_iter().filter(|(_, count)| *count > 0);
    let notice = |(side, count): (Side, u64)| Problem {
        what: format!(
            "linked customers that were deleted in {side}: {count}; nothing is deleted in {}",
            side.other()
        ),
        hint: "run \"zenstripe customers list --deleted\"; \"customers unlink\" takes one off it"
            .to_owned(),
    };
    deleted.map(notice).collect()
}

/// What needs attention, most urgent first.
fn problems(status: &Status) -> Vec<Problem> {
    let mut problems = super::money::problems(status);
    problems.extend(connection::problems(status));
    problems.extend(problems_of_remotes(status));
    problems.extend(problems_for_people(status));
    let mut add = |what: String, hint: &str| {
        problems.push(Problem {
            what,
            hint: hint.to_owned(),
        });
    };
    if status.unknown_in_stripe > 0 {
        add(
            format!(
                "linked customers that stripe does not know: {}",
                status.unknown_in_stripe
            ),
            "put right the key of another account, or the mapping in Zenskar, and run \"zenstripe \
             scan\"; unlink those that were deleted for good: \"zenstripe customers list\"",
        );
    }
    let dead = status.queues.get("dead").copied().unwrap_or(0);
    if dead > 0 {
        add(
            format!("dead letters: {dead}"),
            "run \"zenstripe dead list\"",
        );
    }
    if status.creations.dead > 0 {
        add(
            format!(
                "customers that could not be created: {}",
                status.creations.dead
            ),
            "run \"zenstripe customers list --unlinked\"; \"dead retry\" tries again",
        );
    }
    if status.poll.mode == "off" {
        let hint = "set events.poll = \"adaptive\", or rely on webhooks alone";
        add(
            "polling is off: an event whose webhook is lost is lost".to_owned(),
            hint,
        );
    }
    if let Some(why) = &status.scan.stopped {
        let hint = "once it is repaired, run \"zenstripe scan\"";
        add(format!("scan stopped: {why}"), hint);
    }
    let claimed = status.scan.found.get("claimed_twice").copied().unwrap_or(0);
    if claimed > 0 {
        let hint = "correct the mapping in Zenskar, or unlink the wrong one, and run \"zenstripe \
                    scan\"; \"zenstripe customers list\" shows the links";
        add(
            format!("customers of Zenskar mapped to a linked customer of Stripe: {claimed}"),
            hint,
        );
    }
    if status.poll.reads_used > status.poll.reads_floor / 10 * 8 {
        let hint = "register a webhook endpoint, so that polling can be slow";
        add(
            format!("reads of Stripe in 30 days: {}", status.poll.reads_used),
            hint,
        );
    }
    problems
}

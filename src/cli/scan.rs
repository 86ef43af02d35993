//! `scan`: asks for a comparison of both sides, and follows it to its end where that is wanted.

use crate::cli::args::Scan;
use crate::cli::client::Client;
use crate::cli::customers::done;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::out::{Out, span};
use crate::clock::{Clock, SystemClock};
use crate::engine::view::{Done, ScanStatus, Status};
use http::Method;
use std::time::Duration;

/// How often a scan is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often it is told of where lines stay.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Signs of the bar.
const BAR: usize = 30;

/// Asks for a scan.
///
/// # Errors
///
/// The daemon does not run, or refuses; the scan that was waited for stopped before its end.
pub async fn scan(client: &Client, scan: Scan, out: &Out) -> Outcome {
    if !out.is_json() {
        let status: Status = client.get("/status").await?;
        for line in cost(&status) {
            out.note(&line);
        }
    }
    if !scan.wait {
        return done(client, Method::POST, "/scan", None, out).await;
    }
    let asked: Done = client.act(Method::POST, "/scan", None).await?;
    let mut follower = Follower {
        out,
        told: None,
        next: Duration::ZERO,
    };
    if !out.is_json() {
        out.note(&asked.message);
    }
    let began = SystemClock.now();
    loop {
        let status: Status = client.get("/status").await?;
        if status.sync == "off" {
            let why = "customers.sync is off: nothing is scanned";
            return Err(Failure::new(Exit::Failed, why));
        }
        let seen = status.scan;
        let ended = seen.phase == "idle" && !seen.wanted;
        follower.tell(&seen, SystemClock.now().since(began), ended);
        if ended {
            return end(&seen, out);
        }
        SystemClock.sleep(LOOK_AGAIN).await;
    }
}

/// What a scan costs, in lines for a person: before it is asked for.
fn cost(status: &Status) -> Vec<String> {
    if status.sync == "off" {
        return Vec::new();
    }
    let reads = status.scan.stripe_reads;
    let left = status
        .poll
        .reads_floor
        .saturating_sub(status.poll.reads_used);
    let mut lines = vec![format!(
        "reads of Stripe: about {reads}, and {left} are left of what every account may make in 30 \
         days; time: {} at least",
        span(status.scan.minutes.saturating_mul(60))
    )];
    if reads > left {
        lines.push(
            "warning: that is more than is left; Stripe allows more only where the account has the \
             transactions for it, 500 reads each"
                .to_owned(),
        );
    }
    lines
}

/// Tells of a scan as it goes on.
struct Follower<'a> {
    out: &'a Out,
    told: Option<ScanStatus>,
    /// When it is told of next although its phase is the same.
    next: Duration,
}

impl Follower<'_> {
    fn tell(&mut self, seen: &ScanStatus, at: Duration, ended: bool) {
        if self.told.as_ref() == Some(seen) {
            return;
        }
        let same_phase = self
            .told
            .as_ref()
            .is_some_and(|told| told.phase == seen.phase);
        if self.out.is_json() {
            self.out.json_line(seen);
        } else if ended {
            self.out.progress_ends();
        } else if self.out.is_terminal() {
            self.out.progress(&progress(seen, BAR));
        } else if !same_phase || at >= self.next {
            self.out.line(&progress(seen, 0));
            self.next = at.saturating_add(TELL_AGAIN);
        }
        self.told = Some(seen.clone());
    }
}

/// How far a scan is, with a bar of `width` signs where it is known how many customers there are.
fn progress(scan: &ScanStatus, width: usize) -> String {
    let side = match scan.phase.as_str() {
        "idle" => return "the scan is about to begin".to_owned(),
        phase => phase,
    };
    let seen = scan.found.get(side).copied().unwrap_or(0);
    let known = scan.expected.filter(|expected| seen <= *expected);
    let mut parts = vec![match known {
        Some(expected) => {
            let per_cent = seen.saturating_mul(100).checked_div(expected).unwrap_or(0);
            let bar = bar(per_cent, width);
            format!("{bar}{seen} of at least {expected} ({per_cent} %)")
        }
        None => format!("{seen} so far"),
    }];
    parts.extend((scan.per_second > 0).then(|| format!("{}/s", scan.per_second)));
    let left = scan.seconds_left.map(span);
    parts.extend(left.map(|left| format!("at least {left} left for both sides")));
    format!("reading {side}: {}", parts.join(", "))
}

/// A bar of `width` signs; none where there is no width.
fn bar(per_cent: u64, width: usize) -> String {
    if width == 0 {
        return String::new();
    }
    let share = usize::try_from(per_cent).unwrap_or(0);
    let full = share.saturating_mul(width).div_euclid(100);
    let rest = width.saturating_sub(full);
    format!("[{}{}] ", "#".repeat(full), " ".repeat(rest))
}

/// What differed, by side and field.
#[must_use]
pub fn differing(scan: &ScanStatus) -> String {
    let sides = scan.differing.iter().map(|(side, fields)| {
        let fields: Vec<String> = fields
            .iter()
            .map(|(field, count)| format!("{field} {count}"))
            .collect();
        format!("in {side}: {}", fields.join(", "))
    });
    sides.collect::<Vec<String>>().join("; ")
}

fn end(scan: &ScanStatus, out: &Out) -> Outcome {
    if let Some(why) = &scan.stopped {
        return Err(
            Failure::new(Exit::Failed, format!("the scan stopped: {why}"))
                .hint("once it is repaired, run \"zenstripe scan\""),
        );
    }
    if out.is_json() {
        return Ok(Exit::Ok);
    }
    let count = |name: &str| scan.found.get(name).copied().unwrap_or(0);
    out.line(&format!(
        "read {} customers of stripe and {} of zenskar",
        count("stripe"),
        count("zenskar")
    ));
    for (name, what) in [
        ("linked", "linked just now"),
        ("missed", "linked, and not in stripe's list"),
        ("missed_in_zenskar", "linked, and not in zenskar's list"),
        ("unanswered", "of zenskar whose mapping gave no answer"),
        (
            "claimed_twice",
            "of zenskar mapped to a customer that is linked",
        ),
    ] {
        if count(name) > 0 {
            out.line(&format!("  {} {what}", count(name)));
        }
    }
    if scan.differing.is_empty() {
        out.line("every linked customer is as agreed");
    } else {
        out.line(&format!(
            "fields that are not as agreed, {}; \"zenstripe customers list\" shows what stays so",
            differing(scan)
        ));
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(phase: &str, seen: u64, expected: Option<u64>) -> ScanStatus {
        ScanStatus {
            phase: phase.to_owned(),
            found: [("stripe".to_owned(), seen)].into(),
            expected,
            ..ScanStatus::default()
        }
    }

    #[test]
    fn what_a_scan_costs_is_told_and_warned_of() {
        let mut status = Status {
            sync: "import-only".to_owned(),
            ..Status::default()
        };
        status.scan.stripe_reads = 201;
        status.scan.minutes = 2;
        status.poll.reads_floor = 10_000;
        status.poll.reads_used = 9_799;
        let told = "reads of Stripe: about 201, and 201 are left of what every account may make in \
                    30 days; time: 2 min at least";
        assert_eq!(cost(&status), [told]);
        status.poll.reads_used = 9_800;
        assert_eq!(cost(&status).len(), 2);
        assert!(cost(&status)[1].starts_with("warning: that is more than is left"));
        status.sync = "off".to_owned();
        assert_eq!(cost(&status), Vec::<String>::new());
    }

    #[test]
    fn a_total_is_told_only_where_it_is_known() {
        let unknown = at("stripe", 300, None);
        assert_eq!(progress(&unknown, 10), "reading stripe: 300 so far");
        // More than are linked: how many more there are, nobody knows.
        let beyond = at("stripe", 300, Some(299));
        assert_eq!(progress(&beyond, 10), "reading stripe: 300 so far");
        let known = ScanStatus {
            per_second: 60,
            seconds_left: Some(15),
            ..at("stripe", 300, Some(600))
        };
        assert_eq!(
            progress(&known, 10),
            "reading stripe: [#####     ] 300 of at least 600 (50 %), 60/s, \
             at least 15 s left for both sides"
        );
        let begins = at("idle", 0, None);
        assert_eq!(progress(&begins, 10), "the scan is about to begin");
    }

    #[test]
    fn what_differs_is_told_by_side_and_field() {
        let mut scan = at("idle", 1, None);
        let fields = |name: &str| [(name.to_owned(), 2)].into();
        scan.differing = [
            ("stripe".to_owned(), fields("email")),
            ("zenskar".to_owned(), fields("name")),
        ]
        .into();
        assert_eq!(differing(&scan), "in stripe: email 2; in zenskar: name 2");
    }
}

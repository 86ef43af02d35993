//! The overview: is it working, how far behind, what needs a person.

use super::dead::progress;
use super::page::{Here, Shell, Visit};
use super::time::{grouped, span};
use crate::engine::view::{MoneyStatus, Problem, Remote, Status};
use crate::http::commands::whole_status;
use crate::http::mask::for_visitor;
use crate::http::reply::Failure;
use askama::Template;
use axum::response::Response;
use serde::Serialize;

/// Seconds of lag that nobody notices: the poller's own pace while webhooks arrive.
const LAG_QUIET_SECONDS: u64 = 900;

/// The figures that move while the page is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    /// `good` or `bad`.
    pub(super) tone: &'static str,
    pub(super) headline: String,
    pub(super) stripe: &'static str,
    pub(super) zenskar: &'static str,
    pub(super) stripe_lag: String,
    pub(super) zenskar_lag: String,
    pub(super) links: String,
    pub(super) waiting: String,
    pub(super) writes: String,
    pub(super) conflicts: String,
    pub(super) dead: String,
    pub(super) unlinked: String,
    pub(super) scan: String,
    pub(super) redrive: String,
    pub(super) invoices: String,
    pub(super) collecting: String,
    pub(super) unbooked: String,
    pub(super) asking: String,
}

impl Figures {
    pub(super) fn of(status: &Status) -> Self {
        let queue = |name: &str| status.queues.get(name).copied().unwrap_or_default();
        let problems = status.problems.len();
        let headline = match (status.state.as_str(), problems) {
            ("ok", _) if status.sync == "off" => {
                "Nothing is wrong, and customer sync is off".to_owned()
            }
            ("ok", _) => "Everything is in step".to_owned(),
            (_, 1) => "One thing needs attention".to_owned(),
            (_, count) => format!("{count} things need attention"),
        };
        let waiting = queue("inbox").saturating_add(queue("work"));
        let conflicts = queue("conflicts").saturating_add(queue("refused"));
        Self {
            tone: if status.state == "ok" { "good" } else { "bad" },
            headline,
            stripe: side(&status.stripe),
            zenskar: side(&status.zenskar),
            stripe_lag: lag(&status.poll.mode, status.poll.lag_seconds),
            zenskar_lag: lag(&status.poll.mode, status.changes.lag_seconds),
            links: grouped(status.links),
            waiting: grouped(waiting),
            writes: grouped(queue("outbox")),
            conflicts: grouped(conflicts),
            dead: grouped(queue("dead")),
            unlinked: grouped(queue("parked")),
            scan: scan(status),
            redrive: status.redrive.as_ref().map(progress).unwrap_or_default(),
            invoices: grouped(status.money.open_invoices),
            collecting: grouped(status.money.collecting),
            unbooked: grouped(status.money.taken_not_booked),
            asking: grouped(status.money.awaiting_person),
        }
    }
}

fn side(remote: &Remote) -> &'static str {
    match remote.state.as_str() {
        "connected" => "Answers",
        "parked" => "Refuses the key",
        "unreachable" => "Does not answer",
        _ => "Not asked yet",
    }
}

fn lag(mode: &str, seconds: Option<u64>) -> String {
    match seconds {
        None if mode == "off" => "polling is off".to_owned(),
        None => "not read yet".to_owned(),
        Some(seconds) if seconds < LAG_QUIET_SECONDS => "up to date".to_owned(),
        Some(seconds) => format!("{} behind", span(seconds)),
    }
}

fn scan(status: &Status) -> String {
    let scan = &status.scan;
    let left = scan.seconds_left.map(span);
    match (scan.phase.as_str(), scan.wanted, left) {
        ("idle", true, _) => "one is about to begin".to_owned(),
        ("idle", false, _) => "none is under way".to_owned(),
        (_, _, Some(left)) => format!("under way, about {left} left"),
        (_, _, None) => "under way".to_owned(),
    }
}

/// What to do about a problem, where there is a page for it.
fn remedy(problem: &Problem) -> Option<(&'static str, &'static str)> {
    let what = problem.what.as_str();
    if what.contains("Stripe account is connected") || what.contains("Stripe is disconnected") {
        Some(("Open the Stripe card", "/integrations/stripe"))
    } else if what.contains("webhook endpoint") {
        Some(("See the endpoint", "/integrations/stripe"))
    } else if what.contains("dead letter") || what.contains("given up") {
        Some(("See the dead letters", "/events/dead"))
    } else if what.starts_with("collections that wait") {
        Some(("See the payments", "/payments"))
    } else if is_freeze(problem) {
        Some(("See the freeze", "/freeze"))
    } else if ["changed on both sides", "differ", "refused"]
        .iter()
        .any(|word| what.contains(word))
    {
        Some(("Decide about them", "/conflicts"))
    } else {
        None
    }
}

/// Whether it is the freeze of charges, of which more is said.
fn is_freeze(problem: &Problem) -> bool {
    problem.what.starts_with("charges are frozen")
}

/// One side: its name, its state, the word for that with its key, how far behind with its key.
type SideRow<'a> = (
    &'static str,
    &'a Remote,
    &'static str,
    &'static str,
    &'a str,
    &'static str,
);

#[derive(Template)]
#[template(path = "overview.html", config = "src/http/console/askama.toml")]
struct OverviewPage<'a> {
    shell: Shell,
    status: &'a Status,
    figures: Figures,
}

impl OverviewPage<'_> {
    fn remedy(&self, problem: &Problem) -> Option<(&'static str, &'static str)> {
        remedy(problem)
    }

    /// What is wrong, besides what the page says of itself.
    fn problems(&self) -> impl Iterator<Item = &Problem> {
        let problems = self.status.problems.iter();
        problems.filter(|problem| !is_freeze(problem))
    }

    /// That charges are frozen; markup.
    fn freeze(&self) -> askama::Result<String> {
        let freeze = self.status.money.freeze.clone();
        let money = MoneyStatus {
            freeze,
            ..MoneyStatus::default()
        };
        super::money::notes(&self.shell, &money)
    }

    fn sides(&self) -> [SideRow<'_>; 2] {
        let Figures {
            stripe,
            zenskar,
            stripe_lag,
            zenskar_lag,
            ..
        } = &self.figures;
        let status = self.status;
        [
            (
                "Stripe",
                &status.stripe,
                stripe,
                "stripe",
                stripe_lag,
                "stripe_lag",
            ),
            (
                "Zenskar",
                &status.zenskar,
                zenskar,
                "zenskar",
                zenskar_lag,
                "zenskar_lag",
            ),
        ]
    }

    /// Where nothing has happened yet: what to do first.
    fn is_new(&self) -> bool {
        self.status.links == 0 && self.figures.unlinked == "0"
    }

    fn is_connected(&self) -> bool {
        self.status.connection.state == "connected"
    }

    fn sync(&self) -> &'static str {
        sync_words(&self.status.sync)
    }

    fn reads(&self) -> (String, String) {
        let poll = &self.status.poll;
        (grouped(poll.reads_used), grouped(poll.reads_floor))
    }

    /// Requests a second that a side is asked at most; its parts may be asked less.
    fn rate(&self, side: &str, remote: &Remote) -> Option<String> {
        remote.rates.get(side).copied().map(grouped)
    }
}

/// A sync type in the words of the wizard.
pub(super) fn sync_words(sync: &str) -> &'static str {
    match sync {
        "import-only" => "Import only",
        "export-only" => "Export only",
        "import-and-export" => "Import and Export",
        _ => "Off",
    }
}

pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let status = whole_status(&visit.desk.doors).await?;
    let status = for_visitor(status, &visit.visitor);
    Ok(visit.answer(Here::Overview, &status, |shell| OverviewPage {
        shell,
        status: &status,
        figures: Figures::of(&status),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_says_what_holds() {
        let status = |state: &str, problems: usize| Status {
            state: state.to_owned(),
            sync: "import-only".to_owned(),
            problems: vec![Problem::default(); problems],
            ..Status::default()
        };
        for (state, problems, headline) in [
            ("ok", 0, "Everything is in step"),
            ("degraded", 1, "One thing needs attention"),
            ("degraded", 3, "3 things need attention"),
        ] {
            assert_eq!(Figures::of(&status(state, problems)).headline, headline);
        }
        assert_eq!(lag("off", None), "polling is off");
        assert_eq!(lag("adaptive", Some(899)), "up to date");
        assert_eq!(lag("adaptive", Some(7_300)), "2 hours behind");
    }
}

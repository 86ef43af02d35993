//! Plans added up for pages. A large plan takes longer than a page may: then the page says that it
//! is being added up, or what it came to before, and the sum is there when somebody looks again.

use super::Desk;
use super::page::Visit;
use crate::engine::command::{Ask, Command};
use crate::engine::view::{PlanSummary, PlanView};
use crate::http::commands::viewed;
use crate::http::reply::Failure;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::sync::policy::Policy;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a page waits for a sum.
const PATIENCE: Duration = Duration::from_millis(15);

/// Sums that are kept: those of the plan's page, and of a few reviews.
const SUMS_MAX: usize = 8;

/// By which rules a plan is added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// As in [`Ask`].
    pub(super) under: Option<Box<Policy>>,
    /// As in [`Ask`].
    pub(super) initial: Option<Side>,
}

/// What a plan came to.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) view: PlanView,
    /// When it was added up.
    pub(super) at: Timestamp,
}

impl Sum {
    pub(super) fn summary(&self) -> PlanSummary {
        self.view.summary.clone().unwrap_or_default()
    }
}

/// What a page can show of a sum.
#[derive(Clone, Debug)]
pub(super) enum Summed {
    /// What the plan comes to now.
    Now(Sum),
    /// It is being added up; what it came to before, if it was added up before.
    UnderWay(Option<Sum>),
}

impl Summed {
    /// What there is to show.
    pub(super) fn sum(&self) -> Option<&Sum> {
        match self {
            Self::Now(sum) => Some(sum),
            Self::UnderWay(before) => before.as_ref(),
        }
    }

    pub(super) const fn is_under_way(&self) -> bool {
        matches!(self, Self::UnderWay(_))
    }
}

/// A sum that is being made, or was.
type Job = watch::Receiver<Option<Result<Sum, Failure>>>;

#[derive(Debug)]
struct Slot {
    rules: Rules,
    job: Job,
    last: Option<Sum>,
}

/// The sums, the last used at the end.
#[derive(Debug, Default)]
pub(super) struct Sums(Mutex<Vec<Slot>>);

impl Sums {
    /// The sum under these rules that is being made, else a new one, which `begin` makes; and what it
    /// came to before.
    fn job(&self, rules: &Rules, begin: impl FnOnce() -> Job) -> (Job, Option<Sum>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = slots.iter().position(|slot| slot.rules == *rules);
        let mut slot = match found.map(|at| slots.remove(at)) {
            None => Slot {
                rules: rules.clone(),
                job: begin(),
                last: None,
            },
            Some(mut slot) => {
                let ended = slot.job.borrow().clone();
                // One whose maker is gone, as at the end of the daemon, never ends.
                if ended.is_some() || slot.job.has_changed().is_err() {
                    slot.last = ended.and_then(Result::ok).or(slot.last);
                    slot.job = begin();
                }
                slot
            }
        };
        let given = (slot.job.clone(), slot.last.clone());
        slot.job.mark_unchanged();
        while slots.len() >= SUMS_MAX {
            slots.remove(0);
        }
        slots.push(slot);
        given
    }
}

/// Adds a plan up, for somebody who looks at a page; programs wait until it is done.
pub(super) async fn sum(visit: &Visit, rules: Rules) -> Result<Summed, Failure> {
    let desk = &visit.desk;
    let (mut job, before) = desk.sums.job(&rules, || begin(desk, rules.clone()));
    let ended = async {
        let ended = job.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| ended.clone())
    };
    let patience = async {
        if visit.is_program() {
            std::future::pending::<()>().await;
        }
        desk.doors.engine.clock.sleep(PATIENCE).await;
    };
    tokio::select! {
        biased;
        ended = ended => match ended {
            Some(sum) => sum.map(Summed::Now),
            None => Ok(Summed::UnderWay(before)),
        },
        () = patience => Ok(Summed::UnderWay(before)),
    }
}

fn begin(desk: &Desk, rules: Rules) -> Job {
    let (done, job) = watch::channel(None);
    let doors = desk.doors.clone();
    desk.doors.actions.spawn(async move {
        let order = Command::Plan(Ask {
            under: rules.under,
            initial: rules.initial,
            whole: true,
            after: None,
            limit: 0,
        });
        let at = doors.engine.clock.now();
        let view: Result<PlanView, Failure> = viewed(&doors, order).await;
        done.send_replace(Some(view.map(|view| Sum { view, at })));
    });
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_made_once_at_a_time_and_the_last_one_stays_meanwhile() {
        let sums = Sums::default();
        let (done, job) = watch::channel(None);
        let (_, before) = sums.job(&Rules::default(), || job);
        assert!(before.is_none());
        let never = || unreachable!("it is being made");
        assert!(sums.job(&Rules::default(), never).1.is_none());
        let sum = Sum {
            view: PlanView::default(),
            at: Timestamp::from_seconds(7),
        };
        done.send_replace(Some(Ok(sum)));
        let (again, next) = watch::channel(None);
        let (job, before) = sums.job(&Rules::default(), || next);
        assert!(job.borrow().is_none());
        assert_eq!(before.unwrap().at, Timestamp::from_seconds(7));

        // One that failed leaves what there was, and so does one that never ends.
        drop(again);
        let (_kept, next) = watch::channel(None);
        let (_, before) = sums.job(&Rules::default(), || next);
        assert_eq!(before.unwrap().at, Timestamp::from_seconds(7));
        for side in [Side::Stripe, Side::Zenskar] {
            let initial = Some(side);
            let rules = Rules {
                initial,
                ..Rules::default()
            };
            let (_, other) = sums.job(&rules, || watch::channel(None).1);
            assert!(other.is_none());
        }
    }
}

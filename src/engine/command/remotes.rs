//! How the two remotes are doing, and what a person should know of it.

use super::show_time;
use crate::engine::Engine;
use crate::engine::view::{Problem, Remote, RemoteError, Status};
use crate::model::connection::Way;
use crate::model::difference::Held;
use crate::model::link::Side;
use crate::remote::health::LastError;
use crate::stripe::client::Detail;
use std::collections::BTreeMap;

/// The right that reading tax ids takes, by its name in Stripe's dashboard.
const TAX_IDS: &str = "Tax IDs: Read";

/// Differences that wait for a person, whatever the rules are, and their names among the queues.
const FOR_PEOPLE: [(Held, &str, &str); 2] = [
    (Held::Conflict, "conflicts", "fields changed on both sides"),
    (Held::Refused, "refused", "fields refused by the other side"),
];

impl Engine {
    pub(super) fn remote(&self, side: Side) -> Remote {
        let (health, last_answer, limiters) = match side {
            Side::Stripe => (
                self.stripe.health(),
                self.stripe.remote_now(),
                self.stripe.limiters(),
            ),
            Side::Zenskar => (
                self.zenskar.health(),
                self.zenskar.remote_now(),
                self.zenskar.limiters(),
            ),
        };
        let parked = self.gate.parked(side);
        let unreachable = health.unreachable_since(self.clock.now());
        let (state, since) = match (&parked, unreachable) {
            (Some(parked), _) => ("parked", Some(parked.since)),
            // Nobody is connected; since when, the connection says.
            (None, _) if self.gate.is_closed(side) => ("closed", None),
            (None, Some(since)) => ("unreachable", Some(since)),
            (None, None) => ("connected", None),
        };
        Remote {
            state: state.to_owned(),
            since: since.and_then(show_time),
            reason: parked.map(|parked| parked.reason),
            last_answer: last_answer.and_then(show_time),
            last_success: health.answered_at.and_then(show_time),
            last_error: health.last_error.map(shown),
            lacks: match side {
                Side::Stripe if self.lacks_tax_ids() => vec![TAX_IDS.to_owned()],
                _ => Vec::new(),
            },
            rates: limiters
                .iter()
                .map(|limiter| (limiter.name.clone(), limiter.milli_rate / 1_000))
                .collect(),
        }
    }
}

impl Engine {
    /// Whether tax ids are to be read, and the key may not.
    fn lacks_tax_ids(&self) -> bool {
        Detail::of(&self.settings().policy.fields) == Detail::TaxIds && self.stripe.lacks_tax_ids()
    }
}

fn shown(error: LastError) -> RemoteError {
    RemoteError {
        at: show_time(error.at).unwrap_or_default(),
        class: error.class.as_str().to_owned(),
        message: error.words,
    }
}

/// How many differences wait for a person, by their names among the queues.
pub(super) fn for_people(differences: &BTreeMap<Held, u64>) -> impl Iterator<Item = (String, u64)> {
    FOR_PEOPLE
        .map(|(why, name, _)| {
            let count = differences.get(&why).copied().unwrap_or(0);
            (name.to_owned(), count)
        })
        .into_iter()
}

/// What is wrong with the remotes.
pub(super) fn problems_of_remotes(status: &Status) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, remote) in [("stripe", &status.stripe), ("zenskar", &status.zenskar)] {
        let is_said = name == "stripe" && status.connection.way == Way::OAuth.as_str();
        if let Some(reason) = remote.reason.as_ref().filter(|_| !is_said) {
            problems.push(Problem {
                what: format!("{name} refuses our key: {reason}"),
                hint: "put a valid key into the key file; it is read again by itself".to_owned(),
            });
        } else if remote.state == "unreachable" {
            let since = remote.since.as_deref().unwrap_or_default();
            let error = remote.last_error.as_ref();
            let why = error.map_or("", |error| error.message.as_str());
            problems.push(Problem {
                what: format!("{name} has not answered since {since}: {why}"),
                hint: format!(
                    "nothing is lost, and it is tried again by itself; \"zenstripe doctor\" tells \
                     network, proxy and {name}.api_base apart"
                ),
            });
        }
    }
    for right in &status.stripe.lacks {
        problems.push(Problem {
            what: format!("the Stripe key lacks the right \"{right}\": tax ids are not synced"),
            hint: "add it to the restricted key in Stripe's dashboard, or leave tax_ids out of \
                   customers.fields"
                .to_owned(),
        });
    }
    problems
}

/// What only a person can decide.
pub(super) fn problems_for_people(status: &Status) -> Vec<Problem> {
    let waiting = FOR_PEOPLE.into_iter().filter_map(|(why, name, what)| {
        let count = status.queues.get(name).copied().unwrap_or(0);
        (count > 0).then(|| Problem {
            what: format!("{what}: {count}"),
            hint: format!(
                "run \"zenstripe conflicts list --why {why}\", then \"conflicts resolve\""
            ),
        })
    });
    waiting.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::command::Command;
    use crate::engine::testing::{Bench, says};
    use crate::model::time::Timestamp;
    use crate::remote::transport::TransportError;

    const NOW: i64 = 1_000_000;
    const EMPTY: &str = r#"{"data":[],"has_more":false}"#;

    impl Bench {
        fn status(&self) -> Status {
            let value = self.run(self.engine.command(Command::Status)).unwrap();
            serde_json::from_value(value).unwrap()
        }

        fn at(&self, seconds: i64) {
            self.clock.set(Timestamp::from_seconds(NOW + seconds));
        }
    }

    #[test]
    fn a_remote_that_is_down_is_a_problem_with_its_words_and_the_lag_grows() {
        let refused = || TransportError::NotSent("connection refused".into());
        let bench = Bench::new(
            vec![
                says(200, NOW, EMPTY),
                Err(refused()),
                says(503, NOW + 40, "<html>"),
                says(302, NOW + 70, ""),
                says(200, NOW + 4_000, EMPTY),
            ],
            Vec::new(),
        );
        bench.run(bench.engine.poll_page()).unwrap();
        assert_eq!(bench.status().stripe.state, "connected");
        for (second, state) in [(10, "connected"), (40, "connected"), (70, "unreachable")] {
            bench.at(second);
            bench.run(bench.engine.poll_page()).unwrap_err();
            assert_eq!(bench.status().stripe.state, state, "{second}");
        }
        bench.at(3_600);
        let status = bench.status();
        assert_eq!(status.state, "degraded");
        let began = "1970-01-12T13:46:50Z";
        assert_eq!(status.stripe.since.as_deref(), Some(began));
        assert_eq!(
            status.problems[0].what,
            format!(
                "stripe has not answered since {began}: list events in stripe: retry, status 302"
            )
        );
        // The first poll moved the cursor to the time it was made.
        assert_eq!(status.poll.lag_seconds, Some(3_600));
        assert_eq!(
            status.stripe.last_success.as_deref(),
            Some("1970-01-12T13:46:40Z")
        );
        assert_eq!(status.zenskar.state, "connected");

        bench.at(4_000);
        bench.run(bench.engine.poll_page()).unwrap();
        let status = bench.status();
        assert_eq!(
            (status.state.as_str(), status.stripe.state.as_str()),
            ("ok", "connected")
        );
        let error = status.stripe.last_error.unwrap();
        assert_eq!(error.class, "retry");
    }

    #[test]
    fn conflicts_and_refused_fields_are_counted_and_need_a_person() {
        let mut status = Status::default();
        let counts = BTreeMap::from([(Held::Conflict, 3), (Held::Refused, 1), (Held::Drift, 9)]);
        status.queues = for_people(&counts).collect();
        let expected = [("conflicts".to_owned(), 3), ("refused".to_owned(), 1)];
        assert_eq!(status.queues, expected.into());
        let problems = problems_for_people(&status);
        let whats: Vec<&str> = problems
            .iter()
            .map(|problem| problem.what.as_str())
            .collect();
        assert_eq!(
            whats,
            [
                "fields changed on both sides: 3",
                "fields refused by the other side: 1"
            ]
        );
        status.queues = for_people(&BTreeMap::new()).collect();
        assert!(problems_for_people(&status).is_empty());
    }
}

//! The way of a person's browser through OAuth: a ticket, a state, a browser, each once and for ten
//! minutes.
//!
//! Whoever may give orders gets a ticket. The browser that brings it is given a secret of its own and
//! is sent to Stripe with a state; only the same browser may come back with that state. The secrets
//! themselves are not here: what is kept of each is its digest, so that nothing that leaks from here
//! opens anything.
//!
//! # Invariants
//!
//! - A ticket starts one browser, and a state lets one browser back, whatever comes of it.
//! - What is late, unknown or used is refused with the reason, and changes nothing else.

pub use crate::model::session::Digest;

use crate::model::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a ticket, and then a state, can be used.
pub const LIFETIME: Duration = Duration::from_secs(600);

/// How long what came of it is remembered, for whoever waits for it.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Flows that are remembered at a time. A person needs one.
pub const FLOWS_MAX: usize = 32;

/// All flows.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    flows: BTreeMap<u64, Flow>,
    last: u64,
}

#[derive(Clone, Debug)]
struct Flow {
    ticket: Digest,
    who: String,
    issued_at: Timestamp,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Issued,
    Started {
        state: Digest,
        browser: Digest,
        at: Timestamp,
    },
    Back {
        state: Digest,
        end: Option<End>,
    },
}

/// What came of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether the account is connected.
    pub connected: bool,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do, where there is something.
    pub hint: String,
}

/// Where a flow stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The ticket was not used yet.
    Waiting,
    /// A browser was sent to Stripe.
    AtStripe,
    /// It came back, and what it brought is being looked at.
    Finishing,
    /// It came to an end.
    Ended(End),
    /// The time is over.
    Late,
}

/// Why a browser is not let on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody was given this ticket.
    UnknownTicket,
    /// It was used before.
    UsedTicket,
    /// Its time is over.
    LateTicket,
    /// Nobody was sent to Stripe with this state.
    UnknownState,
    /// It came back before.
    UsedState,
    /// Its time is over.
    LateState,
    /// It was another browser that was sent to Stripe.
    OtherBrowser,
}

impl Flows {
    /// A new ticket for `who`; gives the flow's number.
    pub fn issue(&mut self, ticket: Digest, who: &str, now: Timestamp) -> u64 {
        self.flows
            .retain(|_, flow| now.since(flow.issued_at) < REMEMBERED);
        while self.flows.len() >= FLOWS_MAX {
            self.flows.pop_first();
        }
        self.last = self.last.saturating_add(1);
        let flow = Flow {
            ticket,
            who: who.to_owned(),
            issued_at: now,
            stage: Stage::Issued,
        };
        self.flows.insert(self.last, flow);
        self.last
    }

    /// A browser brings a ticket, is given the secret `browser` and sent to Stripe with `state`.
    ///
    /// # Errors
    ///
    /// The ticket cannot be used.
    pub fn start(
        &mut self,
        ticket: &Digest,
        (state, browser): (Digest, Digest),
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut flows = self.flows.values_mut();
        let flow = flows.find(|flow| flow.ticket == *ticket);
        let flow = flow.ok_or(Refusal::UnknownTicket)?;
        match flow.stage {
            Stage::Started { .. } | Stage::Back { .. } => Err(Refusal::UsedTicket),
            Stage::Issued if now.since(flow.issued_at) >= LIFETIME => Err(Refusal::LateTicket),
            Stage::Issued => {
                flow.stage = Stage::Started {
                    state,
                    browser,
                    at: now,
                };
                Ok(())
            }
        }
    }

    /// A browser comes back with a state, and with the secret it was given; says which flow this is
    /// and who began it. Right or wrong, the state is used then.
    ///
    /// # Errors
    ///
    /// It may not go on.
    pub fn back(
        &mut self,
        state: &Digest,
        browser: Option<&Digest>,
        now: Timestamp,
    ) -> Result<(u64, String), Refusal> {
        for (number, flow) in &mut self.flows {
            match &flow.stage {
                Stage::Back { state: known, .. } if known == state => {
                    return Err(Refusal::UsedState);
                }
                Stage::Started {
                    state: known,
                    browser: given,
                    at,
                } if known == state => {
                    let is_late = now.since(*at) >= LIFETIME;
                    let is_same = browser == Some(given);
                    flow.stage = Stage::Back {
                        state: *state,
                        end: None,
                    };
                    if is_late {
                        return Err(Refusal::LateState);
                    }
                    if !is_same {
                        return Err(Refusal::OtherBrowser);
                    }
                    return Ok((*number, flow.who.clone()));
                }
                Stage::Issued | Stage::Started { .. } | Stage::Back { .. } => {}
            }
        }
        Err(Refusal::UnknownState)
    }

    /// What came of the flow that a state belongs to.
    pub fn end(&mut self, of: &Digest, ended: End) {
        for flow in self.flows.values_mut() {
            if let Stage::Back { state, end } = &mut flow.stage
                && state == of
            {
                *end = Some(ended);
                return;
            }
        }
    }

    /// Where a flow stands; `None` for one that is not remembered.
    #[must_use]
    pub fn standing(&self, number: u64, now: Timestamp) -> Option<Standing> {
        let flow = self.flows.get(&number)?;
        let is_late = |since| now.since(since) >= LIFETIME;
        Some(match &flow.stage {
            Stage::Issued if is_late(flow.issued_at) => Standing::Late,
            Stage::Issued => Standing::Waiting,
            Stage::Started { at, .. } if is_late(*at) => Standing::Late,
            Stage::Started { .. } => Standing::AtStripe,
            Stage::Back { end: None, .. } => Standing::Finishing,
            Stage::Back { end: Some(end), .. } => Standing::Ended(end.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Digest = [1; 32];
    const STATE: Digest = [2; 32];
    const BROWSER: Digest = [3; 32];
    const OTHER: Digest = [9; 32];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn started() -> Flows {
        let mut flows = Flows::default();
        assert_eq!(flows.issue(TICKET, "alice", at(0)), 1);
        assert_eq!(flows.start(&TICKET, (STATE, BROWSER), at(1)), Ok(()));
        flows
    }

    #[test]
    fn a_ticket_starts_one_browser_within_ten_minutes() {
        let mut flows = Flows::default();
        flows.issue(TICKET, "alice", at(0));
        assert_eq!(flows.standing(1, at(1)), Some(Standing::Waiting));
        let late = flows.clone().start(&TICKET, (STATE, BROWSER), at(600));
        assert_eq!(late, Err(Refusal::LateTicket));
        let unknown = flows.start(&OTHER, (STATE, BROWSER), at(1));
        assert_eq!(unknown, Err(Refusal::UnknownTicket));
        assert_eq!(flows.start(&TICKET, (STATE, BROWSER), at(599)), Ok(()));
        let twice = flows.start(&TICKET, (OTHER, OTHER), at(599));
        assert_eq!(twice, Err(Refusal::UsedTicket));
        assert_eq!(flows.standing(1, at(600)), Some(Standing::AtStripe));
    }

    #[test]
    fn a_state_lets_one_browser_back_once_and_in_time() {
        for (state, browser, now, expected) in [
            (STATE, Some(&BROWSER), 600, Ok((1, "alice".to_owned()))),
            (OTHER, Some(&BROWSER), 2, Err(Refusal::UnknownState)),
            (STATE, Some(&OTHER), 2, Err(Refusal::OtherBrowser)),
            (STATE, None, 2, Err(Refusal::OtherBrowser)),
            (STATE, Some(&BROWSER), 601, Err(Refusal::LateState)),
        ] {
            let mut flows = started();
            assert_eq!(flows.back(&state, browser, at(now)), expected);
            if state == STATE {
                let again = flows.back(&STATE, Some(&BROWSER), at(now));
                assert_eq!(again, Err(Refusal::UsedState), "whatever came of it");
            }
        }
    }

    #[test]
    fn what_came_of_it_is_told_to_whoever_waits() {
        let mut flows = started();
        flows.back(&STATE, Some(&BROWSER), at(2)).unwrap();
        assert_eq!(flows.standing(1, at(2)), Some(Standing::Finishing));
        let end = End {
            connected: true,
            message: "done".to_owned(),
            hint: String::new(),
        };
        flows.end(&STATE, end.clone());
        assert_eq!(flows.standing(1, at(5_000)), Some(Standing::Ended(end)));
        assert_eq!(flows.standing(2, at(2)), None);
        assert_eq!(started().standing(1, at(601)), Some(Standing::Late));
    }

    #[test]
    fn old_flows_make_room() {
        let mut flows = started();
        for number in 0..FLOWS_MAX {
            let digest = [u8::try_from(number).unwrap().saturating_add(10); 32];
            flows.issue(digest, "bob", at(2));
        }
        assert_eq!(flows.standing(1, at(2)), None);
        assert_eq!(flows.flows.len(), FLOWS_MAX);
        flows.issue(OTHER, "bob", at(9_999));
        assert_eq!(flows.flows.len(), 1);
    }
}

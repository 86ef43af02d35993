//! Stored forms of a run and of what it decided about a link.

use crate::model::customer::Field;
use crate::model::id::StripeCustomerId;
use crate::model::run::{Decided, Decision, DecisionState, Goal, Run, RunCounts, RunKind};
use crate::model::time::Timestamp;
use crate::store::codec::fields::{FieldV2, ValueV2, time};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RunV1 {
    number: u64,
    kind: RunKindV1,
    who: String,
    at: i64,
    decided_at: Option<i64>,
    undone_by: Option<u64>,
    customers: u64,
    waiting: u64,
    done: u64,
    overtaken: u64,
    ordered: u64,
}

#[derive(Serialize, Deserialize)]
enum RunKindV1 {
    Resolve,
    Apply(String),
    Undo(u64),
}

impl Record for Run {
    const TAG: Tag = Tag::Run;
    const VERSION: u16 = 1;
    type Newest = RunV1;

    fn to_newest(&self) -> Result<RunV1, RecordError> {
        Ok(RunV1 {
            number: self.number,
            kind: match &self.kind {
                RunKind::Resolve => RunKindV1::Resolve,
                RunKind::Apply(hash) => RunKindV1::Apply(hash.clone()),
                RunKind::Undo(run) => RunKindV1::Undo(*run),
            },
            who: self.who.clone(),
            at: self.at.micros(),
            decided_at: self.decided_at.map(Timestamp::micros),
            undone_by: self.undone_by,
            customers: self.counts.customers,
            waiting: self.counts.waiting,
            done: self.counts.done,
            overtaken: self.counts.overtaken,
            ordered: self.counts.ordered,
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => Ok(body::<RunV1>(bytes)?.into()),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl From<RunV1> for Run {
    fn from(stored: RunV1) -> Self {
        Self {
            number: stored.number,
            kind: match stored.kind {
                RunKindV1::Resolve => RunKind::Resolve,
                RunKindV1::Apply(hash) => RunKind::Apply(hash),
                RunKindV1::Undo(run) => RunKind::Undo(run),
            },
            who: stored.who,
            at: time(stored.at),
            decided_at: stored.decided_at.map(time),
            undone_by: stored.undone_by,
            counts: RunCounts {
                customers: stored.customers,
                waiting: stored.waiting,
                done: stored.done,
                overtaken: stored.overtaken,
                ordered: stored.ordered,
            },
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DecidedV1 {
    run: u64,
    link: String,
    at: i64,
    decisions: Vec<DecisionV1>,
}

#[derive(Serialize, Deserialize)]
struct DecisionV1 {
    field: FieldV2,
    stripe: GoalV1,
    zenskar: GoalV1,
    base_before: Option<ValueV2>,
    base_after: Option<ValueV2>,
    state: DecisionStateV1,
}

#[derive(Serialize, Deserialize)]
struct GoalV1 {
    before: ValueV2,
    wanted: ValueV2,
    reached: bool,
}

#[derive(Serialize, Deserialize)]
enum DecisionStateV1 {
    Waiting,
    Done(i64),
    Overtaken(String),
}

impl Record for Decided {
    const TAG: Tag = Tag::Decided;
    const VERSION: u16 = 1;
    type Newest = DecidedV1;

    fn to_newest(&self) -> Result<DecidedV1, RecordError> {
        check(self)?;
        Ok(DecidedV1 {
            run: self.run,
            link: self.link.as_str().to_owned(),
            at: self.at.micros(),
            decisions: self.decisions.iter().map(DecisionV1::from).collect(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        let decided = match version {
            1 => Self::try_from(body::<DecidedV1>(bytes)?)?,
            _ => return Err(RecordError::Version(version)),
        };
        check(&decided)?;
        Ok(decided)
    }
}

fn check(decided: &Decided) -> Result<(), RecordError> {
    let fields: BTreeSet<Field> = decided.decisions.iter().map(|one| one.field).collect();
    if decided.decisions.is_empty() {
        Err(RecordError::Rule("a run decided nothing about a link"))
    } else if fields.len() != decided.decisions.len() {
        Err(RecordError::Rule("a run decided a field twice"))
    } else {
        Ok(())
    }
}

impl TryFrom<DecidedV1> for Decided {
    type Error = RecordError;

    fn try_from(stored: DecidedV1) -> Result<Self, RecordError> {
        let decisions = stored.decisions.into_iter().map(Decision::try_from);
        Ok(Self {
            run: stored.run,
            link: StripeCustomerId::parse(&stored.link)?,
            at: time(stored.at),
            decisions: decisions.collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Decision> for DecisionV1 {
    fn from(decision: &Decision) -> Self {
        Self {
            field: decision.field.into(),
            stripe: (&decision.stripe).into(),
            zenskar: (&decision.zenskar).into(),
            base_before: decision.base_before.as_ref().map(ValueV2::from),
            base_after: decision.base_after.as_ref().map(ValueV2::from),
            state: match &decision.state {
                DecisionState::Waiting => DecisionStateV1::Waiting,
                DecisionState::Done(at) => DecisionStateV1::Done(at.micros()),
                DecisionState::Overtaken(why) => DecisionStateV1::Overtaken(why.clone()),
            },
        }
    }
}

impl TryFrom<DecisionV1> for Decision {
    type Error = RecordError;

    fn try_from(stored: DecisionV1) -> Result<Self, RecordError> {
        Ok(Self {
            field: stored.field.try_into()?,
            stripe: stored.stripe.into(),
            zenskar: stored.zenskar.into(),
            base_before: stored.base_before.map(Into::into),
            base_after: stored.base_after.map(Into::into),
            state: match stored.state {
                DecisionStateV1::Waiting => DecisionState::Waiting,
                DecisionStateV1::Done(at) => DecisionState::Done(time(at)),
                DecisionStateV1::Overtaken(why) => DecisionState::Overtaken(why),
            },
        })
    }
}

impl From<&Goal> for GoalV1 {
    fn from(goal: &Goal) -> Self {
        Self {
            before: (&goal.before).into(),
            wanted: (&goal.wanted).into(),
            reached: goal.reached,
        }
    }
}

impl From<GoalV1> for Goal {
    fn from(stored: GoalV1) -> Self {
        Self {
            before: stored.before.into(),
            wanted: stored.wanted.into(),
            reached: stored.reached,
        }
    }
}

//! What the process does, one step each, and two of them at once.
//!
//! Steps that run together take turns wherever one waits: at each request, and at each
//! transaction, which the inline writer begins only after everybody else had a turn.

use crate::world::{Process, World};
use std::sync::Arc;
use zenstripe::engine::command::{Command, CommandError};
use zenstripe::engine::error::EngineError;
use zenstripe::model::id::StripeCustomerId;
use zenstripe::model::intent::Intent;
use zenstripe::model::link::LinkState;
use zenstripe::model::work::Subject;
use zenstripe_sandbox::{Delivery, ZenskarDelivery};

/// A step.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Sort,
    Look(Subject),
    Send(Intent),
    Create(Subject),
    Poll,
    Hear,
    Scan,
    Sweep,
    Webhook(Delivery),
    Hint(ZenskarDelivery),
    Command(Command),
}

/// What came of a step.
#[derive(Debug)]
enum Came {
    /// It ended; a failure of a remote is no more than that.
    Ended,
    /// A webhook was answered.
    Answered(u16),
    /// The store failed, so the process ends.
    Failed(EngineError),
}

impl Process {
    async fn perform(&self, act: &Act) -> Came {
        let engine = Arc::clone(&self.engine);
        let ended = match act {
            Act::Webhook(delivery) => return Came::Answered(self.receive(delivery).await),
            Act::Sort => engine.sort_events().await.map(drop),
            Act::Look(subject) => engine.look_at(subject).await.map(drop),
            Act::Send(intent) => engine.deliver(intent).await.map(drop),
            Act::Create(subject) => engine.create(subject).await.map(drop),
            Act::Hint(hint) => return Came::Answered(self.receive_hint(hint).await),
            Act::Poll => engine.poll_page().await.map(drop),
            Act::Hear => engine.poll_changes().await.map(drop),
            Act::Scan => engine.scan_page().await.map(drop),
            Act::Sweep => match engine.sweep().await {
                // A redrive that a crash cut off goes on.
                Ok(_) => engine.redrive().await.map(drop),
                Err(error) => Err(error),
            },
            Act::Command(command) => match engine.command(command.clone()).await {
                Err(CommandError::Engine(error)) => Err(error),
                Ok(_) | Err(_) => Ok(()),
            },
        };
        match ended {
            Ok(()) | Err(EngineError::Remote(_)) => Came::Ended,
            Err(error) => Came::Failed(error),
        }
    }

    async fn receive(&self, delivery: &Delivery) -> u16 {
        let headers = headers(&delivery.headers);
        let status = self.webhook.receive_bytes(&headers, &delivery.body).await;
        status.as_u16()
    }

    async fn receive_hint(&self, hint: &ZenskarDelivery) -> u16 {
        let headers = headers(&hint.headers);
        let status = self.zenskar_webhook.receive_bytes(&headers, &hint.body);
        status.await.as_u16()
    }
}

fn headers(pairs: &[(String, String)]) -> http::HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, http::HeaderValue::from_str(value).unwrap())
    });
    pairs.collect()
}

impl World {
    /// Does one step; a dead process starts again.
    pub(crate) async fn act(&mut self, act: Act) {
        let came = self.process.perform(&act).await;
        self.conclude(vec![(act, came)]);
    }

    /// Does two steps at once; a dead process starts again.
    pub(crate) async fn together(&mut self, one: Act, other: Act) {
        let process = &self.process;
        let (came, other_came) = tokio::join!(process.perform(&one), process.perform(&other));
        self.conclude(vec![(one, came), (other, other_came)]);
    }

    fn conclude(&mut self, acts: Vec<(Act, Came)>) {
        let frozen = self.process.disk.is_frozen();
        let mut people = Vec::new();
        for (act, came) in acts {
            match (&act, came) {
                (Act::Webhook(delivery), Came::Answered(status)) => {
                    // A process that died after its commit and before its answer answered nothing.
                    let status = (!frozen).then_some(status);
                    self.answered(delivery, status);
                }
                (Act::Hint(hint), Came::Answered(status)) => {
                    let status = (!frozen).then_some(status);
                    self.sandbox.zenskar_delivery_result(hint.id, status);
                }
                (_, Came::Failed(error)) => {
                    assert!(
                        frozen,
                        "the store failed while the disk has power: {error:?}"
                    );
                }
                _ => {}
            }
            if let Act::Command(command) = act {
                people.push(command);
            }
        }
        if frozen {
            self.restart();
        }
        for command in people {
            self.note_command(&command);
        }
    }

    fn answered(&mut self, delivery: &Delivery, status: Option<u16>) {
        self.sandbox.delivery_result(delivery.id, status);
        if status == Some(200) {
            let event: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
            let created = event["created"].as_i64().unwrap();
            self.acknowledged.push((delivery.event_id.clone(), created));
        }
    }

    /// Tells the reference which links a person took apart or made. Whether a command that died
    /// half way was done is the store's to say.
    fn note_command(&self, command: &Command) {
        let id = match command {
            Command::CustomerLink { stripe, .. } => stripe,
            Command::CustomerUnlink { id, .. } => id,
            Command::ConflictResolve { .. }
            | Command::PlanApply { .. }
            | Command::RunUndo { .. } => return self.note_decisions(),
            _ => return,
        };
        let id = StripeCustomerId::parse(id).unwrap();
        let read = self.process.engine.store.read().unwrap();
        if let Some(link) = read.link(&id).unwrap() {
            let apart = link.state == LinkState::Unlinked;
            let zenskar = link.zenskar.as_str();
            self.reference.lock().unwrap().linked(zenskar, !apart);
            self.ledger().linked(zenskar, !apart);
        }
    }

    /// Tells the model what people decided, as the store has it.
    fn note_decisions(&self) {
        let read = self.process.engine.store.read().unwrap();
        for run in read.runs(None, usize::MAX).unwrap() {
            for decided in read.decided_by(run.number, None, usize::MAX).unwrap() {
                self.ledger().decided(&decided);
            }
        }
    }
}

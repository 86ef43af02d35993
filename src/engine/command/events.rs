//! Events: list, show, show the payload, replay; and asking for a scan.

use super::{CommandError, ROWS_MAX, done, invalid, json};
use crate::engine::Engine;
use crate::engine::intake::subject_of;
use crate::engine::view::{Done, EventRow, EventView, Page};
use crate::model::cursor::ScanCursor;
use crate::model::event::Channel;
use crate::model::id::EventId;
use crate::model::journal::Entry;
use crate::model::link::LinkState;
use crate::model::work::{DeadWork, Work};
use crate::store::{EventHead, ReadTx, StoredEvent, StoredHead};
use serde_json::Value as Json;

/// Most events that are looked at for one page of a list that holds some of them. A page that finds
/// few ends there, and the next one goes on.
pub const EVENTS_SEARCHED: usize = 2_000;

/// Events read at once while some are searched.
const EVENTS_STEP: usize = 250;

/// Which events a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Those of this type, or of all types that begin so where it ends with a dot.
    pub kind: Option<String>,
    /// Those that came to this.
    pub state: Option<EventState>,
}

impl EventFilter {
    const fn is_open(&self) -> bool {
        self.kind.is_none() && self.state.is_none()
    }

    fn takes_kind(&self, kind: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| {
            wanted == kind || (wanted.ends_with('.') && kind.starts_with(wanted))
        })
    }
}

/// What an event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventState {
    /// It is in the inbox, and was not sorted yet.
    Received,
    /// A look that it asks for waits.
    Waiting,
    /// It waits for a link.
    Parked,
    /// The look that it asks for was given up.
    Dead,
    /// The look that it asks for was taken.
    Done,
    /// Nothing is done about its type.
    NotOurs,
}

impl EventState {
    /// All of them, in the order in which an event goes through them.
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Waiting,
        Self::Parked,
        Self::Dead,
        Self::Done,
        Self::NotOurs,
    ];

    /// As views name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Dead => "dead",
            Self::Done => "done",
            Self::NotOurs => "not ours to act on",
        }
    }
}

/// An action about events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventCommand {
    /// Events, newest first: [`Page`] of [`EventRow`], which may hold fewer rows than
    /// are asked for and go on all the same.
    List {
        /// Which.
        filter: EventFilter,
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// One event without its payload: [`EventView`].
    Head {
        /// Stripe's id.
        id: String,
    },
    /// One event: [`EventView`].
    Show {
        /// Stripe's id.
        id: String,
    },
    /// One event for a person whose look at the payload is noted: [`EventView`].
    Payload {
        /// Stripe's id.
        id: String,
        /// Who looks.
        who: String,
    },
    /// Look again at what an event is about: [`Done`].
    Replay {
        /// Stripe's id.
        id: String,
        /// Who says so.
        who: String,
    },
}

impl Engine {
    pub(super) async fn events_command(&self, command: EventCommand) -> Result<Json, CommandError> {
        match command {
            EventCommand::List {
                filter,
                after,
                limit,
            } => json(&self.events(&filter, after.as_deref(), limit.clamp(1, ROWS_MAX))?),
            EventCommand::Head { id } => json(&self.event_head(&id)?),
            EventCommand::Show { id } => json(&self.event(&id)?),
            EventCommand::Payload { id, who } => json(&self.show_payload(&id, &who).await?),
            EventCommand::Replay { id, who } => json(&self.replay_event(&id, &who).await?),
        }
    }

    fn events(
        &self,
        filter: &EventFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EventRow>, CommandError> {
        let read = self.store.read()?;
        let sorted = read.intake_cursor()?;
        let mut before = after
            .map(str::parse::<u64>)
            .transpose()
            .map_err(|e| invalid(&e))?;
        let mut rows = Vec::new();
        let mut left = EVENTS_SEARCHED;
        while rows.len() < limit && left > 0 {
            let step = if filter.is_open() { limit } else { EVENTS_STEP };
            let heads = read.events_newest(before, step.min(left))?;
            if heads.is_empty() {
                break;
            }
            for stored in heads {
                if rows.len() >= limit {
                    break;
                }
                (before, left) = (Some(stored.seq), left.saturating_sub(1));
                rows.extend(taken(&read, filter, sorted, &stored)?);
            }
        }
        let more = match before {
            Some(last) => !read.events_newest(Some(last), 1)?.is_empty(),
            None => false,
        };
        let next = before.filter(|_| more).map(|last| last.to_string());
        Ok(Page { rows, next })
    }

    /// One event without its payload.
    fn event_head(&self, id: &str) -> Result<EventView, CommandError> {
        let read = self.store.read()?;
        let id = parse(id)?;
        let sequence = read.event_seq(&id)?;
        let stored = sequence.map(|sequence| read.event_head(sequence));
        let stored = stored.transpose()?.flatten();
        head_view(&read, &stored.ok_or_else(|| missing(&id))?)
    }

    fn event(&self, id: &str) -> Result<EventView, CommandError> {
        let stored = find(&self.store.read()?, id)?;
        let payload = String::from_utf8_lossy(&stored.event.payload).into_owned();
        Ok(EventView {
            payload: (!stored.pruned).then_some(payload),
            ..self.event_head(id)?
        })
    }

    /// The same for a person whose look at the payload is noted.
    async fn show_payload(&self, id: &str, who: &str) -> Result<EventView, CommandError> {
        let event = self.event(id)?;
        if event.payload.is_none() {
            return Err(CommandError::Refused {
                message: format!("the payload of {id} is gone"),
                hint: "payloads are kept for store.retention_days".to_owned(),
            });
        }
        let subject = subject_of(&self.store.read()?, &event.row.kind, &event.row.object)?;
        let subject = subject.map_or_else(|| format!("event/{id}"), |known| known.to_string());
        let now = self.clock.now();
        let mut entry = Entry::engine(now, "event payload shown", &subject).with("event", &id);
        who.clone_into(&mut entry.who);
        self.writer
            .write("note look at payload", move |tx| {
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        Ok(event)
    }

    async fn replay_event(&self, id: &str, who: &str) -> Result<Done, CommandError> {
        let stored = find(&self.store.read()?, id)?;
        let event = &stored.event;
        let read = self.store.read()?;
        let Some(subject) = subject_of(&read, &event.kind, &event.object)? else {
            return Err(CommandError::Refused {
                message: format!("nothing is done about events of type {}", event.kind),
                hint: "events of a customer can be replayed".to_owned(),
            });
        };
        drop(read);
        let now = self.clock.now();
        let mut entry = Entry::engine(now, "event replayed", &subject).with("event", &event.id);
        who.clone_into(&mut entry.who);
        let message = format!("{subject} is looked at again");
        let received_at = event.received_at;
        self.writer
            .write("replay event", move |tx| {
                tx.append_journal(&entry)?;
                tx.unpark(&subject, now)?;
                let link = subject.stripe().map(|id| tx.link(id)).transpose()?;
                let mut work = tx
                    .work(&subject)?
                    .unwrap_or_else(|| Work::new(subject, now));
                // What came before its link was made was taken up then: it proves nothing anew.
                let proves = link.flatten().is_none_or(|link| {
                    link.state != LinkState::Unlinked && link.made_at <= received_at
                });
                if proves {
                    work.add_event(stored.seq);
                } else {
                    work.asked = work.asked.saturating_add(1);
                }
                work.due_at = now;
                tx.put_work(&work)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(done(message, 1))
    }

    pub(super) async fn want_scan(&self, who: &str) -> Result<Done, CommandError> {
        let mut entry = Entry::engine(self.clock.now(), "scan asked for", &"scan");
        who.clone_into(&mut entry.who);
        self.writer
            .write("ask for scan", move |tx| {
                tx.append_journal(&entry)?;
                let cursor = tx.scan_cursor()?;
                tx.set_scan_cursor(&ScanCursor {
                    wanted: true,
                    ..cursor
                })
            })
            .await?;
        self.wake.scan.notify_one();
        Ok(done(
            "a scan of both sides begins; \"zenstripe status\" shows how far it is",
            1,
        ))
    }
}

fn parse(id: &str) -> Result<EventId, CommandError> {
    EventId::parse(id).map_err(|e| invalid(&e))
}

fn missing(id: &EventId) -> CommandError {
    CommandError::NotFound(format!("no event {id} is in the inbox"))
}

fn find(read: &ReadTx<'_>, id: &str) -> Result<StoredEvent, CommandError> {
    let id = parse(id)?;
    read.event_by_id(&id)?.ok_or_else(|| missing(&id))
}

fn head_view(read: &ReadTx<'_>, stored: &StoredHead) -> Result<EventView, CommandError> {
    let head = &stored.head;
    let state = state(read, read.intake_cursor()?, stored)?;
    Ok(EventView {
        row: row(stored, state),
        account: head.account.as_ref().map(ToString::to_string),
        api_version: head.api_version.clone(),
        pruned: stored.pruned,
        payload: None,
    })
}

/// The row of an event that a list holds. A look at its state is not taken for nothing.
fn taken(
    read: &ReadTx<'_>,
    filter: &EventFilter,
    sorted: u64,
    stored: &StoredHead,
) -> Result<Option<EventRow>, CommandError> {
    if !filter.takes_kind(&stored.head.kind) {
        return Ok(None);
    }
    let state = state(read, sorted, stored)?;
    let is_wanted = filter.state.is_none_or(|wanted| wanted == state);
    Ok(is_wanted.then(|| row(stored, state)))
}

fn row(stored: &StoredHead, state: EventState) -> EventRow {
    let head = &stored.head;
    EventRow {
        sequence: stored.seq,
        id: head.id.to_string(),
        kind: head.kind.clone(),
        object: head.object.clone(),
        channel: channel(head).to_owned(),
        created: head.created.to_string(),
        received_at: head.received_at.to_string(),
        state: state.as_str().to_owned(),
    }
}

const fn channel(head: &EventHead) -> &'static str {
    match head.channel {
        Channel::Webhook => "webhook",
        Channel::Poll => "poll",
        Channel::ZenskarWebhook => "zenskar webhook",
        Channel::ZenskarPoll => "zenskar poll",
    }
}

/// What an event came to; events up to `sorted` were sorted.
fn state(read: &ReadTx<'_>, sorted: u64, stored: &StoredHead) -> Result<EventState, CommandError> {
    let (sequence, head) = (stored.seq, &stored.head);
    let Some(subject) = subject_of(read, &head.kind, &head.object)? else {
        return Ok(EventState::NotOurs);
    };
    if sequence > sorted {
        return Ok(EventState::Received);
    }
    let names = |work: &Work| work.events.contains(&sequence);
    if read.work(&subject)?.is_some_and(|work| names(&work)) {
        return Ok(EventState::Waiting);
    }
    if read.parked(&subject)?.is_some_and(|work| names(&work)) {
        return Ok(EventState::Parked);
    }
    let mut letters = read.dead_letters_of(&subject)?.into_iter();
    let dead = letters.any(|one| matches!(&one.what, DeadWork::Work(work) if names(work)));
    Ok(if dead {
        EventState::Dead
    } else {
        EventState::Done
    })
}

#[cfg(test)]
mod tests;

//! Events: list, show, replay; and asking for a scan.

use super::{CommandError, done, invalid};
use crate::engine::Engine;
use crate::engine::intake::subject_of;
use crate::engine::view::{Done, EventRow, EventView, Page};
use crate::model::cursor::ScanCursor;
use crate::model::event::Channel;
use crate::model::id::EventId;
use crate::model::journal::Entry;
use crate::model::link::LinkState;
use crate::model::work::{DeadWork, Work};
use crate::store::{EventHead, ReadTx, StoredEvent};

impl Engine {
    pub(super) fn events(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<EventRow>, CommandError> {
        let read = self.store.read()?;
        let before = after
            .map(str::parse::<u64>)
            .transpose()
            .map_err(|e| invalid(&e))?;
        let mut rows = Vec::new();
        for stored in read.events_newest(before, limit)? {
            rows.push(row(&read, stored.seq, &stored.head)?);
        }
        let next = rows
            .last()
            .filter(|_| rows.len() >= limit)
            .map(|row| row.sequence.to_string());
        Ok(Page { rows, next })
    }

    pub(super) fn event(&self, id: &str) -> Result<EventView, CommandError> {
        let read = self.store.read()?;
        let stored = find(&read, id)?;
        let event = &stored.event;
        let head = EventHead {
            id: event.id.clone(),
            kind: event.kind.clone(),
            object: event.object.clone(),
            account: event.account.clone(),
            created: event.created,
            api_version: event.api_version.clone(),
            channel: event.channel,
            received_at: event.received_at,
        };
        Ok(EventView {
            row: row(&read, stored.seq, &head)?,
            api_version: event.api_version.clone(),
            payload: (!stored.pruned).then(|| String::from_utf8_lossy(&event.payload).into_owned()),
        })
    }

    pub(super) async fn replay_event(&self, id: &str, who: &str) -> Result<Done, CommandError> {
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

fn find(read: &ReadTx<'_>, id: &str) -> Result<StoredEvent, CommandError> {
    let id = EventId::parse(id).map_err(|e| invalid(&e))?;
    let stored = read.event_by_id(&id)?;
    stored.ok_or_else(|| CommandError::NotFound(format!("no event {id} is in the inbox")))
}

fn row(read: &ReadTx<'_>, sequence: u64, head: &EventHead) -> Result<EventRow, CommandError> {
    Ok(EventRow {
        sequence,
        id: head.id.to_string(),
        kind: head.kind.clone(),
        object: head.object.clone(),
        channel: match head.channel {
            Channel::Webhook => "webhook",
            Channel::Poll => "poll",
            Channel::ZenskarWebhook => "zenskar webhook",
            Channel::ZenskarPoll => "zenskar poll",
        }
        .to_owned(),
        created: head.created.to_string(),
        received_at: head.received_at.to_string(),
        state: state(read, sequence, head)?.to_owned(),
    })
}

fn state(read: &ReadTx<'_>, sequence: u64, head: &EventHead) -> Result<&'static str, CommandError> {
    let Some(subject) = subject_of(read, &head.kind, &head.object)? else {
        return Ok("not ours to act on");
    };
    if sequence > read.intake_cursor()? {
        return Ok("received");
    }
    let names = |work: &Work| work.events.contains(&sequence);
    if read.work(&subject)?.is_some_and(|work| names(&work)) {
        return Ok("waiting");
    }
    if read.parked(&subject)?.is_some_and(|work| names(&work)) {
        return Ok("parked");
    }
    let mut letters = read.dead_letters_of(&subject)?.into_iter();
    let dead = letters.any(|one| matches!(&one.what, DeadWork::Work(work) if names(work)));
    Ok(if dead { "dead" } else { "done" })
}

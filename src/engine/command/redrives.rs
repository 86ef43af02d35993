//! Redrives: begun and stopped by a person, and as they are shown.

use super::{CommandError, done, show_time};
use crate::engine::Engine;
use crate::engine::redrive::SUBJECT;
use crate::engine::view::{self, Done, Problem};
use crate::model::dead::{Redrive, RedriveEnd};
use crate::model::journal::Entry;
use crate::store::{ReadTx, StoreError};

impl Engine {
    /// Begins to try all letters again, or those of one reason. Where they are few they are tried at
    /// once; the others follow by themselves.
    pub(super) async fn begin_redrive(
        &self,
        reason: Option<String>,
        who: &str,
    ) -> Result<Done, CommandError> {
        let now = self.clock.now();
        let read = self.store.read()?;
        let redrive = Redrive {
            who: who.to_owned(),
            begun_at: now,
            until: read.last_dead_number()?,
            after: 0,
            total: count(&read, reason.as_deref())?,
            reason,
            done: 0,
            end: None,
        };
        drop(read);
        if redrive.total == 0 {
            return Ok(done("0 tried again", 0));
        }
        let mut entry =
            Entry::engine(now, "redrive begun", &SUBJECT).with("letters", &redrive.total);
        if let Some(reason) = &redrive.reason {
            entry = entry.with("reason", reason);
        }
        who.clone_into(&mut entry.who);
        let under_way = self
            .writer
            .write("begin redrive", move |tx| {
                let open = tx.redrive()?.filter(Redrive::is_open);
                if open.is_none() {
                    tx.set_redrive(Some(&redrive))?;
                    tx.append_journal(&entry)?;
                }
                Ok(open)
            })
            .await?;
        if let Some(Redrive { done, total, .. }) = under_way {
            return Err(CommandError::Refused {
                message: format!(
                    "dead letters are being tried again already: {done} of {total} were"
                ),
                hint: "wait for its end, or stop it with \"zenstripe dead cancel\"".to_owned(),
            });
        }
        self.redrive().await?;
        self.wake.redrive.notify_one();
        let begun = self.store.read()?.redrive()?;
        Ok(begun.map_or_else(Done::default, |redrive| {
            let (count, total) = (redrive.done, redrive.total);
            let message = if redrive.is_open() {
                format!("{count} of {total} tried again; the others follow by themselves")
            } else {
                format!("{count} tried again")
            };
            done(message, count)
        }))
    }

    /// Stops the redrive that goes on; what it did not try again stays a dead letter.
    pub(super) async fn cancel_redrive(&self, who: &str) -> Result<Done, CommandError> {
        let (now, by) = (self.clock.now(), who.to_owned());
        let stopped = self
            .writer
            .write("cancel redrive", move |tx| {
                let Some(redrive) = tx.redrive()?.filter(Redrive::is_open) else {
                    return Ok(None);
                };
                let mut entry = Entry::engine(now, "redrive cancelled", &SUBJECT)
                    .with("tried again", &redrive.done)
                    .with("of", &redrive.total);
                by.clone_into(&mut entry.who);
                tx.append_journal(&entry)?;
                let end = Some((now, RedriveEnd::Cancelled(by)));
                let stopped = Redrive {
                    end,
                    ..redrive.clone()
                };
                tx.set_redrive(Some(&stopped))?;
                Ok(Some(redrive))
            })
            .await?;
        Ok(match stopped {
            Some(Redrive {
                done: count, total, ..
            }) => done(
                format!("stopped: {count} of {total} were tried again, the others stay"),
                1,
            ),
            None => done("nothing is being tried again", 0),
        })
    }

    /// The redrive that goes on, or the last one that did.
    pub(super) fn redrive_view(&self) -> Result<Option<view::Redrive>, StoreError> {
        Ok(self.store.read()?.redrive()?.map(shown))
    }
}

/// That a redrive goes on, for whoever asks how all is.
pub(super) fn notice(redrive: Option<&view::Redrive>) -> Option<Problem> {
    let redrive = redrive.filter(|redrive| redrive.is_open())?;
    let view::Redrive { done, total, .. } = redrive;
    Some(Problem {
        what: format!("dead letters are being tried again: {done} of {total} were"),
        hint: "run \"zenstripe dead progress\"; \"zenstripe dead cancel\" stops it".to_owned(),
    })
}

fn shown(redrive: Redrive) -> view::Redrive {
    let (state, ended, by) = match redrive.end {
        None => ("under way", None, None),
        Some((at, RedriveEnd::Finished)) => ("done", Some(at), None),
        Some((at, RedriveEnd::Cancelled(by))) => ("cancelled", Some(at), Some(by)),
    };
    view::Redrive {
        state: state.to_owned(),
        total: redrive.total,
        done: redrive.done,
        reason: redrive.reason,
        who: redrive.who,
        begun_at: redrive.begun_at.to_string(),
        ended_at: ended.and_then(show_time),
        cancelled_by: by,
    }
}

/// How many letters have this reason, or how many there are.
fn count(read: &ReadTx<'_>, reason: Option<&str>) -> Result<u64, StoreError> {
    if reason.is_none() {
        return read.dead_count();
    }
    let numbers = super::reasons::numbers(read, reason)?;
    Ok(u64::try_from(numbers.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;

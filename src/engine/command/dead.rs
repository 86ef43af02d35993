//! Dead letters: list, retry, drop.

use super::dropped::give_up;
use super::{CommandError, Letters, done, invalid, reasons};
use crate::engine::Engine;
use crate::engine::creation::rows;
use crate::engine::view::{DeadRow, Done, Page};
use crate::model::id::StripeCustomerId;
use crate::model::intent::{Intent, Progress};
use crate::model::journal::Entry;
use crate::model::link::{Link, Side};
use crate::model::time::Timestamp;
use crate::model::work::{DeadLetter, DeadWork, Work};
use crate::store::{StoreError, WriteTx};

/// Dead letters handled in one transaction.
pub(super) const LETTERS_STEP: usize = 256;

impl Engine {
    pub(super) fn dead_letters(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<DeadRow>, CommandError> {
        let after = after
            .map(str::parse::<u64>)
            .transpose()
            .map_err(|e| invalid(&e))?;
        let rows: Vec<DeadRow> = self
            .store
            .read()?
            .dead_letters(after, limit)?
            .into_iter()
            .map(row)
            .collect();
        let next = rows
            .last()
            .filter(|_| rows.len() >= limit)
            .map(|row| row.number.to_string());
        Ok(Page { rows, next })
    }

    pub(super) async fn retry_dead(&self, which: Letters, who: &str) -> Result<Done, CommandError> {
        let numbers = match which {
            Letters::Numbers(numbers) => numbers,
            Letters::All => return self.begin_redrive(None, who).await,
            Letters::Reason(reason) => return self.begin_redrive(Some(reason), who).await,
        };
        let count = self.each_dead(numbers, who, try_again).await?;
        self.wake.look.notify_one();
        self.wake.delivery.notify_one();
        self.wake.creation.notify_one();
        Ok(done(format!("{count} tried again"), count))
    }

    pub(super) async fn drop_dead(&self, which: Letters, who: &str) -> Result<Done, CommandError> {
        let numbers = match which {
            Letters::Numbers(numbers) => numbers,
            Letters::All => reasons::numbers(&self.store.read()?, None)?,
            Letters::Reason(reason) => reasons::numbers(&self.store.read()?, Some(&reason))?,
        };
        let count = self.each_dead(numbers, who, drop_one).await?;
        Ok(done(
            match count {
                0 => "0 dropped".to_owned(),
                count => format!("{count} dropped; for 30 days they can be taken back"),
            },
            count,
        ))
    }

    /// Does the same to every letter that was named, a few in each transaction.
    async fn each_dead(
        &self,
        numbers: Vec<u64>,
        who: &str,
        act: fn(&mut WriteTx<'_>, u64, &str, Timestamp) -> Result<bool, StoreError>,
    ) -> Result<u64, CommandError> {
        let read = self.store.read()?;
        for number in &numbers {
            if read.dead_letter(*number)?.is_none() {
                return Err(CommandError::NotFound(format!(
                    "there is no dead letter {number}"
                )));
            }
        }
        drop(read);
        let now = self.clock.now();
        let mut count = 0_u64;
        for part in numbers.chunks(LETTERS_STEP) {
            let (part, who) = (part.to_vec(), who.to_owned());
            let handled = self
                .writer
                .write("settle dead letters", move |tx| {
                    let mut handled = 0_u64;
                    for number in part {
                        if act(tx, number, &who, now)? {
                            handled = handled.saturating_add(1);
                        }
                    }
                    Ok(handled)
                })
                .await?;
            count = count.saturating_add(handled);
        }
        Ok(count)
    }
}

/// Tries one letter again; whether it was there.
pub(in crate::engine) fn try_again(
    tx: &mut WriteTx<'_>,
    number: u64,
    who: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match taken(tx, number, ("dead letter retried", who), now)? {
        Some(letter) => retry(tx, letter, now).map(|()| true),
        None => Ok(false),
    }
}

/// Drops one letter; whether it was there.
fn drop_one(
    tx: &mut WriteTx<'_>,
    number: u64,
    who: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match taken(tx, number, ("dead letter dropped", who), now)? {
        Some(letter) => give_up(tx, letter, who, now).map(|()| true),
        None => Ok(false),
    }
}

/// Takes a letter off, and notes who had what done about it.
fn taken(
    tx: &mut WriteTx<'_>,
    number: u64,
    (what, who): (&str, &str),
    now: Timestamp,
) -> Result<Option<DeadLetter>, StoreError> {
    let letter = tx.remove_dead_letter(number)?;
    if let Some(letter) = &letter {
        let subject = letter.what.subject();
        let mut entry = Entry::engine(now, what, &subject).with("reason", &letter.reason);
        who.clone_into(&mut entry.who);
        tx.append_journal(&entry)?;
    }
    Ok(letter)
}

fn retry(tx: &mut WriteTx<'_>, letter: DeadLetter, now: Timestamp) -> Result<(), StoreError> {
    match letter.what {
        DeadWork::Work(old) => {
            let known = tx.work(&old.subject)?;
            let mut work = known.unwrap_or_else(|| Work::new(old.subject.clone(), now));
            for sequence in old.events {
                work.add_event(sequence);
            }
            work.asked = work.asked.saturating_add(1);
            (work.due_at, work.attempts) = (now, 0);
            tx.put_work(&work)
        }
        DeadWork::Intent(link, number) => {
            let found = tx
                .intents(&link)?
                .into_iter()
                .find(|intent| intent.number == number);
            let Some(Intent {
                progress: Progress::Dead(since),
                ..
            }) = found
            else {
                return Ok(());
            };
            let Some(intent) = found else { return Ok(()) };
            touch(tx, &link)?;
            // Stripe keeps its refusal under the key, which is the number.
            let number = match intent.target {
                Side::Stripe => {
                    tx.remove_intent(&link, number)?;
                    tx.next_intent_number(&link)?
                }
                Side::Zenskar => number,
            };
            // Whether an attempt before the refusal arrived is not known: it is looked at first.
            let again = Intent {
                number,
                progress: Progress::Unknown(since),
                attempts: 1,
                ..intent
            };
            tx.put_intent(&again, Some(now))
        }
        DeadWork::Creation(subject) => rows::retry(tx, &subject, now),
    }
}

/// Makes a plan that is being made from the link's intents as they were be thrown away.
pub(super) fn touch(tx: &mut WriteTx<'_>, id: &StripeCustomerId) -> Result<(), StoreError> {
    if let Some(link) = tx.link(id)? {
        let version = link.version.saturating_add(1);
        tx.put_link(&Link { version, ..link })?;
    }
    Ok(())
}

pub(super) fn row(letter: DeadLetter) -> DeadRow {
    DeadRow {
        number: letter.number,
        subject: letter.what.subject().to_string(),
        kind: match letter.what {
            DeadWork::Work(_) => "look",
            DeadWork::Intent(..) => "change",
            DeadWork::Creation(_) => "creation",
        }
        .to_owned(),
        reason: letter.reason,
        at: letter.at.to_string(),
        attempts: letter.attempts,
    }
}

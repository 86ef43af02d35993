//! Dead letters that were dropped: hidden, listed, taken back.

use super::dead::{self, LETTERS_STEP};
use super::{CommandError, Letters, done, invalid};
use crate::engine::Engine;
use crate::engine::creation::rows;
use crate::engine::decisions::{drop_refused, take_back_refused};
use crate::engine::scan::step;
use crate::engine::view::{Done, DroppedRow, Page};
use crate::model::dead::{Dropped, Kept};
use crate::model::journal::Entry;
use crate::model::time::Timestamp;
use crate::model::work::{DeadLetter, DeadWork};
use crate::store::{StoreError, WriteTx};
use crate::sync::dead::{base_of, can_come_back, fingerprint, gone_at};

impl Engine {
    /// What was dropped, the last first.
    pub(super) fn dropped_letters(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page<DroppedRow>, CommandError> {
        let before = before.map(place).transpose()?;
        let letters = self.store.read()?.dropped_letters(before, limit)?;
        let next = letters.last().filter(|_| letters.len() >= limit);
        Ok(Page {
            next: next.map(|last| format!("{}-{}", last.at.micros(), last.letter.number)),
            rows: letters.into_iter().map(row).collect(),
        })
    }

    /// Puts letters back among the dead letters, where what they stood for is as it was.
    pub(super) async fn take_back_dead(
        &self,
        which: Letters,
        who: &str,
    ) -> Result<Done, CommandError> {
        let numbers = self.dropped_numbers(which)?;
        let now = self.clock.now();
        let (mut back, mut overtaken) = (0_u64, 0_u64);
        for part in numbers.chunks(LETTERS_STEP) {
            let (part, who) = (part.to_vec(), who.to_owned());
            let (came, stayed) = self
                .writer
                .write("take dropped dead letters back", move |tx| {
                    let (mut came, mut stayed) = (0_u64, 0_u64);
                    for number in part {
                        let Some(dropped) = tx.dropped(number)? else {
                            continue;
                        };
                        if take_back(tx, &dropped, &who, now)? {
                            came = came.saturating_add(1);
                        } else {
                            stayed = stayed.saturating_add(1);
                        }
                    }
                    Ok((came, stayed))
                })
                .await?;
            back = back.saturating_add(came);
            overtaken = overtaken.saturating_add(stayed);
        }
        self.wake.look.notify_one();
        match (back, overtaken) {
            (_, 0) => Ok(done(format!("{back} taken back"), back)),
            (0, _) => Err(CommandError::Refused {
                message: "what was given up is another question by now, and cannot be taken back"
                    .to_owned(),
                hint: "the customer's page shows what became of it".to_owned(),
            }),
            _ => Ok(done(
                format!("{back} taken back; {overtaken} are another question by now and stay"),
                back,
            )),
        }
    }

    fn dropped_numbers(&self, which: Letters) -> Result<Vec<u64>, CommandError> {
        let read = self.store.read()?;
        let reason = match which {
            Letters::Numbers(numbers) => {
                for number in &numbers {
                    if read.dropped(*number)?.is_none() {
                        let message = format!("no dropped letter has the number {number}");
                        return Err(CommandError::NotFound(message));
                    }
                }
                return Ok(numbers);
            }
            Letters::Reason(reason) => Some(reason),
            Letters::All => None,
        };
        let (mut numbers, mut before) = (Vec::new(), None);
        loop {
            let letters = read.dropped_letters(before, LETTERS_STEP)?;
            let Some(last) = letters.last() else {
                return Ok(numbers);
            };
            before = Some((last.at, last.letter.number));
            let is_it = |letter: &DeadLetter| {
                let reason = reason.as_ref();
                reason.is_none_or(|reason| fingerprint(&letter.reason) == *reason)
            };
            let letters = letters.into_iter().map(|dropped| dropped.letter);
            numbers.extend(letters.filter(is_it).map(|letter| letter.number));
        }
    }
}

/// The record stays as it is; a refused value is decided anew when the record changes next. The letter
/// is kept with what goes now, so that it can be taken back.
pub(super) fn give_up(
    tx: &mut WriteTx<'_>,
    letter: DeadLetter,
    who: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let kept = match &letter.what {
        DeadWork::Work(_) => Kept::Nothing,
        DeadWork::Intent(id, number) => {
            let link = tx.link(id)?;
            dead::touch(tx, id)?;
            match (tx.remove_intent(id, *number)?, link) {
                (Some(intent), Some(link)) => {
                    drop_refused(tx, &intent, now)?;
                    Kept::Intent {
                        linked_at: link.made_at,
                        base: base_of(&intent, &link),
                        intent,
                    }
                }
                _ => Kept::Nothing,
            }
        }
        DeadWork::Creation(subject) => {
            rows::give_up(tx, subject)?.map_or(Kept::Nothing, Kept::Creation)
        }
    };
    tx.put_dropped(&Dropped {
        letter,
        kept,
        at: now,
        who: who.to_owned(),
    })
}

/// Takes one letter back, unless what it stood for is another question by now; whether it did.
fn take_back(
    tx: &mut WriteTx<'_>,
    dropped: &Dropped,
    who: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let came = match (&dropped.letter.what, &dropped.kept) {
        (DeadWork::Work(_), _) => true,
        (
            DeadWork::Intent(id, _),
            Kept::Intent {
                intent,
                linked_at,
                base,
            },
        ) => {
            let link = tx.link(id)?;
            let intents = tx.intents(id)?;
            let may = |link| can_come_back(intent, (*linked_at, base), link, &intents);
            let may = link.as_ref().is_some_and(may);
            if may {
                dead::touch(tx, id)?;
                tx.put_intent(intent, None)?;
                take_back_refused(tx, intent, now)?;
                step::ask(tx, id, now)?;
            }
            may
        }
        (DeadWork::Creation(_), Kept::Creation(creation)) => rows::take_back(tx, creation)?,
        (DeadWork::Intent(..) | DeadWork::Creation(_), _) => false,
    };
    if came {
        tx.take_back_dropped(dropped)?;
        let subject = dropped.letter.what.subject();
        let mut entry = Entry::engine(now, "dead letter taken back", &subject)
            .with("reason", &dropped.letter.reason);
        who.clone_into(&mut entry.who);
        tx.append_journal(&entry)?;
    }
    Ok(came)
}

/// Where a page begins: when the letter before was dropped, and its number.
fn place(text: &str) -> Result<(Timestamp, u64), CommandError> {
    let parts = text.rsplit_once('-');
    let parts = parts.and_then(|(at, number)| Some((at.parse().ok()?, number.parse().ok()?)));
    let (at, number) = parts.ok_or_else(|| invalid(&"no page begins there"))?;
    Ok((Timestamp::from_micros(at), number))
}

fn row(dropped: Dropped) -> DroppedRow {
    DroppedRow {
        dropped_at: dropped.at.to_string(),
        dropped_by: dropped.who.clone(),
        gone_at: gone_at(&dropped).to_string(),
        letter: dead::row(dropped.letter),
    }
}

#[cfg(test)]
mod tests;

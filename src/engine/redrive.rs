//! Redrives: many dead letters tried again, little by little.
//!
//! A redrive is a row of the store with its place, so that it goes on where it was after whatever ended
//! the process. It takes letters while little is due: what is new does not wait behind thousands of
//! old failures, the remotes are asked at the pace of their limiters, and what is left when it is
//! stopped stays a dead letter.
//!
//! # Invariant
//!
//! - The place moves in the transaction that tries the letters again: none is taken twice, and none
//!   is passed over.

use crate::engine::Engine;
use crate::engine::command::try_again;
use crate::engine::error::EngineError;
use crate::model::dead::Redrive;
use crate::model::journal::Entry;
use crate::model::time::Timestamp;
use crate::store::ReadTx;
use crate::sync::dead::{DUE_MAX, after_part, next_part, room};

/// What a redrive's entries in the journal are about.
pub(super) const SUBJECT: &str = "dead letters";

/// Letters looked at for one part. They are taken at once where all have the reason.
const LETTERS_STEP: usize = 1_000;

/// What one step of a redrive did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// None goes on.
    Idle,
    /// So much is due that it waits.
    Full,
    /// It went on.
    Part,
}

impl Engine {
    /// Tries the next letters of the redrive again.
    ///
    /// # Errors
    ///
    /// The store failed; the place is kept.
    pub async fn redrive(&self) -> Result<Redriven, EngineError> {
        let now = self.clock.now();
        let read = self.store.read()?;
        let Some(redrive) = read.redrive()?.filter(Redrive::is_open) else {
            return Ok(Redriven::Idle);
        };
        let room = room(due(&read, now)?);
        if room == 0 {
            return Ok(Redriven::Full);
        }
        let letters = read.dead_letters(Some(redrive.after), LETTERS_STEP)?;
        let part = next_part(&redrive, &letters, letters.len() >= LETTERS_STEP, room);
        drop(read);
        self.writer
            .write("try dead letters again", move |tx| {
                // Somebody may have stopped it, or taken this part.
                if tx.redrive()?.as_ref() != Some(&redrive) {
                    return Ok(());
                }
                let mut done = 0_u64;
                for number in &part.numbers {
                    if try_again(tx, *number, &redrive.who, now)? {
                        done = done.saturating_add(1);
                    }
                }
                let after = after_part(&redrive, &part, done, now);
                tx.set_redrive(Some(&after))?;
                if after.is_open() {
                    return Ok(());
                }
                let entry = Entry::engine(now, "redrive ended", &SUBJECT)
                    .with("tried again", &after.done)
                    .with("of", &after.total);
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        self.wake.look.notify_one();
        self.wake.delivery.notify_one();
        self.wake.creation.notify_one();
        Ok(Redriven::Part)
    }
}

/// How much is due, as far as it counts.
fn due(read: &ReadTx<'_>, now: Timestamp) -> Result<usize, EngineError> {
    let work = read.due_work(now, DUE_MAX)?.len();
    let intents = read.due_intents(now, DUE_MAX)?.len();
    let creations = read.due_creations(now, DUE_MAX)?.len();
    Ok(work.saturating_add(intents).saturating_add(creations))
}

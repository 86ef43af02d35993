//! Cursors of lists: a place, sealed with when it was given out.
//!
//! A cursor of another generation, or older than the switch says, is refused. Not here: what a
//! place means (see `list` and `table`).

use super::customer::Key;
use super::refusal::Refusal;

/// A place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Value of the order's column, or the number of rows before.
    pub(crate) at: i64,
    pub(crate) key: Key,
    pub(crate) backwards: bool,
}

/// When cursors are given out and taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// Cursors of another generation are expired.
    pub(crate) generation: u64,
    pub(crate) now_ms: i64,
    /// Seconds that a cursor is good for.
    pub(crate) ttl: Option<i64>,
}

impl Stamp {
    /// The cursor as text.
    pub(crate) fn encode(&self, cursor: &Cursor) -> String {
        let text = format!(
            "{}.{}.{}.{}.{}.{}",
            self.generation,
            self.now_ms,
            cursor.at,
            cursor.key.0,
            cursor.key.1,
            u8::from(cursor.backwards),
        );
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat()
    }

    /// The cursor in a text.
    pub(crate) fn decode(&self, text: &str) -> Result<Cursor, Refusal> {
        let invalid = || Refusal::detail(400, "Invalid cursor");
        let numbers = numbers(text).ok_or_else(invalid)?;
        let &[generation, issued_ms, at, created, position, backwards] = numbers.as_slice() else {
            return Err(invalid());
        };
        let expired = u64::try_from(generation) != Ok(self.generation)
            || self
                .ttl
                .is_some_and(|ttl| self.now_ms - issued_ms > ttl.saturating_mul(1000));
        if expired {
            return Err(Refusal::detail(400, "Cursor has expired"));
        }
        let position = u64::try_from(position).map_err(|_| invalid())?;
        Ok(Cursor {
            at,
            key: (created, position),
            backwards: backwards == 1,
        })
    }
}

fn numbers(text: &str) -> Option<Vec<i64>> {
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    let text = String::from_utf8(bytes?).ok()?;
    text.split('.').map(|number| number.parse().ok()).collect()
}

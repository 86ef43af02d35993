//! The schema: its number, its migrations, and whether a file is one of ours.
//!
//! # Invariants
//!
//! - A migration is one transaction; one that was interrupted did not happen.
//! - A file that a newer release made unreadable for this one is refused before anything is
//!   written, and so is a file that is no store.
//!
//! A migration is added as the next number in [`migrate`], and never changed once published.

use crate::store::codec::{Installation, Schema};
use crate::store::error::StoreError;
use crate::store::meta::{INSTALLATION, SCHEMA};
use crate::store::tables::{self, META};
use crate::store::tx::{ReadTx, WriteTx};

/// The schema that this release writes.
pub const SCHEMA_VERSION: u32 = 9;

/// The oldest schema whose releases can work with what this release writes.
const OLDEST_READER: u32 = 9;

const _: () = assert!(OLDEST_READER <= SCHEMA_VERSION);

/// The schema of the file that `view` sees, when this release can work with it.
pub(super) fn check(view: &ReadTx<'_>) -> Result<u32, StoreError> {
    let schema: Schema = view
        .record(META, SCHEMA)?
        .ok_or(StoreError::Foreign { source: None })?;
    if schema.oldest_reader > SCHEMA_VERSION {
        return Err(StoreError::TooNew {
            found: schema.version,
            oldest_reader: schema.oldest_reader,
            known: SCHEMA_VERSION,
        });
    }
    Ok(schema.version)
}

/// Takes the file from `schema` to the next; a new file has schema 0.
pub(super) fn migrate(
    tx: &mut WriteTx<'_>,
    schema: u32,
    installation: [u8; 16],
) -> Result<(), StoreError> {
    match schema {
        0 => first(tx, installation)?,
        // Runs and what they decided, and creations, which a release that does not know of them
        // would not carry out.
        1 => make_tables(tx)?,
        // Clues, who is on one side alone, and the counts of links, which an older release would not
        // keep; and states of links of which it does not know.
        2 => {
            make_tables(tx)?;
            tx.count_links()?;
        }
        // Dead letters by subject, which an older release would not keep.
        3 => {
            make_tables(tx)?;
            tx.index_dead_letters()?;
        }
        // Logins and sessions of the console. An older release has no console and leaves them alone.
        4 => make_tables(tx)?,
        // The journal by subject, which an older release would not keep.
        5 => {
            make_tables(tx)?;
            tx.index_journal()?;
        }
        // Tokens. An older release lets nobody in by one and leaves them alone.
        6 => make_tables(tx)?,
        // Dead letters that were dropped, which an older release drops at once. Those that are kept it
        // leaves alone.
        7 => make_tables(tx)?,
        // Collections: a release that does not know of them would collect what is being collected.
        8 => make_tables(tx)?,
        _ => {}
    }
    let reached = schema.saturating_add(1);
    let written = Schema {
        version: reached,
        oldest_reader: OLDEST_READER,
    };
    tx.put(META, SCHEMA, &written)
}

/// Schema 1: the tables, and whose store it is.
fn first(tx: &mut WriteTx<'_>, installation: [u8; 16]) -> Result<(), StoreError> {
    make_tables(tx)?;
    tx.put(META, INSTALLATION, &Installation(installation))
}

fn make_tables(tx: &WriteTx<'_>) -> Result<(), StoreError> {
    for table in tables::ALL {
        // To count the rows of a table within a commit makes the table.
        tx.count(table)?;
    }
    Ok(())
}

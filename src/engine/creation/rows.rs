//! One transaction at a time: creations offered, ordered, decided, begun and ended.

use crate::model::creation::{Creation, Sent, Stage, target};
use crate::model::journal::Entry;
use crate::model::link::Link;
use crate::model::time::Timestamp;
use crate::model::work::{DeadWork, Subject};
use crate::store::{ReadTx, StoreError, WriteTx};
use crate::sync::creation::Creates;

/// Rows read at once while some are searched.
const ROWS_STEP: usize = 256;

/// Customers that would be made if a person ordered it, by subject, after `after`.
///
/// # Errors
///
/// The store failed.
pub fn offered(
    read: &ReadTx<'_>,
    creates: Creates,
    after: Option<&Subject>,
    limit: usize,
) -> Result<Vec<Creation>, StoreError> {
    let mut found = Vec::new();
    let mut after = after.cloned();
    while found.len() < limit {
        let rows = read.creations(after.as_ref(), ROWS_STEP)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.subject.clone());
        let is_offered =
            |row: &Creation| row.stage == Stage::Offered && creates.allows(row.target());
        found.extend(rows.into_iter().filter(is_offered));
    }
    found.truncate(limit);
    Ok(found)
}

/// How many would be made if a person ordered it.
///
/// # Errors
///
/// The store failed.
pub fn offered_count(read: &ReadTx<'_>, creates: Creates) -> Result<u64, StoreError> {
    use crate::model::link::Side;
    let mut count = 0_u64;
    for side in [Side::Stripe, Side::Zenskar] {
        if creates.allows(side) {
            count = count.saturating_add(read.creation_counts(side)?.offered);
        }
    }
    Ok(count)
}

/// Orders that the counterpart of an offered customer is made; whether it was offered.
///
/// The order is durable. Both sides are asked again before anything is made.
///
/// # Errors
///
/// The store failed.
pub fn order(
    tx: &mut WriteTx<'_>,
    subject: &Subject,
    who: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let known = tx.creation(subject)?;
    if !known.is_some_and(|known| known.stage == Stage::Offered) {
        return Ok(false);
    }
    tx.put_creation(&Creation {
        ordered_by: Some(who.to_owned()),
        ..Creation::new(subject.clone(), Stage::Waiting, now)
    })?;
    tx.note_parked(subject, &under_way(subject), now)?;
    let mut entry =
        Entry::engine(now, "creation ordered", subject).with("target", &target(subject));
    who.clone_into(&mut entry.who);
    tx.append_journal(&entry)?;
    Ok(true)
}

/// Tries a creation again that was given up.
pub(in crate::engine) fn retry(
    tx: &mut WriteTx<'_>,
    subject: &Subject,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(dead) = tx.creation(subject)?.filter(is_dead) else {
        return Ok(());
    };
    // Whether a request before had an effect is looked at first, where one may have had.
    let stage = match &dead.request {
        Some(sent) => Stage::Unknown(sent.at),
        None => Stage::Waiting,
    };
    tx.put_creation(&Creation {
        stage,
        attempts: 0,
        due_at: now,
        ..dead
    })?;
    tx.note_parked(subject, &under_way(subject), now)
}

/// Drops a creation that was given up; gives it.
pub(in crate::engine) fn give_up(
    tx: &mut WriteTx<'_>,
    subject: &Subject,
) -> Result<Option<Creation>, StoreError> {
    if tx.creation(subject)?.is_some_and(|row| is_dead(&row)) {
        return tx.remove_creation(subject);
    }
    Ok(None)
}

/// Takes back a creation that was dropped, unless the customer has a link or another creation by now;
/// whether it did.
pub(in crate::engine) fn take_back(
    tx: &mut WriteTx<'_>,
    dropped: &Creation,
) -> Result<bool, StoreError> {
    let subject = &dropped.subject;
    let may = tx.creation(subject)?.is_none() && !is_linked(tx, subject)?;
    if may {
        tx.put_creation(dropped)?;
    }
    Ok(may)
}

/// Ends the creations of both customers of a link that was made.
pub(in crate::engine) fn close(
    tx: &mut WriteTx<'_>,
    link: &Link,
    now: Timestamp,
) -> Result<(), StoreError> {
    let both = [
        Subject::Customer(link.stripe.clone()),
        Subject::Unlinked(link.zenskar.clone()),
    ];
    for subject in both {
        let Some(row) = tx.remove_creation(&subject)? else {
            continue;
        };
        if is_dead(&row) {
            remove_letters(tx, &subject)?;
        }
        if row.is_open() {
            let entry = Entry::engine(now, "creation overtaken by link", &subject)
                .with("requests sent", &row.attempts);
            tx.append_journal(&entry)?;
        }
    }
    Ok(())
}

/// Drops the creation for a customer that is gone, unless it is on its way: then what a request may
/// have done is found out first.
pub(in crate::engine) fn forget(tx: &mut WriteTx<'_>, subject: &Subject) -> Result<(), StoreError> {
    tx.forget_alone(subject)?;
    match tx.creation(subject)? {
        Some(row) if is_dead(&row) => {
            tx.remove_creation(subject)?;
            remove_letters(tx, subject)
        }
        Some(row) if !row.is_open() => tx.remove_creation(subject).map(drop),
        _ => Ok(()),
    }
}

/// Whether the customer has a link, in whatever state.
pub(super) fn is_linked(read: &ReadTx<'_>, subject: &Subject) -> Result<bool, StoreError> {
    Ok(match subject {
        Subject::Customer(id) => read.link(id)?.is_some(),
        Subject::Unlinked(id) => read.link_by_zenskar(id)?.is_some(),
    })
}

/// Records that a request begins, unless the creation or its customer moved since it was read.
///
/// A request that is no repeat of the one before has another number.
pub(super) fn begin(
    tx: &mut WriteTx<'_>,
    before: &Creation,
    sent: &Sent,
    now: Timestamp,
) -> Result<Option<Creation>, StoreError> {
    let unmoved = tx.creation(&before.subject)?.as_ref() == Some(before);
    if !unmoved || is_linked(tx, &before.subject)? {
        return Ok(None);
    }
    let repeats = before.request.as_ref() == Some(sent) && repeats_under_its_key();
    let number = match before.number {
        number if repeats => number,
        _ => tx.next_creation_number(&before.subject)?,
    };
    let begun = Creation {
        stage: Stage::Unknown(now),
        attempts: before.attempts.saturating_add(1),
        number,
        request: Some(sent.clone()),
        ..before.clone()
    };
    tx.put_creation(&begun)?;
    Ok(Some(begun))
}

/// Whether a repeat goes under the key of the first request.
fn repeats_under_its_key() -> bool {
    #[cfg(feature = "mutants")]
    if crate::mutants::is_on(crate::mutants::Mutant::MadeUnderAnotherKey) {
        return false;
    }
    true
}

/// Writes a creation in place of what it was, unless it was taken away meanwhile.
pub(super) fn put_if_there(tx: &mut WriteTx<'_>, row: &Creation) -> Result<bool, StoreError> {
    let there = tx.creation(&row.subject)?.is_some();
    if there {
        tx.put_creation(row)?;
    }
    Ok(there)
}

/// Ends a creation that is not to be made: the customer waits for a person. `stage` is what remains
/// of it, if anything does.
pub(super) fn withdraw(
    tx: &mut WriteTx<'_>,
    row: &Creation,
    (what, why): (&str, &str),
    stage: Option<Stage>,
    now: Timestamp,
) -> Result<(), StoreError> {
    match stage {
        Some(stage) => {
            let rest = Creation::new(row.subject.clone(), stage, now);
            put_if_there(tx, &rest)?;
        }
        None => drop(tx.remove_creation(&row.subject)?),
    }
    let entry = Entry::engine(now, what, &row.subject)
        .with("target", &row.target())
        .with("why", &why);
    tx.append_journal(&entry)?;
    tx.note_parked(&row.subject, why, now)
}

/// Makes a dead letter of a creation.
pub(super) fn bury(
    tx: &mut WriteTx<'_>,
    row: &Creation,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let dead = Creation {
        stage: Stage::Dead(now),
        ..row.clone()
    };
    if !put_if_there(tx, &dead)? {
        return Ok(());
    }
    let entry = Entry::engine(now, "creation given up", &row.subject)
        .with("target", &row.target())
        .with("why", &why);
    tx.append_journal(&entry)?;
    let what = DeadWork::Creation(row.subject.clone());
    tx.add_dead_letter(what, why, now, row.attempts)?;
    let why = format!("not created in {}: {why}", row.target());
    tx.note_parked(&row.subject, &why, now)
}

/// Why a customer waits whose counterpart is being made.
pub(super) fn under_way(subject: &Subject) -> String {
    format!("it is being created in {}", target(subject))
}

const fn is_dead(row: &Creation) -> bool {
    matches!(row.stage, Stage::Dead(_))
}

fn remove_letters(tx: &mut WriteTx<'_>, subject: &Subject) -> Result<(), StoreError> {
    tx.remove_dead_letters(subject, |what| matches!(what, DeadWork::Creation(_)))
}

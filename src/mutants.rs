//! Deliberate defects, one at a time, that prove the simulation would find them.
//!
//! Compiled with the feature `mutants` alone, which only `tests/sim` asks for. Each defect is a
//! classic of connectors: what the code around it exists to prevent.

use std::sync::atomic::{AtomicU8, Ordering};

/// A deliberate defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A plan does not recognise its own earlier write when it sees it.
    IntentsNotSettled = 1,
    /// A webhook is answered 200 before its event is on disk.
    AckBeforeCommit = 2,
    /// A webhook moves the poll cursor to the event's time.
    CursorMovedByWebhook = 3,
    /// A write of unknown outcome is repeated without a look at its target.
    RepeatWithoutLook = 4,
    /// A change in Zenskar that the poller finds is left to the next scan.
    ChangesUnheard = 5,
    /// The base moves when a write is decided, before the target is known to hold the value.
    BaseMovedByDecision = 6,
    /// Of two changes, the one that was noticed later counts as the later one.
    NoticedLaterIsLater = 7,
    /// A request to make a customer is repeated under another idempotency key.
    MadeUnderAnotherKey = 8,
    /// Whoever holds an invoice's lease keeps nobody else from collecting it.
    LeaseSkipped = 9,
    /// A charge of unknown outcome is repeated under another idempotency key.
    ChargedUnderAnotherKey = 10,
    /// A payment that is still processing counts as one that took nothing.
    ProcessingIsFree = 11,
    /// A booking of unknown outcome is repeated without a look.
    BookedWithoutLook = 12,
}

impl Mutant {
    /// Every defect.
    pub const ALL: [Self; 12] = [
        Self::IntentsNotSettled,
        Self::AckBeforeCommit,
        Self::CursorMovedByWebhook,
        Self::RepeatWithoutLook,
        Self::ChangesUnheard,
        Self::BaseMovedByDecision,
        Self::NoticedLaterIsLater,
        Self::MadeUnderAnotherKey,
        Self::LeaseSkipped,
        Self::ChargedUnderAnotherKey,
        Self::ProcessingIsFree,
        Self::BookedWithoutLook,
    ];
}

static ON: AtomicU8 = AtomicU8::new(0);

/// Switches one defect on for the whole process, or all off.
pub fn switch(mutant: Option<Mutant>) {
    ON.store(mutant.map_or(0, number), Ordering::SeqCst);
}

/// Whether this defect is on.
#[must_use]
pub fn is_on(mutant: Mutant) -> bool {
    ON.load(Ordering::SeqCst) == number(mutant)
}

const fn number(mutant: Mutant) -> u8 {
    match mutant {
        Mutant::IntentsNotSettled => 1,
        Mutant::AckBeforeCommit => 2,
        Mutant::CursorMovedByWebhook => 3,
        Mutant::RepeatWithoutLook => 4,
        Mutant::ChangesUnheard => 5,
        Mutant::BaseMovedByDecision => 6,
        Mutant::NoticedLaterIsLater => 7,
        Mutant::MadeUnderAnotherKey => 8,
        Mutant::LeaseSkipped => 9,
        Mutant::ChargedUnderAnotherKey => 10,
        Mutant::ProcessingIsFree => 11,
        Mutant::BookedWithoutLook => 12,
    }
}

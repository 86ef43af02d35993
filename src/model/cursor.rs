//! How far the pollers and the scan have come.

use crate::model::customer::Field;
use crate::model::id::{EventId, StripeCustomerId, ZenskarCustomerId};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use std::collections::BTreeMap;

/// The poller's place on Stripe's events API. All instants are Stripe's own time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollCursor {
    /// Every event made before this instant has been read; `None` before the first poll.
    pub high: Option<Timestamp>,
    /// A window that is being read, page by page.
    pub window: Option<PollWindow>,
}

/// A window of the events API, read from its newest event to its oldest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollWindow {
    /// Oldest instant asked for, inclusive.
    pub from: Timestamp,
    /// Before this instant every event is sure to be listed. The request names no end, so newer
    /// events come as well; those that are listed late are the next window's.
    pub to: Timestamp,
    /// The last event of the last page that is in the inbox.
    pub after: Option<EventId>,
    /// Events so far that only polling saw.
    pub found: u64,
    /// How often it had to be read again from its newest event.
    pub restarts: u32,
    /// Whether events before it are listed no more, and a scan was asked for.
    pub gap: bool,
}

/// The place of the poller of Zenskar's customers. All instants are Zenskar's own time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeCursor {
    /// Every change made before this instant has been read; `None` before the first poll.
    pub high: Option<Timestamp>,
    /// A window that is being read, page by page.
    pub window: Option<ChangeWindow>,
    /// Whether Zenskar can be asked for what changed.
    pub filter: ChangeFilter,
}

/// A window of customers by the time of their last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeWindow {
    /// Oldest change asked for, inclusive.
    pub from: Timestamp,
    /// Changes before this instant are sure to be shown. The request names no end, so newer ones
    /// come as well; those that are shown late are the next window's.
    pub to: Timestamp,
    /// Zenskar's cursor of the next page.
    pub after: Option<String>,
    /// Customers read so far.
    pub rows: u64,
    /// Changes so far that nothing else told of.
    pub found: u64,
    /// How often it had to be read again from its beginning.
    pub restarts: u32,
}

/// Whether Zenskar's list of customers can be filtered by the time of their change. Nothing
/// documents it for certain, so each answer is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeFilter {
    /// No answer has shown it yet.
    #[default]
    Untold,
    /// A complete window held nothing that was not asked for, and not every customer.
    Works,
    /// Customers came that were not asked for, or the filter is refused: full sweeps find what
    /// changed.
    Ignored,
}

/// The scan's place: first Stripe's customers, then Zenskar's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanCursor {
    /// What the scan is doing.
    pub phase: ScanPhase,
    /// When the scan under way, or the last one, began (this host's clock).
    pub started_at: Timestamp,
    /// When its listing of Stripe began, by Stripe's own clock.
    pub stripe_started_at: Option<Timestamp>,
    /// When its listing of Zenskar began, by Zenskar's own clock.
    pub zenskar_started_at: Option<Timestamp>,
    /// When the last listing of Zenskar that came to its end began, by Zenskar's own clock.
    pub zenskar_swept_at: Option<Timestamp>,
    /// When a scan last came to its end (this host's clock).
    pub finished_at: Option<Timestamp>,
    /// Whether another scan was asked for (a gap in the events, or a person). Only the beginning
    /// of a scan clears it: whoever writes the rest keeps it as it is in the store.
    pub wanted: bool,
    /// Whether a sweep was asked for: a listing of Zenskar alone, since its filter by the time of
    /// change does not work. It is kept like `wanted`.
    pub sweep_wanted: bool,
    /// Whether this is such a sweep. It asks for the mappings of those customers alone that
    /// changed, since it comes often.
    pub is_sweep: bool,
    /// When a scan was last asked for because an event could not be read (this host's clock).
    pub unread_at: Option<Timestamp>,
    /// When another one is due for that reason: at most one a day, since each costs reads.
    pub unread_again: Option<Timestamp>,
    /// What it found so far.
    pub found: ScanCounts,
    /// Linked customers of its listings whose field is not as agreed, by side and field.
    pub differing: BTreeMap<(Side, Field), u64>,
    /// When the latest page of a listing of Stripe was shown, by Stripe's own clock. A customer may
    /// have been on any page before, and its mirror does not say so where nothing had changed.
    pub stripe_listed_until: Option<Timestamp>,
    /// Pages of its listing of Stripe whose customers the store keeps.
    pub stripe_pages: u64,
    /// When its listing of Stripe had not begun yet, by Zenskar's own clock.
    pub zenskar_before: Option<Timestamp>,
    /// The last listing of Stripe that came to its end, until another one begins.
    pub listing: Option<StripeListing>,
    /// When a listing of Stripe last took its turn: it ended, was refused or stopped (this host's
    /// clock).
    pub stripe_listed_at: Option<Timestamp>,
    /// Customers of the last listing of Stripe that came to its end.
    pub stripe_customers: u64,
    /// When every linked customer was last looked at because Stripe could not be listed (this
    /// host's clock); asking for a scan clears it.
    pub stripe_each_at: Option<Timestamp>,
    /// Pages of its listing of Zenskar whose customers the store keeps.
    pub zenskar_pages: u64,
    /// The end of the page before the last one of Stripe's listing: where to go on when the
    /// customer at the end of the last one is gone.
    pub before: Option<StripeCustomerId>,
    /// The last customer of Zenskar's page under way that was seen to, so that a page that is
    /// repeated does not ask for every mapping again.
    pub handled: Option<ZenskarCustomerId>,
    /// How often this listing had to go back because its place was gone.
    pub restarts: u32,
    /// Why the last scan stopped before its end.
    pub stopped: Option<String>,
}

/// A listing of Stripe that came to its end: looks that follow from it need not read Stripe again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeListing {
    /// When it began, by Stripe's own clock.
    pub began_at: Timestamp,
    /// When it had not begun yet, by Zenskar's own clock.
    pub zenskar_before: Option<Timestamp>,
    /// When it ended (this host's clock).
    pub ended_at: Timestamp,
    /// When its scan ended (this host's clock): it serves the looks that were asked for until then.
    pub serves_until: Option<Timestamp>,
    /// Its pages, whose customers the store keeps.
    pub pages: u64,
}

/// What a scan is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScanPhase {
    /// Nothing.
    #[default]
    Idle,
    /// Reading Stripe's customers, after this one.
    Stripe(Option<StripeCustomerId>),
    /// Reading Zenskar's customers, from this cursor of Zenskar's.
    Zenskar(Option<String>),
}

/// Counts of one scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanCounts {
    /// Customers of Stripe read.
    pub stripe: u64,
    /// Customers of Zenskar read.
    pub zenskar: u64,
    /// Links made.
    pub linked: u64,
    /// Customers of Zenskar whose mapping gave no answer.
    pub unanswered: u64,
    /// Customers whose mapping was claimed by another link.
    pub claimed_twice: u64,
    /// Linked customers that this scan did not meet in Stripe.
    pub missed: u64,
    /// Linked customers that this scan did not meet in Zenskar.
    pub missed_in_zenskar: u64,
}

//! The words that may stand in a label.

use super::each::label;

label! {
    /// Who sent a webhook, or whom we call.
    Remote, "remote" {
        /// Stripe.
        Stripe = "stripe",
        /// Zenskar.
        Zenskar = "zenskar",
    }
}

label! {
    /// Why a delivery was answered with a 4xx.
    Rejected, "reason" {
        /// No secret is active: the door is closed.
        NoSecret = "no_secret",
        /// No signature.
        Missing = "missing",
        /// A signature header that cannot be read.
        Malformed = "malformed",
        /// No signature matches one of our secrets.
        NoMatch = "no_match",
        /// Signed too long ago: a replay, or our clock is fast.
        TooOld = "too_old",
        /// Signed too far ahead: our clock is slow.
        TooNew = "too_new",
        /// The body is over the limit.
        TooLarge = "too_large",
        /// The body did not arrive whole and in time.
        Unfinished = "unfinished",
    }
}

label! {
    /// Why a delivery with a good signature was acknowledged and not stored.
    Ignored, "reason" {
        /// It is about another account, or organisation, than ours.
        ForeignAccount = "foreign_account",
        /// It comes from the other of test and live mode.
        OtherMode = "other_mode",
        /// It is not an event we can read.
        NotAnEvent = "not_an_event",
        /// It is a thin event, which carries no object.
        Thin = "thin",
    }
}

label! {
    /// Why a good delivery was answered with a 503, to come again.
    Unavailable, "reason" {
        /// The store's queue is full, or the memory for bodies is used up.
        Busy = "busy",
        /// The commit failed.
        CommitFailed = "commit_failed",
        /// The disk has no room left.
        DiskFull = "disk_full",
        /// The daemon is going down.
        Stopping = "stopping",
    }
}

label! {
    /// What became of a link.
    LinkState, "state" {
        /// It is in force.
        Active = "active",
        /// Its customer in Stripe is deleted.
        DeletedInStripe = "deleted_in_stripe",
        /// Its customer in Zenskar is deleted.
        DeletedInZenskar = "deleted_in_zenskar",
        /// Stripe does not know its customer.
        UnknownInStripe = "unknown_in_stripe",
        /// A person took it apart.
        Unlinked = "unlinked",
    }
}

label! {
    /// Where records wait.
    Queue, "queue" {
        /// Events to look at.
        Inbox = "inbox",
        /// Intents to deliver.
        Outbox = "outbox",
        /// Given up on until a person acts.
        Dead = "dead",
        /// Waiting for something else to happen first.
        Parked = "parked",
        /// Conflicts nobody has resolved.
        Conflicts = "conflicts",
    }
}

label! {
    /// How a call to a remote ended.
    CallClass, "class" {
        /// It did what was asked.
        Done = "done",
        /// It asks to come again: overload, a lock, an error of its own.
        Retry = "retry",
        /// It says no.
        Refused = "refused",
        /// It does not accept our key.
        Unauthorized = "unauthorized",
        /// It never answered: nobody knows whether it was done.
        Unknown = "unknown",
    }
}

label! {
    /// One of the things that listen.
    Door, "listener" {
        /// Webhooks, OAuth and payment pages.
        Public = "public",
        /// Console, API and metrics.
        Console = "console",
        /// The Unix socket of the command line.
        Socket = "socket",
    }
}

label! {
    /// How a connection ended.
    End, "end" {
        /// By either side, between requests.
        Closed = "closed",
        /// It broke, or its peer broke the protocol.
        Failed = "failed",
        /// No TLS session came about.
        Handshake = "handshake",
        /// It sat idle for too long.
        Idle = "idle",
        /// A request's head took too long.
        SlowHead = "slow_head",
        /// It did not take our answer.
        SlowRead = "slow_read",
        /// It outlived the drain.
        Drain = "drain",
    }
}

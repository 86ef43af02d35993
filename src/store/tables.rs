//! Every table of the store: its name, its key, its value, and why it is there.
//!
//! The only file that names redb's table definitions. To redb all keys and values are plain bytes,
//! so that a change of redb's own encodings can never touch the file. Keys are built and read by
//! `store/key.rs`, values by `store/codec.rs`; an index that is fully said by its key has the empty
//! value.

use redb::TableDefinition;

/// What redb is told of a table.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// A table, by the name it has in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Table(&'static str);

impl Table {
    /// Its name in the file, in errors and in metrics.
    pub(super) const fn name(self) -> &'static str {
        self.0
    }

    /// Its definition for redb.
    pub(super) const fn definition(self) -> Definition {
        Definition::new(self.0)
    }
}

/// Name → value: schema, installation id, the account and organisation this store is bound to,
/// what is active and since when, what is rehearsed, which dead letters are tried again, since when
/// customers are created, what was granted over OAuth, and our webhook endpoint.
pub(super) const META: Table = Table("meta");

/// Name → last number given. Numbers that must never be given twice although the rows that carried
/// them go away (dead letters, intents of a link, requests of a creation), and the counts of open
/// differences by reason, of creations by side and stage and of links by state.
pub(super) const COUNTERS: Table = Table("counters");

/// Sequence number → event: its head, and its body compressed. Appended in the order of arrival;
/// what lies after the intake cursor still has to be sorted, so there is no queue beside it.
pub(super) const EVENTS: Table = Table("events");

/// Event id → sequence number. An event that comes twice, or by webhook and by poll, is one event.
pub(super) const EVENT_IDS: Table = Table("event_ids");

/// Name → place: how far intake, pollers, scan and janitor have come.
pub(super) const CURSORS: Table = Table("cursors");

/// Subject → work that is to be looked at.
pub(super) const WORK: Table = Table("work");

/// (due, subject) → nothing. Finds the work that is due, oldest first; one row for each of `work`.
pub(super) const WORK_DUE: Table = Table("work_due");

/// Subject → work that waits for a link.
pub(super) const PARKED: Table = Table("parked");

/// Stripe id → link.
pub(super) const LINKS: Table = Table("links");

/// Zenskar id → Stripe id of its link; keeps links one to one.
pub(super) const LINKS_BY_ZENSKAR: Table = Table("links_by_zenskar");

/// (Stripe id, number) → intent, and when it is due.
pub(super) const OUTBOX: Table = Table("outbox");

/// (due, Stripe id, number) → nothing. At most one row for a link, that of its lowest open intent:
/// writes of one link go out one after the other.
pub(super) const OUTBOX_DUE: Table = Table("outbox_due");

/// Subject → creation of its counterpart: offered, on its way, or given up.
pub(super) const CREATIONS: Table = Table("creations");
/// (due, subject) → nothing. Finds the creations that are due; one row for each open one.
pub(super) const CREATIONS_DUE: Table = Table("creations_due");
/// (Zenskar id, Stripe id) → nothing. Customers of Stripe that were seen with metadata that name a
/// customer of Zenskar.
pub(super) const NAMED: Table = Table("named");
/// Stripe id → since when that is known. Customers of Stripe that are known to have no partner.
pub(super) const ALONE_IN_STRIPE: Table = Table("alone_in_stripe");
/// Zenskar id → since when that is known. Customers of Zenskar that are known to have no partner.
pub(super) const ALONE_IN_ZENSKAR: Table = Table("alone_in_zenskar");
/// (mark of a clue, Stripe id) → nothing. Customers of Stripe that wait for a link, by what their
/// partner in Zenskar would show.
pub(super) const CLUES: Table = Table("clues");
/// Number → dead letter, for a person to decide.
pub(super) const DEAD: Table = Table("dead");

/// (subject, number) → nothing. Finds the dead letters about a subject; one row for each of `dead`.
pub(super) const DEAD_BY_SUBJECT: Table = Table("dead_by_subject");

/// Number → dead letter that a person dropped, with what went with it; pruned by age.
pub(super) const DROPPED: Table = Table("dropped");

/// (when it was dropped, number) → nothing. Lists what was dropped, and finds what is old; one row
/// for each of `dropped`.
pub(super) const DROPPED_BY_TIME: Table = Table("dropped_by_time");

/// Stripe id → the differences of that link which nothing moves.
pub(super) const DIFFERENCES: Table = Table("differences");

/// Run number → run: what a person decided at once; pruned by age once it waits for nothing.
pub(super) const RUNS: Table = Table("runs");

/// (Stripe id, run number) → what the run decided about that link, and how far it got.
pub(super) const DECIDED: Table = Table("decided");

/// (run number, Stripe id) → nothing. Finds what a run decided; one row for each of `decided`.
pub(super) const DECIDED_BY_RUN: Table = Table("decided_by_run");

/// (side, id) → what was last seen of a customer, its object compressed.
pub(super) const MIRRORS: Table = Table("mirrors");

/// Sequence number → entry: what was done and why, for people; pruned by age.
pub(super) const JOURNAL: Table = Table("journal");

/// (subject, number) → nothing. Finds what was done about a subject; one row for each of `journal`.
pub(super) const JOURNAL_BY_SUBJECT: Table = Table("journal_by_subject");

/// Name → secret, sealed: the installation id, tokens of OAuth, signing secrets of our endpoints.
pub(super) const SECRETS: Table = Table("secrets");

/// Day → reads of Stripe on that UTC day.
pub(super) const READS: Table = Table("reads");

/// Digest of a token → login to the console: who may sign in with it, and whether they did.
pub(super) const LOGINS: Table = Table("logins");

/// Digest of a secret → session of the console.
pub(super) const SESSIONS: Table = Table("sessions");

/// Digest of a token's text → token: its name, its role, until when it works.
pub(super) const TOKENS: Table = Table("tokens");

/// Invoice id → invoice as it was last seen, and when.
pub(super) const INVOICES: Table = Table("invoices");

/// (due date, invoice id) → nothing. Lists the open invoices, the earliest due first; one row for each
/// open one of `invoices`.
pub(super) const INVOICES_OPEN: Table = Table("invoices_open");

/// (the number that people know it by, invoice id) → nothing. Finds invoices by that number.
pub(super) const INVOICES_BY_NUMBER: Table = Table("invoices_by_number");

/// (invoice id, number) → collection: the ledger of what we collect. Never pruned.
pub(super) const COLLECTIONS: Table = Table("collections");

/// (due, invoice id, number) → nothing. Finds the collections whose next step is due.
pub(super) const COLLECTIONS_DUE: Table = Table("collections_due");

/// (when it was decided, invoice id, number) → nothing. Lists collections by time; one row for each of
/// `collections`.
pub(super) const COLLECTIONS_BY_TIME: Table = Table("collections_by_time");

/// (id of an object of Stripe, invoice id, number) → nothing. Finds the collection of a PaymentIntent
/// or a Checkout session.
pub(super) const COLLECTIONS_BY_OBJECT: Table = Table("collections_by_object");

/// Number → charge run: charges that were ordered at once.
pub(super) const CHARGE_RUNS: Table = Table("charge_runs");

/// Number → nothing. The charge runs that have a waiting line.
pub(super) const CHARGE_RUNS_OPEN: Table = Table("charge_runs_open");

/// (run, invoice id) → line of a charge run.
pub(super) const CHARGE_LINES: Table = Table("charge_lines");

/// (run, due, invoice id) → nothing. Finds the lines whose turn it is; one row for each waiting one.
pub(super) const CHARGE_LINES_DUE: Table = Table("charge_lines_due");

/// Digest of a key that a caller of the API gave → number of the charge run that it ordered.
pub(super) const CHARGE_KEYS: Table = Table("charge_keys");

/// All tables; a migration makes those that a file lacks.
pub(super) const ALL: [Table; 46] = [
    META,
    COUNTERS,
    EVENTS,
    EVENT_IDS,
    CURSORS,
    WORK,
    WORK_DUE,
    PARKED,
    LINKS,
    LINKS_BY_ZENSKAR,
    OUTBOX,
    OUTBOX_DUE,
    CREATIONS,
    CREATIONS_DUE,
    NAMED,
    ALONE_IN_STRIPE,
    ALONE_IN_ZENSKAR,
    CLUES,
    DEAD,
    DEAD_BY_SUBJECT,
    DROPPED,
    DROPPED_BY_TIME,
    DIFFERENCES,
    RUNS,
    DECIDED,
    DECIDED_BY_RUN,
    MIRRORS,
    JOURNAL,
    JOURNAL_BY_SUBJECT,
    SECRETS,
    READS,
    LOGINS,
    SESSIONS,
    TOKENS,
    INVOICES,
    INVOICES_OPEN,
    INVOICES_BY_NUMBER,
    COLLECTIONS,
    COLLECTIONS_DUE,
    COLLECTIONS_BY_TIME,
    COLLECTIONS_BY_OBJECT,
    CHARGE_RUNS,
    CHARGE_RUNS_OPEN,
    CHARGE_LINES,
    CHARGE_LINES_DUE,
    CHARGE_KEYS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct() {
        let names: BTreeSet<_> = ALL.into_iter().map(Table::name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}

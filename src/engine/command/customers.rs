//! Customers: list, show, link, unlink.

use super::{CommandError, Customers, done, invalid};
use crate::engine::Engine;
use crate::engine::linking::{holders, make_link, make_way, new_link, proof, take_apart};
use crate::engine::view::{
    CustomerRow, CustomerView, Done, FieldRow, HistoryRow, IntentRow, Page, WorkRow,
};
use crate::model::customer::{Customer, Field, Fields, Presence};
use crate::model::difference::Difference;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::{Intent, Progress};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState, Side};
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::{Placed, ReadTx, StoreError};
use crate::sync::matching::Mapping;
use crate::zenskar::object::ZenskarCustomer;
use crate::{stripe, zenskar};
use std::collections::BTreeSet;

/// Entries of history shown with a customer.
const HISTORY_ROWS: usize = 20;

/// Links read at once while some are searched.
const LINKS_STEP: usize = 1_000;

impl Engine {
    pub(super) fn customers(
        &self,
        which: Customers,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<CustomerRow>, CommandError> {
        let read = self.store.read()?;
        let place = after.map(place).transpose()?;
        let after = place.as_ref().and_then(Subject::stripe);
        let mut rows = Vec::new();
        match which {
            Customers::Linked => {
                for link in read.links(after, limit)? {
                    let differences = read.differences(&link.stripe)?;
                    rows.push(link_row(&link, &differences));
                }
            }
            Customers::Deleted => {
                let deleted = deleted(&read, after, limit)?;
                rows.extend(deleted.iter().map(|link| link_row(link, &[])));
            }
            Customers::Differing => {
                for (stripe, differences) in read.differences_list(after, limit)? {
                    if let Some(link) = read.link(&stripe)? {
                        rows.push(link_row(&link, &differences));
                    }
                }
            }
            Customers::Unlinked => {
                for work in read.parked_list(place.as_ref(), limit)? {
                    let link = work.subject.stripe().map(|id| read.link(id)).transpose()?;
                    rows.push(match link.flatten() {
                        Some(link) => CustomerRow {
                            note: work.last_error.clone(),
                            ..link_row(&link, &[])
                        },
                        None => parked_row(&work),
                    });
                }
            }
        }
        let next = rows.last().filter(|_| rows.len() >= limit).map(|row| {
            match (&row.zenskar, row.stripe.is_empty()) {
                (Some(zenskar), true) => format!("zenskar/{zenskar}"),
                _ => row.stripe.clone(),
            }
        });
        for row in &mut rows {
            row.name = name(&read, row)?;
        }
        Ok(Page { rows, next })
    }

    pub(super) fn customer(&self, id: &str) -> Result<CustomerView, CommandError> {
        let read = self.store.read()?;
        let (stripe, link) = find(&read, id)?;
        let mut subject = Subject::Customer(stripe.clone());
        let differences = read.differences(&stripe)?;
        let mut parked = read.parked(&subject)?;
        if link.is_none() && parked.is_none() {
            subject = Subject::Unlinked(ZenskarCustomerId::parse(id).map_err(|e| invalid(&e))?);
            parked = read.parked(&subject)?;
        }
        let mut row = match (&link, &parked) {
            (Some(link), waits) => CustomerRow {
                note: waits.as_ref().and_then(|work| work.last_error.clone()),
                ..link_row(link, &differences)
            },
            (None, Some(work)) => parked_row(work),
            (None, None) => {
                let message = format!("no customer {id} is linked or waits for a link");
                return Err(CommandError::NotFound(message));
            }
        };
        row.name = name(&read, &row)?;
        let zenskar = match &row.zenskar {
            Some(zenskar) => read.mirror(Side::Zenskar, zenskar)?,
            None => None,
        };
        let zenskar = zenskar.and_then(|mirror| ZenskarCustomer::parse(mirror.payload).ok());
        let seen = read.mirror(Side::Stripe, stripe.as_str())?;
        let seen = seen.and_then(|mirror| stripe::convert::observed(mirror.payload).ok());
        let base = link
            .as_ref()
            .map_or_else(Fields::new, |link| link.base.clone());
        let history = read.journal_of(&subject.to_string(), None, HISTORY_ROWS)?;
        Ok(CustomerView {
            row,
            proof: link.map(|link| link.proof.as_str().to_owned()),
            fields: field_rows(
                seen.as_ref().and_then(|seen| seen.presence.customer()),
                zenskar.as_ref().map(|seen| &seen.customer),
                &base,
                &differences,
                &self.compared_by()?.policy.fields,
            ),
            intents: read.intents(&stripe)?.iter().map(intent_row).collect(),
            work: read.work(&subject)?.or(parked).as_ref().map(work_row),
            history: history
                .entries
                .into_iter()
                .map(|numbered| history_row(numbered.entry))
                .collect(),
        })
    }

    pub(super) async fn link_customers(
        &self,
        stripe: &str,
        zenskar: &str,
        who: &str,
    ) -> Result<Done, CommandError> {
        let stripe = StripeCustomerId::parse(stripe).map_err(|e| invalid(&e))?;
        let zenskar = ZenskarCustomerId::parse(zenskar).map_err(|e| invalid(&e))?;
        self.check_both(&stripe, &zenskar).await?;
        let now = self.clock.now();
        let link = new_link(&stripe, &zenskar, LinkProof::Person, now);
        let who = who.to_owned();
        let placed = self
            .writer
            .write("link customer by hand", move |tx| {
                // Both are there, so a link that is not in force says nothing of them.
                for known in holders(tx, &link.stripe, &link.zenskar)? {
                    if known.state != LinkState::Active {
                        make_way(tx, &known, &link, now)?;
                    }
                }
                make_link(tx, &link, &who, now)
            })
            .await?;
        match placed {
            Placed::Stored => {
                self.wake.look.notify_one();
                Ok(done(format!("linked {stripe} with {zenskar}"), 1))
            }
            Placed::Claimed(other) => Err(CommandError::Refused {
                message: format!("{} is linked with {} already", other.stripe, other.zenskar),
                hint: format!("run \"zenstripe customers unlink {}\" first", other.stripe),
            }),
        }
    }

    /// Both customers have to be there, and Zenskar's mapping must not name another one.
    async fn check_both(
        &self,
        stripe: &StripeCustomerId,
        zenskar: &ZenskarCustomerId,
    ) -> Result<(), CommandError> {
        let missing =
            |id: &str, side: Side| CommandError::NotFound(format!("{side} has no customer {id}"));
        match self.stripe.customer(stripe, Priority::Money).await {
            Ok(answer) if answer.value.presence != Presence::Deleted => {}
            Ok(_) => return Err(missing(stripe.as_str(), Side::Stripe)),
            Err(failure) if failure.class == Class::Missing => {
                return Err(missing(stripe.as_str(), Side::Stripe));
            }
            Err(failure) => return Err(CommandError::Engine(self.refused(failure))),
        }
        let found = self.zenskar.customer(zenskar, Priority::Money).await;
        match found
            .map_err(|failure| CommandError::Engine(self.refused(failure)))?
            .value
        {
            zenskar::client::Found::Here(_) => {}
            zenskar::client::Found::Gone => {
                return Err(missing(zenskar.as_str(), Side::Zenskar));
            }
        }
        let mapping = self.zenskar.mapping(zenskar, Priority::Money).await;
        let mapping = mapping.map_err(|failure| CommandError::Engine(self.refused(failure)))?;
        match proof(mapping.value) {
            Mapping::Names(other) if other != *stripe => Err(CommandError::Refused {
                message: format!("Zenskar's own mapping says that {zenskar} is {other}"),
                hint: "correct the mapping in Zenskar, or link the customer it names".to_owned(),
            }),
            Mapping::Names(_) | Mapping::Nothing | Mapping::NoAnswer => Ok(()),
        }
    }

    pub(super) async fn unlink_customer(&self, id: &str, who: &str) -> Result<Done, CommandError> {
        let (stripe, link) = find(&self.store.read()?, id)?;
        let Some(link) = link.filter(|link| link.state != LinkState::Unlinked) else {
            return Err(CommandError::NotFound(format!("{id} is not linked")));
        };
        let now = self.clock.now();
        let who = who.to_owned();
        let zenskar = link.zenskar.clone();
        self.writer
            .write("unlink customer", move |tx| {
                let Some(link) = tx.link(&link.stripe)? else {
                    return Ok(());
                };
                take_apart(tx, &link.stripe, now)?;
                let subject = Subject::Customer(link.stripe.clone());
                let mut entry = Entry::engine(now, "customer unlinked", &subject)
                    .with("zenskar", &link.zenskar);
                entry.who = who;
                tx.append_journal(&entry)?;
                tx.put_link(&Link {
                    state: LinkState::Unlinked,
                    base: Fields::new(),
                    version: link.version.saturating_add(1),
                    ..link
                })?;
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(done(format!("unlinked {stripe} from {zenskar}"), 1))
    }
}

/// The customer with this id of either side, and its link if it has one.
pub(super) fn find(
    read: &ReadTx<'_>,
    id: &str,
) -> Result<(StripeCustomerId, Option<Link>), CommandError> {
    let zenskar = ZenskarCustomerId::parse(id).map_err(|e| invalid(&e))?;
    if let Some(link) = read.link_by_zenskar(&zenskar)? {
        return Ok((link.stripe.clone(), Some(link)));
    }
    let stripe = StripeCustomerId::parse(id).map_err(|e| invalid(&e))?;
    let link = read.link(&stripe)?;
    Ok((stripe, link))
}

/// Links one of whose customers is deleted, after `after`.
fn deleted(
    read: &ReadTx<'_>,
    after: Option<&StripeCustomerId>,
    limit: usize,
) -> Result<Vec<Link>, StoreError> {
    let is_deleted = |link: &Link| matches!(link.state, LinkState::Deleted(_));
    let all = usize::try_from(read.link_counts()?.deleted()).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut after = after.cloned();
    // Once as many are found as there are, no more links need be read.
    while found.len() < limit.min(all) {
        let links = read.links(after.as_ref(), LINKS_STEP)?;
        let Some(last) = links.last() else { break };
        after = Some(last.stripe.clone());
        found.extend(links.into_iter().filter(is_deleted));
    }
    found.truncate(limit);
    Ok(found)
}

/// Where a page begins: a customer of Stripe, or one of Zenskar without link, after the others.
fn place(text: &str) -> Result<Subject, CommandError> {
    if text.starts_with("zenskar/") {
        return Subject::parse(text).map_err(|e| invalid(&e));
    }
    let id = StripeCustomerId::parse(text).map_err(|e| invalid(&e))?;
    Ok(Subject::Customer(id))
}

fn link_row(link: &Link, differences: &[Difference]) -> CustomerRow {
    CustomerRow {
        stripe: link.stripe.to_string(),
        zenskar: Some(link.zenskar.to_string()),
        state: match link.state {
            LinkState::Active => "linked".to_owned(),
            LinkState::Deleted(side) => format!("deleted in {side}"),
            LinkState::Unknown => format!("unknown in {}", Side::Stripe),
            LinkState::Unlinked => "unlinked by a person".to_owned(),
        },
        differences: differences
            .iter()
            .map(|one| one.field.to_string())
            .collect(),
        note: None,
        name: None,
    }
}

/// What a customer was called when it was last seen.
fn name(read: &ReadTx<'_>, row: &CustomerRow) -> Result<Option<String>, StoreError> {
    let seen = read.mirror(Side::Stripe, &row.stripe)?;
    let seen = seen.and_then(|mirror| stripe::convert::observed(mirror.payload).ok());
    let in_stripe = seen.as_ref().and_then(|seen| seen.presence.customer());
    let named = |customer: &Customer| {
        let name = customer.value(Field::Name).filter(|name| !name.is_blank());
        name.map(ToString::to_string)
    };
    if let Some(name) = in_stripe.and_then(named) {
        return Ok(Some(name));
    }
    let Some(zenskar) = &row.zenskar else {
        return Ok(None);
    };
    let seen = read.mirror(Side::Zenskar, zenskar)?;
    let seen = seen.and_then(|mirror| ZenskarCustomer::parse(mirror.payload).ok());
    Ok(seen.and_then(|seen| named(&seen.customer)))
}

fn parked_row(work: &Work) -> CustomerRow {
    let (stripe, zenskar) = match &work.subject {
        Subject::Customer(id) => (id.to_string(), None),
        Subject::Unlinked(id) => (String::new(), Some(id.to_string())),
    };
    CustomerRow {
        stripe,
        zenskar,
        state: "unlinked".to_owned(),
        differences: Vec::new(),
        note: work.last_error.clone(),
        name: None,
    }
}

fn field_rows(
    stripe: Option<&Customer>,
    zenskar: Option<&Customer>,
    base: &Fields,
    differences: &[Difference],
    selected: &BTreeSet<Field>,
) -> Vec<FieldRow> {
    let shown = |customer: Option<&Customer>, field| {
        let value = customer.and_then(|customer| customer.value(field));
        value.map(ToString::to_string)
    };
    let pairs = |field: &&Field| matches!(field, Field::Metadata(_));
    let pairs = selected.iter().filter(pairs).copied();
    Field::ALL
        .into_iter()
        .chain(pairs)
        .map(|field| FieldRow {
            field: field.to_string(),
            stripe: shown(stripe, field),
            zenskar: shown(zenskar, field),
            agreed: base.get(&field).map(ToString::to_string),
            held: differences
                .iter()
                .find(|difference| difference.field == field)
                .map(|difference| difference.why.to_string()),
        })
        .collect()
}

pub(super) fn intent_row(intent: &Intent) -> IntentRow {
    IntentRow {
        number: intent.number,
        target: intent.target.to_string(),
        progress: match intent.progress {
            Progress::Waiting => "waiting",
            Progress::Unknown(_) => "unknown",
            Progress::Replaced(_) => "replaced",
            Progress::Dead(_) => "dead",
        }
        .to_owned(),
        attempts: intent.attempts,
        fields: intent.changes.keys().map(ToString::to_string).collect(),
    }
}

fn work_row(work: &Work) -> WorkRow {
    WorkRow {
        subject: work.subject.to_string(),
        asked: work.asked,
        since: work.since.to_string(),
        due_at: work.due_at.to_string(),
        attempts: work.attempts,
        last_error: work.last_error.clone(),
    }
}

pub(super) fn history_row(entry: Entry) -> HistoryRow {
    HistoryRow {
        at: entry.at.to_string(),
        what: entry.what,
        subject: entry.subject,
        who: entry.who,
        details: entry.details,
    }
}

#[cfg(test)]
mod tests;

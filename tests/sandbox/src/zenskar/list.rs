//! The customer list: order, cursors, envelope.
//!
//! A cursor holds the place of the row at the page's edge, so pages stay right when rows come and
//! go, but a row whose `updated_at` moves can be met twice or not at all, as in any such API.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::cursor::{Cursor, Stamp};
use super::customer::{Customer, Key};
use super::filter::{self, Filters};
use super::refusal::Refusal;
use super::store::Store;
use crate::stripe::pairs;
use crate::switches::{Envelope, ZenskarSwitches};

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Created,
    Updated,
    Name,
}

/// What a list request asks for.
#[derive(Debug)]
struct Wish {
    filters: Filters,
    limit: usize,
    by: By,
    descending: bool,
    cursor: Option<Cursor>,
    contacts: bool,
}

/// Everything a list needs beside the request.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) store: &'a Store,
    pub(crate) switches: &'a ZenskarSwitches,
    pub(crate) now_ms: i64,
    /// Cursors of another generation are expired.
    pub(crate) generation: u64,
    pub(crate) organisation: &'a str,
    /// The last counted filters, the store's version then, and the count.
    pub(crate) counted: &'a mut Option<(Filters, u64, usize)>,
}

impl Scene<'_> {
    fn stamp(&self) -> Stamp {
        Stamp {
            generation: self.generation,
            now_ms: self.now_ms,
            ttl: self.switches.cursor_ttl,
        }
    }
}

/// Answers the list request with this query.
pub(crate) fn list(scene: &mut Scene<'_>, query: &str) -> Result<Value, Refusal> {
    let wish = read(scene, query)?;
    let (rows, more) = rows(scene, &wish);
    let total = total(scene, &wish.filters);
    let backwards = wish.cursor.is_some_and(|cursor| cursor.backwards);
    let has_next = if backwards { true } else { more };
    let has_previous = if backwards {
        more
    } else {
        wish.cursor.is_some()
    };
    let offset = rows.first().map_or(0, |(offset, _)| *offset);
    let edge = |row: Option<&(i64, Customer)>, backwards: bool| {
        row.map(|(at, customer)| {
            let at = if wish.by == By::Name {
                *at
            } else {
                at_of(wish.by, customer)
            };
            json!(scene.stamp().encode(&Cursor {
                at,
                key: customer.key,
                backwards,
            }))
        })
    };
    let next = edge(rows.last(), false)
        .filter(|_| has_next)
        .unwrap_or(Value::Null);
    let previous = edge(rows.first(), true)
        .filter(|_| has_previous && (wish.by != By::Name || offset > 0))
        .unwrap_or(Value::Null);
    let form = scene.switches.timestamps;
    let data: Vec<Value> = rows
        .iter()
        .map(|(_, customer)| {
            Value::Object(customer.render(scene.organisation, form, wish.contacts))
        })
        .collect();
    Ok(match scene.switches.envelope {
        Envelope::Results => json!({
            "results": data, "next": next, "previous": previous, "total_count": total,
        }),
        Envelope::Data => json!({ "data": data, "next": next, "total": total }),
    })
}

fn at_of(by: By, customer: &Customer) -> i64 {
    if by == By::Updated {
        customer.updated
    } else {
        customer.key.0
    }
}

fn read(scene: &Scene<'_>, query: &str) -> Result<Wish, Refusal> {
    let switches = scene.switches;
    let mut wish = Wish {
        filters: Filters::default(),
        limit: 10,
        by: By::Created,
        descending: true,
        cursor: None,
        contacts: false,
    };
    let (mut sort_key, mut sort_type) = (None, None);
    for (name, value) in pairs(query) {
        match name.as_str() {
            "limit" => wish.limit = read_limit(&value)?.min(switches.max_limit),
            "order" => (wish.by, wish.descending) = read_order(&value, switches)?,
            "sort_key" => sort_key = Some(value),
            "sort_type" => sort_type = Some(value),
            "expand" => wish.contacts = value.split(',').any(|part| part == "contacts"),
            "cursor" if value.is_empty() => {}
            "cursor" => wish.cursor = Some(scene.stamp().decode(&value)?),
            _ if switches.ignore_filters => {}
            _ => {
                if !filter::add(&mut wish.filters, &name, &value, switches)?
                    && switches.refuse_unknown_filters
                {
                    let loc = ["query", name.as_str()];
                    let message = "extra fields not permitted";
                    return Err(Refusal::field(&loc, message, "value_error.extra"));
                }
            }
        }
    }
    if let Some(key) = sort_key {
        let descending = sort_type.is_none_or(|kind| kind.eq_ignore_ascii_case("desc"));
        wish.by = read_order(&key, switches)?.0;
        wish.descending = descending;
    }
    Ok(wish)
}

pub(super) fn read_limit(value: &str) -> Result<usize, Refusal> {
    let loc = ["query", "limit"];
    match value.parse::<i64>() {
        Err(_) => Err(Refusal::field(
            &loc,
            "value is not a valid integer",
            "type_error.integer",
        )),
        Ok(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| {
                let message = "ensure this value is greater than or equal to 1";
                Refusal::field(&loc, message, "value_error.number.not_ge")
            }),
    }
}

fn read_order(value: &str, switches: &ZenskarSwitches) -> Result<(By, bool), Refusal> {
    let (name, descending) = value
        .strip_prefix('-')
        .map_or((value, false), |name| (name, true));
    let by = match name {
        "created_at" => By::Created,
        "updated_at" => By::Updated,
        "customer_name" => By::Name,
        _ if switches.ignore_filters => By::Created,
        _ => {
            let message = format!("Invalid order field: {name}");
            return Err(Refusal::detail(400, &message));
        }
    };
    Ok((by, descending))
}

/// The rows of a page in their order, each with its offset where rows are numbered, and whether
/// there are more in the direction of travel.
fn rows(scene: &Scene<'_>, wish: &Wish) -> (Vec<(i64, Customer)>, bool) {
    if wish.by == By::Name || wish.filters.ranked.is_some() {
        return numbered_rows(scene, wish);
    }
    let backwards = wish.cursor.is_some_and(|cursor| cursor.backwards);
    let wanted = wish.limit + 1;
    let mut found: Vec<(i64, Customer)> = candidates(scene, wish)
        .filter_map(|key| scene.store.by_key.get(&key))
        .filter_map(|customer| visible(scene, customer))
        .filter(|customer| wish.filters.accept(customer))
        .take(wanted)
        .map(|customer| (0, customer.clone()))
        .collect();
    let more = found.len() > wish.limit;
    found.truncate(wish.limit);
    if backwards {
        found.reverse();
    }
    (found, more)
}

fn visible<'a>(scene: &'a Scene<'_>, customer: &'a Customer) -> Option<&'a Customer> {
    match scene.switches.read_lag {
        0 => Some(customer),
        lag => scene.store.seen(&customer.id, scene.now_ms * 1000, lag),
    }
}

/// The keys to look at, in the order of travel, from the cursor on.
fn candidates<'a>(scene: &'a Scene<'_>, wish: &Wish) -> Box<dyn Iterator<Item = Key> + 'a> {
    let backwards = wish.cursor.is_some_and(|cursor| cursor.backwards);
    let falling = wish.descending != backwards;
    if wish.by == By::Updated {
        let place = wish.cursor.map(|cursor| (cursor.at, cursor.key));
        let range = scene
            .store
            .by_update
            .range(beyond(place, falling))
            .map(|(_, key)| *key);
        return if falling {
            Box::new(range.rev())
        } else {
            Box::new(range)
        };
    }
    let bounds = beyond(wish.cursor.map(|cursor| cursor.key), falling);
    if let Some(few) = few_updated(scene, &wish.filters) {
        let keys: Vec<Key> = few.range(bounds).copied().collect();
        return if falling {
            Box::new(keys.into_iter().rev())
        } else {
            Box::new(keys.into_iter())
        };
    }
    let range = scene.store.by_key.range(bounds).map(|(key, _)| *key);
    if falling {
        Box::new(range.rev())
    } else {
        Box::new(range)
    }
}

/// If a filter on `updated_at` leaves only a small part of the store: that part. Without it each
/// page of a sync of few changes would walk through everything.
fn few_updated(scene: &Scene<'_>, filters: &Filters) -> Option<BTreeSet<Key>> {
    let (from, to) = filters.updated_range().filter(|(from, to)| from <= to)?;
    if scene.switches.read_lag > 0 {
        return None;
    }
    let most = scene.store.by_key.len() / 4;
    let low = (from, (i64::MIN, 0));
    let range = scene
        .store
        .by_update
        .range(low..=(to, (i64::MAX, u64::MAX)));
    let few: BTreeSet<Key> = range.take(most + 1).map(|(_, key)| *key).collect();
    (few.len() <= most).then_some(few)
}

fn beyond<T>(place: Option<T>, falling: bool) -> (Bound<T>, Bound<T>) {
    match place {
        None => (Bound::Unbounded, Bound::Unbounded),
        Some(place) if falling => (Bound::Unbounded, Bound::Excluded(place)),
        Some(place) => (Bound::Excluded(place), Bound::Unbounded),
    }
}

/// Rows in an order that no index has: all are sorted, the cursor is a number.
fn numbered_rows(scene: &Scene<'_>, wish: &Wish) -> (Vec<(i64, Customer)>, bool) {
    let mut all: Vec<&Customer> = scene
        .store
        .by_key
        .values()
        .filter_map(|customer| visible(scene, customer))
        .filter(|customer| wish.filters.accept(customer))
        .collect();
    let place = |customer: &Customer| {
        let ranked = wish.filters.ranked.as_ref();
        let rank = ranked.and_then(|text| filter::rank(customer, text));
        (rank, customer.name.to_lowercase(), customer.key)
    };
    all.sort_by_cached_key(|customer| place(customer));
    if wish.descending && wish.filters.ranked.is_none() {
        all.reverse();
    }
    let at = wish
        .cursor
        .map_or(0, |cursor| usize::try_from(cursor.at).unwrap_or(0));
    let (from, to) = match wish.cursor {
        Some(cursor) if cursor.backwards => (at.saturating_sub(wish.limit), at),
        Some(_) => (at + 1, at + 1 + wish.limit),
        None => (0, wish.limit),
    };
    let more = if wish.cursor.is_some_and(|c| c.backwards) {
        from > 0
    } else {
        all.len() > to
    };
    let numbers = i64::try_from(from).unwrap_or(0)..;
    let shown = all.into_iter().take(to).skip(from).cloned();
    (numbers.zip(shown).collect(), more)
}

fn total(scene: &mut Scene<'_>, filters: &Filters) -> usize {
    if filters.is_empty() {
        return scene.store.by_key.len();
    }
    let version = scene.store.version;
    if let Some((known, at, count)) = &*scene.counted
        && *at == version
        && known == filters
    {
        return *count;
    }
    let count = match few_updated(scene, filters) {
        Some(few) => few
            .iter()
            .filter_map(|key| scene.store.by_key.get(key))
            .filter(|customer| filters.accept(customer))
            .count(),
        None => scene
            .store
            .by_key
            .values()
            .filter(|customer| filters.accept(customer))
            .count(),
    };
    *scene.counted = Some((filters.clone(), version, count));
    count
}

/// The object of one customer, as `GET` shows it.
pub(crate) fn one(scene: &Scene<'_>, id: &str, query: &str) -> Option<Map<String, Value>> {
    let contacts = pairs(query)
        .iter()
        .any(|(name, value)| name == "expand" && value.split(',').any(|part| part == "contacts"));
    let lag = scene.switches.read_lag;
    let customer = scene.store.seen(id, scene.now_ms * 1000, lag)?;
    Some(customer.render(scene.organisation, scene.switches.timestamps, contacts))
}

//! Lists, newest first, with `starting_after` and `ending_before`.
//!
//! Works on any map that is ordered by creation. Not here: where the cursors' ids are looked up.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Value, json};

use super::failure::Failure;
use super::params::Checked;

/// Creation time and position: the order of every collection.
pub(crate) type Key = (i64, u64);

/// What part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Most items on the page.
    pub(crate) limit: usize,
    /// Oldest and newest creation time, both included.
    pub(crate) created: (i64, i64),
    /// Only items older than this.
    pub(crate) after: Option<Key>,
    /// Only items newer than this, the nearest ones.
    pub(crate) before: Option<Key>,
}

/// The ids of a page with whether there is more in its direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Keys, newest first.
    pub(crate) keys: Vec<Key>,
    /// More in the direction of travel.
    pub(crate) has_more: bool,
}

/// Reads `limit` and `created`; `find` looks up the ids of cursors.
pub(crate) fn window(
    checked: &Checked,
    find: impl Fn(&str, &str) -> Result<Key, Failure>,
) -> Result<Window, Failure> {
    let limit = checked.get("limit").and_then(Value::as_i64).unwrap_or(10);
    if limit < 1 {
        let message =
            format!("This value must be greater than or equal to 1 (it currently is '{limit}').");
        return Err(Failure::coded(
            "parameter_invalid_integer",
            "limit",
            message,
        ));
    }
    if limit > 100 {
        let message =
            format!("This value must be less than or equal to 100 (it currently is '{limit}').");
        return Err(Failure::coded(
            "parameter_invalid_integer",
            "limit",
            message,
        ));
    }
    let cursor = |name: &str| match checked.get(name).and_then(Value::as_str) {
        Some(id) => find(id, name).map(Some),
        None => Ok(None),
    };
    if checked.contains_key("starting_after") && checked.contains_key("ending_before") {
        let message = "Received both starting_after and ending_before parameters. Please pass in \
                       only one.";
        return Err(Failure::request(message));
    }
    Ok(Window {
        limit: usize::try_from(limit).unwrap_or(10),
        created: created(checked),
        after: cursor("starting_after")?,
        before: cursor("ending_before")?,
    })
}

fn created(checked: &Checked) -> (i64, i64) {
    let (mut from, mut to) = (i64::MIN, i64::MAX);
    let Some(range) = checked.get("created").and_then(Value::as_object) else {
        return (from, to);
    };
    for (name, value) in range {
        let Some(at) = value.as_i64() else { continue };
        match name.as_str() {
            "eq" => (from, to) = (from.max(at), to.min(at)),
            "gt" => from = from.max(at.saturating_add(1)),
            "gte" => from = from.max(at),
            "lt" => to = to.min(at.saturating_sub(1)),
            _ => to = to.min(at),
        }
    }
    (from, to)
}

/// The page of `items` that `window` asks for, of those that `keep` accepts.
pub(crate) fn page<T>(
    items: &BTreeMap<Key, T>,
    window: &Window,
    mut keep: impl FnMut(&T) -> bool,
) -> Page {
    let (from, to) = window.created;
    let mut low = Bound::Included((from, 0));
    let mut high = Bound::Included((to, u64::MAX));
    if let Some(after) = window.after.filter(|key| key.0 <= to) {
        high = Bound::Excluded(after);
    }
    if let Some(before) = window.before.filter(|key| key.0 >= from) {
        low = Bound::Excluded(before);
    }
    let empty = Page {
        keys: Vec::new(),
        has_more: false,
    };
    if is_empty_range(low, high) {
        return empty;
    }
    let range = items
        .range((low, high))
        .filter(|(_, item)| keep(item))
        .map(|(key, _)| *key);
    let wanted = window.limit + 1;
    let mut keys: Vec<Key> = if window.before.is_some() {
        range.take(wanted).collect()
    } else {
        range.rev().take(wanted).collect()
    };
    let has_more = keys.len() > window.limit;
    keys.truncate(window.limit);
    if window.before.is_some() {
        keys.reverse();
    }
    Page { keys, has_more }
}

fn is_empty_range(low: Bound<Key>, high: Bound<Key>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low >= high,
        _ => false,
    }
}

/// The list object.
pub(crate) fn list(url: &str, data: &[Value], has_more: bool) -> Value {
    json!({ "object": "list", "url": url, "has_more": has_more, "data": data })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Key, Page, Window, page};

    const ALL: Window = Window {
        limit: 2,
        created: (i64::MIN, i64::MAX),
        after: None,
        before: None,
    };

    fn see(window: Window) -> (Vec<u64>, bool) {
        // Two items a second: 0 and 1 at 100, 2 and 3 at 101, 4 and 5 at 102.
        let items: BTreeMap<Key, ()> = (0_u64..6)
            .map(|n| ((100 + i64::try_from(n / 2).unwrap(), n), ()))
            .collect();
        let Page { keys, has_more } = page(&items, &window, |()| true);
        (keys.into_iter().map(|key| key.1).collect(), has_more)
    }

    #[test]
    fn pages() {
        assert_eq!(see(ALL), (vec![5, 4], true));
        assert_eq!(
            see(Window {
                after: Some((102, 4)),
                ..ALL
            }),
            (vec![3, 2], true)
        );
        assert_eq!(
            see(Window {
                after: Some((101, 2)),
                ..ALL
            }),
            (vec![1, 0], false)
        );
        assert_eq!(
            see(Window {
                before: Some((100, 0)),
                ..ALL
            }),
            (vec![2, 1], true)
        );
        assert_eq!(
            see(Window {
                before: Some((101, 3)),
                ..ALL
            }),
            (vec![5, 4], false)
        );
        assert_eq!(
            see(Window {
                after: Some((100, 0)),
                ..ALL
            }),
            (vec![], false)
        );
        assert_eq!(
            see(Window {
                created: (101, 101),
                ..ALL
            }),
            (vec![3, 2], false)
        );
        assert_eq!(
            see(Window {
                created: (101, 101),
                after: Some((102, 4)),
                ..ALL
            }),
            (vec![3, 2], false),
            "a cursor outside the range of time"
        );
        assert_eq!(
            see(Window {
                created: (103, 101),
                ..ALL
            }),
            (vec![], false)
        );
    }
}

//! Rows that reads may see late: invoices and payments.
//!
//! Each write moves the time by a microsecond at least, so that an order by time is total. Not
//! here: customers, which are many more (see `store`).

use std::collections::BTreeMap;

use super::customer::Key;

/// Rows by creation, with what each was before.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    by_key: BTreeMap<Key, T>,
    keys: BTreeMap<String, Key>,
    /// What each row was, with the time in microseconds at which it ceased to be so.
    history: BTreeMap<Key, Vec<(i64, Option<T>)>>,
    last: u64,
    last_us: i64,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            by_key: BTreeMap::new(),
            keys: BTreeMap::new(),
            history: BTreeMap::new(),
            last: 0,
            last_us: 0,
        }
    }
}

/// When a write happens, and how late reads may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Microseconds.
    pub(crate) now_us: i64,
    /// Seconds.
    pub(crate) lag: i64,
}

impl<T: Clone> Rows<T> {
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// A key for a new row.
    pub(crate) fn next_key(&mut self, now_us: i64) -> Key {
        self.last += 1;
        (self.tick(now_us), self.last)
    }

    /// A time no write had before.
    pub(crate) fn tick(&mut self, now_us: i64) -> i64 {
        self.last_us = now_us.max(self.last_us + 1);
        self.last_us
    }

    /// Puts in a row, new or changed.
    pub(crate) fn put(&mut self, id: &str, key: Key, row: T, moment: Moment) {
        self.keys.insert(id.to_owned(), key);
        let old = self.by_key.insert(key, row);
        if moment.lag <= 0 {
            self.history.clear();
            return;
        }
        let states = self.history.entry(key).or_default();
        states.retain(|(until, _)| *until > moment.now_us - moment.lag * 1_000_000);
        states.push((moment.now_us, old));
    }

    /// The row as it is.
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.by_key.get(self.keys.get(id)?)
    }

    /// Every row as it is, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.by_key.values()
    }

    /// The row as reads see it.
    pub(crate) fn seen(&self, id: &str, moment: Moment) -> Option<&T> {
        self.seen_at(*self.keys.get(id)?, moment)
    }

    fn seen_at(&self, key: Key, moment: Moment) -> Option<&T> {
        let then = moment.now_us - moment.lag * 1_000_000;
        let states = self.history.get(&key).filter(|_| moment.lag > 0);
        let mut states = states.into_iter().flatten();
        match states.find(|(until, _)| *until > then) {
            Some((_, state)) => state.as_ref(),
            None => self.by_key.get(&key),
        }
    }

    /// Every row as reads see it, oldest first.
    pub(crate) fn seen_all(&self, moment: Moment) -> impl Iterator<Item = &T> {
        let keys = self.by_key.keys();
        keys.filter_map(move |key| self.seen_at(*key, moment))
    }
}

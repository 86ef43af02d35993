//! Logins and sessions of the console, by the digests of their secrets.

use crate::model::session::{Digest, Login, Session};
use crate::model::time::Timestamp;
use crate::store::codec::Record;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::tables::{LOGINS, SESSIONS, Table};
use crate::store::tx::{ALL, Order, ReadTx, WriteTx};

impl ReadTx<'_> {
    /// The login whose token has this digest.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn login(&self, token: &Digest) -> Result<Option<Login>, StoreError> {
        self.record(LOGINS, token)
    }

    /// The session whose secret has this digest.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn session(&self, secret: &Digest) -> Result<Option<Session>, StoreError> {
        self.record(SESSIONS, secret)
    }

    /// Every session with its digest: there are as many as people at the console.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn sessions(&self) -> Result<Vec<(Digest, Session)>, StoreError> {
        let rows = self.list(SESSIONS, ALL, Order::Ascending, usize::MAX)?;
        let keyed = rows.into_iter().map(|(key, session)| {
            let digest = Digest::try_from(key.as_slice());
            let bad = |_| StoreError::corrupt(SESSIONS.name(), &key, RecordError::Rule(BAD_KEY));
            Ok((digest.map_err(bad)?, session))
        });
        keyed.collect()
    }
}

impl WriteTx<'_> {
    /// Writes a login in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_login(&mut self, token: &Digest, login: &Login) -> Result<(), StoreError> {
        self.put(LOGINS, token, login)
    }

    /// Writes a session in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_session(&mut self, secret: &Digest, session: &Session) -> Result<(), StoreError> {
        self.put(SESSIONS, secret, session)
    }

    /// Removes a session; says whether there was one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn remove_session(&mut self, secret: &Digest) -> Result<bool, StoreError> {
        self.delete(SESSIONS, secret)
    }

    /// Removes the logins of which `is_spent` says so; says how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_logins(&mut self, is_spent: impl Fn(&Login) -> bool) -> Result<usize, StoreError> {
        self.prune(LOGINS, is_spent)
    }

    /// Removes the sessions of which `is_over` says so; says how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_sessions(
        &mut self,
        is_over: impl Fn(&Session) -> bool,
    ) -> Result<usize, StoreError> {
        self.prune(SESSIONS, is_over)
    }

    /// Makes every login useless that was not used; says how many there were.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn spend_logins(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let mut rows: Vec<(Vec<u8>, Login)> =
            self.list(LOGINS, ALL, Order::Ascending, usize::MAX)?;
        rows.retain(|(_, login)| login.used_at.is_none());
        for (token, login) in &rows {
            let spent = Login {
                used_at: Some(now),
                ..login.clone()
            };
            self.put(LOGINS, token, &spent)?;
        }
        Ok(rows.len())
    }

    /// Removes the rows of a small table of which `may_go` says so; says how many.
    pub(super) fn prune<T: Record>(
        &mut self,
        table: Table,
        may_go: impl Fn(&T) -> bool,
    ) -> Result<usize, StoreError> {
        let mut rows: Vec<(Vec<u8>, T)> = self.list(table, ALL, Order::Ascending, usize::MAX)?;
        rows.retain(|(_, value)| may_go(value));
        for (key, _) in &rows {
            self.delete(table, key)?;
        }
        Ok(rows.len())
    }
}

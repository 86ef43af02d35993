//! What the store knows of itself: its installation, and whom it is bound to.

use crate::model::connection::Grant;
use crate::model::dead::Redrive;
use crate::model::endpoint::Registration;
use crate::model::id::{AccountId, OrganisationId};
use crate::store::codec::Installation;
use crate::store::error::{RecordError, StoreError};
use crate::store::tables::{COUNTERS, META};
use crate::store::tx::{ReadTx, WriteTx};
use crate::sync::activation::Activations;

/// Row of [`META`] with the schema.
pub(super) const SCHEMA: &[u8] = b"schema";
/// Row of [`META`] with the installation id.
pub(super) const INSTALLATION: &[u8] = b"installation";
/// Row of [`META`] with the account and organisation.
const IDENTITY: &[u8] = b"identity";
/// Row of [`META`] with what is active, and since when.
const ACTIVATIONS: &[u8] = b"activations";
/// Row of [`META`] with the rules that are rehearsed.
const REHEARSAL: &[u8] = b"rehearsal";
/// Row of [`META`] with the dead letters that are tried again.
const REDRIVE: &[u8] = b"redrive";
/// Row of [`META`] with what was granted over OAuth.
const GRANT: &[u8] = b"grant";
/// Row of [`META`] with our webhook endpoint.
const REGISTRATION: &[u8] = b"registration";
/// Row of [`META`] with since when customers are created.
pub(super) const SWITCHED: &[u8] = b"switched";

/// The one Stripe account and the one Zenskar organisation that this store is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The Stripe account.
    pub account: AccountId,
    /// Whether it is used in live or in test mode.
    pub mode: Mode,
    /// The Zenskar organisation.
    pub organisation: OrganisationId,
}

/// Stripe's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real money.
    Live,
    /// Test data.
    Test,
}

impl ReadTx<'_> {
    /// The id of this store: 32 hexadecimal digits, drawn when the file was made.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no id.
    pub fn installation_id(&self) -> Result<String, StoreError> {
        let Installation(bytes) = self.record(META, INSTALLATION)?.ok_or_else(|| {
            StoreError::corrupt(
                META.name(),
                INSTALLATION,
                RecordError::Rule("the row is missing"),
            )
        })?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whom this store is bound to, once it is.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.record(META, IDENTITY)
    }

    /// What was granted over OAuth; nothing in a new store.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn grant(&self) -> Result<Grant, StoreError> {
        Ok(self.record(META, GRANT)?.unwrap_or_default())
    }

    /// What is kept of our webhook endpoint; nothing in a new store.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn registration(&self) -> Result<Registration, StoreError> {
        Ok(self.record(META, REGISTRATION)?.unwrap_or_default())
    }

    /// What is active, and since when; nothing in a new store.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn activations(&self) -> Result<Activations, StoreError> {
        Ok(self.record(META, ACTIVATIONS)?.unwrap_or_default())
    }

    /// What is rehearsed, and since when, if anything is.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn rehearsal(&self) -> Result<Option<Activations>, StoreError> {
        self.record(META, REHEARSAL)
    }

    /// The redrive that goes on, or the last one that did.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn redrive(&self) -> Result<Option<Redrive>, StoreError> {
        self.record(META, REDRIVE)
    }

    /// What is compared, and since when: what is active, or where sync is off what is rehearsed.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn compared(&self) -> Result<Activations, StoreError> {
        let active = self.activations()?;
        match active.direction {
            Some(_) => Ok(active),
            None => Ok(self.rehearsal()?.unwrap_or(active)),
        }
    }

    /// The last number given under `name`; zero when none was.
    pub(super) fn counter(&self, name: &[u8]) -> Result<u64, StoreError> {
        Ok(self.record(COUNTERS, name)?.unwrap_or(0))
    }
}

impl WriteTx<'_> {
    /// Binds the store.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        self.put(META, IDENTITY, identity)
    }

    /// Writes what was granted over OAuth.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        self.put(META, GRANT, grant)
    }

    /// Writes what is kept of our webhook endpoint.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_registration(&mut self, registration: &Registration) -> Result<(), StoreError> {
        self.put(META, REGISTRATION, registration)
    }

    /// Writes what is active, and since when.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_activations(&mut self, activations: &Activations) -> Result<(), StoreError> {
        self.put(META, ACTIVATIONS, activations)
    }

    /// Writes what is rehearsed from now on; `None` ends the rehearsal.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_rehearsal(&mut self, rehearsed: Option<&Activations>) -> Result<(), StoreError> {
        match rehearsed {
            Some(rehearsed) => self.put(META, REHEARSAL, rehearsed),
            None => self.delete(META, REHEARSAL).map(drop),
        }
    }

    /// Writes how far a redrive came; `None` forgets it.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_redrive(&mut self, redrive: Option<&Redrive>) -> Result<(), StoreError> {
        match redrive {
            Some(redrive) => self.put(META, REDRIVE, redrive),
            None => self.delete(META, REDRIVE).map(drop),
        }
    }

    /// The next number under `name`, never given before.
    pub(super) fn next_number(&mut self, name: &[u8]) -> Result<u64, StoreError> {
        let next = self.counter(name)?.saturating_add(1);
        self.put(COUNTERS, name, &next)?;
        Ok(next)
    }
}

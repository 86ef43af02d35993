//! Stored forms of what the store knows of itself, and of plain numbers, texts and sealed secrets.

use crate::model::id::{AccountId, OrganisationId, StripeCustomerId};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::store::meta::{Identity, Mode};
use crate::store::seal::Sealed;
use serde::{Deserialize, Serialize};

/// Which schema the file has, and from which schema on a release can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Schema {
    /// Schema of the file.
    pub(in crate::store) version: u32,
    /// Oldest schema whose releases can read and write the file.
    pub(in crate::store) oldest_reader: u32,
}

impl Record for Schema {
    const TAG: Tag = Tag::Schema;
    const VERSION: u16 = 1;
    type Newest = Self;

    fn to_newest(&self) -> Result<Self, RecordError> {
        Ok(*self)
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body(bytes),
            _ => Err(RecordError::Version(version)),
        }
    }
}

/// Tells this store from every other; drawn when the file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Installation(pub(in crate::store) [u8; 16]);

impl Record for Installation {
    const TAG: Tag = Tag::Installation;
    const VERSION: u16 = 1;
    type Newest = Self;

    fn to_newest(&self) -> Result<Self, RecordError> {
        Ok(*self)
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body(bytes),
            _ => Err(RecordError::Version(version)),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct IdentityV1 {
    account: String,
    live: bool,
    organisation: String,
}

impl Record for Identity {
    const TAG: Tag = Tag::Identity;
    const VERSION: u16 = 1;
    type Newest = IdentityV1;

    fn to_newest(&self) -> Result<IdentityV1, RecordError> {
        Ok(IdentityV1 {
            account: self.account.as_str().to_owned(),
            live: self.mode == Mode::Live,
            organisation: self.organisation.as_str().to_owned(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<IdentityV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<IdentityV1> for Identity {
    type Error = RecordError;

    fn try_from(stored: IdentityV1) -> Result<Self, RecordError> {
        Ok(Self {
            account: AccountId::parse(&stored.account)?,
            mode: if stored.live { Mode::Live } else { Mode::Test },
            organisation: OrganisationId::parse(&stored.organisation)?,
        })
    }
}

/// A number: a cursor, a counter, an event's sequence number.
impl Record for u64 {
    const TAG: Tag = Tag::Number;
    const VERSION: u16 = 1;
    type Newest = Self;

    fn to_newest(&self) -> Result<Self, RecordError> {
        Ok(*self)
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body(bytes),
            _ => Err(RecordError::Version(version)),
        }
    }
}

/// The Stripe id that an index points to.
impl Record for StripeCustomerId {
    const TAG: Tag = Tag::Text;
    const VERSION: u16 = 1;
    type Newest = String;

    fn to_newest(&self) -> Result<String, RecordError> {
        Ok(self.as_str().to_owned())
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => Ok(Self::parse(&body::<String>(bytes)?)?),
            _ => Err(RecordError::Version(version)),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct SealedV1 {
    key_id: [u8; 8],
    nonce: [u8; 12],
    ciphertext: Vec<u8>,
}

impl Record for Sealed {
    const TAG: Tag = Tag::Sealed;
    const VERSION: u16 = 1;
    type Newest = SealedV1;

    fn to_newest(&self) -> Result<SealedV1, RecordError> {
        Ok(SealedV1 {
            key_id: self.key_id,
            nonce: self.nonce,
            ciphertext: self.ciphertext.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => Ok(body::<SealedV1>(bytes)?.into()),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl From<SealedV1> for Sealed {
    fn from(stored: SealedV1) -> Self {
        Self {
            key_id: stored.key_id,
            nonce: stored.nonce,
            ciphertext: stored.ciphertext,
        }
    }
}

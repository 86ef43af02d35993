//! Sealing: AES-256-GCM for the secrets that lie in the store.
//!
//! # Invariants
//!
//! - A sealed secret opens only under the name it was sealed for, in the format of its version:
//!   table, name and version are authenticated with it.
//! - The key is never in the store. It is given, or lies in a file beside the store that only its
//!   owner may read; another file mode is refused, not repaired.
//!
//! Not here: where secrets come from, and what they are for.

use crate::store::aside::Aside;
use crate::store::error::{Cause, StoreError};
use crate::store::tables::SECRETS;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Version of the format, authenticated with every secret.
const VERSION: u8 = 1;

/// Seals and opens with one key.
pub struct Sealer {
    key: RandomizedNonceKey,
    key_id: [u8; 8],
}

/// A sealed secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key sealed it: the first bytes of the key's SHA-256.
    pub(super) key_id: [u8; 8],
    /// The nonce.
    pub(super) nonce: [u8; 12],
    /// Ciphertext and authentication tag.
    pub(super) ciphertext: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

/// Why a secret does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was sealed with another key.
    #[error("the secret was sealed with another key")]
    OtherKey,
    /// It was changed, or belongs to another name.
    #[error("the secret was altered or belongs elsewhere")]
    Altered,
    /// The library refused, which it does for no input we give it.
    #[error("the cryptographic library refused to work")]
    Refused,
}

impl Sealer {
    /// A sealer with this key.
    ///
    /// # Errors
    ///
    /// The library refuses the key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Result<Self, SealError> {
        let digest = digest::digest(&digest::SHA256, key);
        let key_id = digest
            .as_ref()
            .first_chunk::<8>()
            .copied()
            .ok_or(SealError::Refused)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Refused)?;
        Ok(Self { key, key_id })
    }

    /// A sealer with the key in the file `path`, which is made, with a new key, if it is missing.
    ///
    /// # Errors
    ///
    /// The file cannot be read or made, others than its owner may read it, or it holds no key.
    pub fn from_file(path: &Path) -> Result<Self, StoreError> {
        if let Some(known) = Self::from_known_file(path, false)? {
            return Ok(known);
        }
        let failed = |source| key_file(path, source);
        let key = make_key(path).map_err(failed)?;
        Self::new(&key).map_err(|error| failed(error.into()))
    }

    /// A sealer with the key in the file `path`; `None` when there is no file. What lies in a
    /// guarded directory, such as systemd's for credentials, is for its owner whatever its mode.
    ///
    /// # Errors
    ///
    /// The file cannot be read, others than its owner may read it, or it holds no key.
    pub fn from_known_file(path: &Path, guarded: bool) -> Result<Option<Self>, StoreError> {
        let failed = |source| key_file(path, source);
        let key = read_key(path, guarded).map_err(failed)?;
        key.map(|key| Self::new(&key).map_err(|error| failed(error.into())))
            .transpose()
    }

    /// Seals `secret` for `name`.
    ///
    /// # Errors
    ///
    /// The library refused.
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<Sealed, SealError> {
        let mut bytes = secret.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(bound_to(name)), &mut bytes)
            .map_err(|_| SealError::Refused)?;
        Ok(Sealed {
            key_id: self.key_id,
            nonce: *nonce.as_ref(),
            ciphertext: bytes,
        })
    }

    /// Opens what was sealed for `name`.
    ///
    /// # Errors
    ///
    /// It was sealed with another key, for another name, or altered.
    pub fn open(&self, name: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.key_id != self.key_id {
            return Err(SealError::OtherKey);
        }
        let mut bytes = Zeroizing::new(sealed.ciphertext.clone());
        let length = self
            .key
            .open_in_place(
                Nonce::from(&sealed.nonce),
                Aad::from(bound_to(name)),
                &mut bytes,
            )
            .map_err(|_| SealError::Altered)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// What is authenticated with a secret: version, table, name.
fn bound_to(name: &str) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(SECRETS.name().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

fn key_file(path: &Path, source: Cause) -> StoreError {
    StoreError::KeyFile {
        path: path.to_owned(),
        source,
    }
}

/// The key in the file, or nothing when there is no file.
fn read_key(path: &Path, guarded: bool) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, Cause> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mode = file.metadata()?.permissions().mode();
    if !guarded && mode & 0o077 != 0 {
        return Err(format!("others than its owner may use it (mode {:o})", mode & 0o777).into());
    }
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    if let Err(error) = file.read_exact(key.as_mut_slice()) {
        return Err(match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                format!("it holds less than a key of {KEY_BYTES} bytes").into()
            }
            _ => error.into(),
        });
    }
    if file.read(&mut [0_u8])? == 0 {
        Ok(Some(key))
    } else {
        Err(format!("it holds more than a key of {KEY_BYTES} bytes").into())
    }
}

/// A new key, written to the file `path`, which must not be there.
fn make_key(path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, Cause> {
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    aws_lc_rs::rand::fill(key.as_mut_slice()).map_err(|_| SealError::Refused)?;
    let aside = Aside::new(path)?;
    aside.file()?.write_all(key.as_slice())?;
    aside.publish()?;
    Ok(key)
}

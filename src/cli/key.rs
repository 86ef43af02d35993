//! The key that seals what the store keeps secret: where it lies, and whether it can be used.
//!
//! Named by `store.key_file`, it is the operator's and must be there. Unnamed, it lies beside the
//! store and is made at the first start; afterwards only a person can bring it back, so that a
//! missing one is never replaced once something was sealed with it.

use crate::cli::error::{Exit, Failure};
use crate::cli::prepare::SecretPlaces;
use crate::config::Config;
use crate::store::{Sealer, StoreError};
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Where the key lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
    /// Whether the operator named it.
    named: bool,
    /// Whether systemd guards its directory.
    guarded: bool,
}

impl KeyFile {
    /// The key file of a configuration.
    #[must_use]
    pub fn of(config: &Config, places: &SecretPlaces) -> Self {
        match &config.store.key_file {
            None => Self {
                path: config.store.path.with_extension("key"),
                named: false,
                guarded: false,
            },
            Some(reference) => {
                let (path, _) = reference.locate(places.borrowed());
                let credentials = places.credentials.as_ref();
                Self {
                    guarded: credentials.is_some_and(|directory| path.starts_with(directory)),
                    path,
                    named: true,
                }
            }
        }
    }

    /// Opens it; makes it where that is allowed: unnamed, and nothing is sealed yet.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub fn open(&self, is_in_use: bool) -> Result<Sealer, Failure> {
        match Sealer::from_known_file(&self.path, self.guarded) {
            Ok(Some(sealer)) => Ok(sealer),
            Ok(None) if self.named || is_in_use => Err(self.missing()),
            Ok(None) => Sealer::from_file(&self.path).map_err(|error| self.unusable(&error)),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    /// What it is, in words. Makes nothing.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub fn state(&self) -> Result<String, Failure> {
        let shown = self.path.display();
        match Sealer::from_known_file(&self.path, self.guarded) {
            Ok(Some(_)) => Ok(format!("{shown} holds a key")),
            Ok(None) if self.named => Err(self.missing()),
            Ok(None) => Ok(format!("{shown} is made at the first start")),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    /// The store was sealed with another key than the one that lies here.
    #[must_use]
    pub fn foreign(&self) -> Failure {
        let shown = self.path.display();
        let message = "the key file is not the one this store was sealed with; restore it";
        Failure::new(Exit::Config, message).hint(format!(
            "put the key that was kept with the store's backup back to {shown}"
        ))
    }

    fn missing(&self) -> Failure {
        let shown = self.path.display();
        let hint = if self.named {
            format!(
                "restore it, or for a new store make it: \
                 (umask 077; head -c 32 /dev/urandom > {shown})"
            )
        } else {
            "restore it from where the store's backup is".to_owned()
        };
        Failure::new(Exit::Config, format!("there is no key file {shown}")).hint(hint)
    }

    fn unusable(&self, error: &StoreError) -> Failure {
        let shown = self.path.display();
        let system = error
            .source()
            .and_then(|cause| cause.downcast_ref::<io::Error>())
            .map(io::Error::kind);
        let (exit, hint) = match system {
            Some(io::ErrorKind::PermissionDenied) => (
                Exit::Permission,
                format!("the service's user must own {shown} and its directory"),
            ),
            Some(_) => (
                Exit::Io,
                "see whether its directory exists and the disk is healthy and not full".to_owned(),
            ),
            None => (
                Exit::Config,
                format!("it has to hold 32 bytes and be its owner's alone: chmod 600 {shown}"),
            ),
        };
        Failure::of(exit, error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretRef;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn beside(directory: &Path) -> (Config, SecretPlaces) {
        let mut config = Config::default();
        config.store.path = directory.join("zenstripe.redb");
        (config, SecretPlaces::of(&directory.join("c.toml"), None))
    }

    fn put(path: &Path, bytes: usize, mode: u32) {
        std::fs::write(path, vec![7; bytes]).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_of_ones_own_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let (config, places) = beside(directory.path());
        let key = KeyFile::of(&config, &places);
        assert!(key.state().unwrap().contains("made at the first start"));
        assert_eq!(key.open(true).unwrap_err().exit, Exit::Config);
        assert!(!directory.path().join("zenstripe.key").exists());
        let sealed = key.open(false).unwrap().seal("a", b"b").unwrap();
        let opened = key.open(true).unwrap().open("a", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"b");
        assert!(key.state().unwrap().contains("holds a key"));
    }

    #[test]
    fn a_named_key_is_never_made() {
        let directory = tempfile::tempdir().unwrap();
        let (mut config, places) = beside(directory.path());
        config.store.key_file = SecretRef::parse("store-key");
        let key = KeyFile::of(&config, &places);
        for refused in [key.open(false).unwrap_err(), key.state().unwrap_err()] {
            assert_eq!(refused.exit, Exit::Config);
            assert!(refused.message.contains("there is no key file"));
        }
        put(&directory.path().join("store-key"), 32, 0o600);
        assert!(key.open(false).is_ok());
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_with_its_reason() {
        let directory = tempfile::tempdir().unwrap();
        let (config, places) = beside(directory.path());
        let key = KeyFile::of(&config, &places);
        let path = directory.path().join("zenstripe.key");
        for (bytes, mode, why) in [
            (32, 0o640, "others than its owner"),
            (32, 0o604, "others than its owner"),
            (31, 0o600, "less than a key"),
            (33, 0o600, "more than a key"),
        ] {
            put(&path, bytes, mode);
            let failure = key.open(false).unwrap_err();
            assert_eq!(failure.exit, Exit::Config, "{failure:?}");
            assert!(format!("{failure:?}").contains(why), "{failure:?}");
            assert_eq!(key.state().unwrap_err().exit, Exit::Config);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(key.open(false).unwrap_err().exit, Exit::Io);
    }

    #[test]
    fn a_credential_is_guarded_by_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let (mut config, mut places) = beside(directory.path());
        let credentials = directory.path().join("credentials");
        std::fs::create_dir(&credentials).unwrap();
        put(&credentials.join("store-key"), 32, 0o440);
        places.credentials = Some(credentials);
        config.store.key_file = SecretRef::parse("store-key");
        assert!(KeyFile::of(&config, &places).open(false).is_ok());
    }

    #[test]
    fn a_file_of_somebody_else_is_a_matter_of_permission() {
        let (config, places) = beside(Path::new("/nowhere"));
        let denied = StoreError::KeyFile {
            path: "key".into(),
            source: io::Error::from(io::ErrorKind::PermissionDenied).into(),
        };
        let failure = KeyFile::of(&config, &places).unusable(&denied);
        assert_eq!(failure.exit, Exit::Permission);
    }
}

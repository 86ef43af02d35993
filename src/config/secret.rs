//! Secrets, and where they are kept.
//!
//! Guarantees: a [`Secret`] is overwritten when it is dropped and prints as a digest; it is never
//! read from a file that others can read, nor from the configuration itself.
//!
//! Not in here: the environment. The credentials directory is a parameter.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::{constant_time, digest};
use zeroize::Zeroizing;

use super::words::{Mode, OrganisationKind};

/// Larger files hold no secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// A secret value.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a value over.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value, for the one call that needs it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text; `None` where it is not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

/// Compares in constant time.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Secret {}

/// `<redacted sha256:1a2b>`: enough to see that two secrets differ, nothing to guess from.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = digest::digest(&digest::SHA256, &self.0);
        f.write_str("<redacted sha256:")?;
        for byte in digest.as_ref().iter().take(2) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(">")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// A file. Its content is read again whenever it changes.
    Path(PathBuf),
    /// A systemd credential, or a file of that name beside the configuration file.
    Name(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Where names are looked up.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The configuration file's directory.
    pub config: &'a Path,
    /// systemd's credentials directory, where the service has one.
    pub credentials: Option<&'a Path>,
}

/// A secret with the file it came from.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The value, without its trailing newline.
    pub secret: Secret,
    /// The file.
    pub path: PathBuf,
    /// Whether a new content can be read while the daemon runs. systemd hands out credentials once
    /// per start.
    pub live: bool,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("read the secret {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the secret {} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("the secret {} has more than {SECRET_BYTES_MAX} bytes", path.display())]
    TooLong { path: PathBuf },
    #[error("the secret {} is empty", path.display())]
    Empty { path: PathBuf },
    #[error(
        "the secret {} can be read by others (mode {mode:04o}); run: chmod 600 {}",
        path.display(),
        path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
}

impl SecretRef {
    /// Reads a reference: a path if it contains a slash, else a name. `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.contains('\0') || text == "." || text == ".." {
            return None;
        }
        if text.contains('/') {
            Some(Self::Path(PathBuf::from(text)))
        } else {
            Some(Self::Name(text.to_owned()))
        }
    }

    /// The file, and whether it can be read again while the daemon runs.
    pub fn locate(&self, places: Places<'_>) -> (PathBuf, bool) {
        match self {
            Self::Path(path) => (places.config.join(path), true),
            Self::Name(name) => {
                let credential = places.credentials.map(|directory| directory.join(name));
                match credential.filter(|path| path.exists()) {
                    Some(path) => (path, false),
                    None => (places.config.join(name), true),
                }
            }
        }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// The file is missing, empty, too long, or readable by others. systemd guards the credentials
    /// directory itself, so modes are not looked at there.
    pub fn resolve(&self, places: Places<'_>) -> Result<Resolved, SecretError> {
        let (path, live) = self.locate(places);
        let guarded = places
            .credentials
            .is_some_and(|directory| path.starts_with(directory));
        let secret = read(&path, guarded)?;
        Ok(Resolved {
            secret,
            path,
            live: live && !guarded,
        })
    }
}

fn read(path: &Path, guarded: bool) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::Read {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(SecretError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if !guarded && mode & 0o077 != 0 {
        return Err(SecretError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    // The whole capacity from the start: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    let limit = u64::try_from(SECRET_BYTES_MAX + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(SecretError::TooLong {
            path: path.to_owned(),
        });
    }
    let value = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    if value.iter().all(u8::is_ascii_whitespace) {
        return Err(SecretError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(Secret::new(value))
}

/// What a Stripe API key is, by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeKeyKind {
    /// `sk_…`: everything.
    Secret,
    /// `rk_…`: what was granted.
    Restricted,
}

/// Why a Stripe API key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StripeKeyError {
    #[error("the key is for {found} mode, `stripe.mode` is \"{wanted}\"")]
    OtherMode { found: Mode, wanted: Mode },
    #[error("the key does not begin with sk_{wanted}_ or rk_{wanted}_")]
    NoApiKey { wanted: Mode },
}

/// Checks a Stripe API key against the mode.
///
/// # Errors
/// It is no API key, or one of the other mode.
pub fn stripe_key_kind(key: &Secret, wanted: Mode) -> Result<StripeKeyKind, StripeKeyError> {
    let prefixes: [(&[u8], StripeKeyKind, Mode); 4] = [
        (b"sk_test_", StripeKeyKind::Secret, Mode::Test),
        (b"sk_live_", StripeKeyKind::Secret, Mode::Live),
        (b"rk_test_", StripeKeyKind::Restricted, Mode::Test),
        (b"rk_live_", StripeKeyKind::Restricted, Mode::Live),
    ];
    match prefixes
        .into_iter()
        .find(|(prefix, _, _)| key.expose().starts_with(prefix))
    {
        Some((_, kind, found)) if found == wanted => Ok(kind),
        Some((_, _, found)) => Err(StripeKeyError::OtherMode { found, wanted }),
        None => Err(StripeKeyError::NoApiKey { wanted }),
    }
}

/// What a Zenskar organisation is, by the prefix of its API key.
pub fn organisation_kind(key: &Secret) -> OrganisationKind {
    if key.expose().starts_with(b"sandbox_") {
        OrganisationKind::Sandbox
    } else {
        OrganisationKind::Live
    }
}

#[cfg(test)]
mod tests;

//! The login that a new installation comes with: `init` shows its token and leaves its digest beside
//! the configuration; the daemon takes it over when it starts.
//!
//! The file opens nothing: it holds no token. Whoever can write it can write the configuration too.

use crate::engine::Engine;
use crate::engine::secret::{digest, draw, hex, unhex};
use crate::model::session::{Digest, Login, Role};
use crate::model::time::Timestamp;
use crate::store::WriteError;
use crate::sync::session::{FIRST_LOGIN_LIFETIME, is_spent};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A digest and a number fit.
const FILE_BYTES_MAX: u64 = 256;

/// Whoever installed it, as the journal names them.
const WHO: &str = "installer";

/// The file, beside the configuration.
#[must_use]
pub fn file(config: &Path) -> PathBuf {
    config.with_extension("login")
}

/// A token, and what its file holds.
///
/// # Errors
///
/// The operating system gives no randomness.
pub fn make(now: Timestamp) -> io::Result<(Zeroizing<String>, String)> {
    let token = draw().map_err(io::Error::other)?;
    let expires = now.plus(FIRST_LOGIN_LIFETIME).seconds();
    let text = format!("{} {expires}\n", hex(&digest(&token)));
    Ok((token, text))
}

/// Takes the login over that lies beside the configuration, unless its time is over or it was taken
/// over before.
///
/// # Errors
///
/// The store failed.
pub async fn take_over(engine: &Engine, config: &Path) -> Result<(), WriteError> {
    let path = file(config);
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let path = path.display().to_string();
            tracing::warn!(event = "first_login_unread", path, %error);
            return Ok(());
        }
    };
    let Some((token, login)) = parse(&text) else {
        let path = path.display().to_string();
        tracing::warn!(
            event = "first_login_unread",
            path,
            "it is not what `init` wrote"
        );
        return Ok(());
    };
    if is_spent(&login, engine.clock.now()) {
        return Ok(());
    }
    engine
        .writer
        .write("take first login over", move |tx| {
            match tx.login(&token)? {
                Some(_) => Ok(()),
                None => tx.put_login(&token, &login),
            }
        })
        .await
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<(Digest, Login)> {
    let (token, expires) = text.trim().split_once(' ')?;
    let login = Login {
        who: WHO.to_owned(),
        role: Role::Admin,
        expires_at: Timestamp::from_seconds(expires.parse().ok()?),
        used_at: None,
    };
    Some((unhex(token)?, login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_digest_and_not_the_token() {
        let (token, text) = make(Timestamp::from_seconds(1_000)).unwrap();
        assert!(!text.contains(token.as_str()));
        let (kept, login) = parse(&text).unwrap();
        assert_eq!(kept, digest(&token));
        assert_eq!(login.expires_at, Timestamp::from_seconds(87_400));
        assert_eq!(login.role, Role::Admin);
        for bad in ["", "x", "zz 1", &format!("{} x", hex(&kept))] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}

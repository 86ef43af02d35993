//! Tokens: their text, and whose one is.
//!
//! A token is looked up by the digest of its text: how long that takes says nothing about a text
//! that is nearly right.

use crate::engine::Engine;
use crate::engine::secret::{NoRandomness, digest, draw};
use crate::model::session::Digest;
use crate::model::token::Token;
use crate::store::{StoreError, WriteError};
use crate::sync::session::Standing;
use crate::sync::token::standing;
use zeroize::Zeroizing;

/// What every token begins with: whoever finds one in a file or a repository knows what it opens.
pub const PREFIX: &str = "zst_";

/// Hexadecimal digits of a token: 32 bytes.
const DIGITS: usize = 64;

/// The text of a new token.
///
/// # Errors
///
/// The operating system gives no randomness.
pub fn draw_text() -> Result<Zeroizing<String>, NoRandomness> {
    let secret = draw()?;
    let mut text = Zeroizing::new(String::with_capacity(PREFIX.len().saturating_add(DIGITS)));
    text.push_str(PREFIX);
    text.push_str(&secret);
    Ok(text)
}

/// What is kept of a token with this text; none if it cannot be one.
fn kept(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix(PREFIX)?;
    let is_one = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| digest(text))
}

/// A token that was brought and works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The token.
    pub token: Token,
    /// Set if this use is to be written down.
    pub unnoted: Option<Digest>,
}

impl Engine {
    /// The token with this text, if there is one and its time is not over.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn brought_token(&self, text: &str) -> Result<Option<Brought>, StoreError> {
        let Some(key) = kept(text) else {
            return Ok(None);
        };
        let Some(token) = self.store.read()?.token(&key)? else {
            return Ok(None);
        };
        let unnoted = match standing(&token, self.clock.now()) {
            Standing::Over => return Ok(None),
            Standing::Open => None,
            Standing::Noted => Some(key),
        };
        Ok(Some(Brought { token, unnoted }))
    }

    /// Writes down that a token was used.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn note_token(&self, key: Digest) -> Result<(), WriteError> {
        let now = self.clock.now();
        let noted = self.writer.write("note token", move |tx| {
            // It may have been revoked meanwhile.
            match tx.token(&key)? {
                Some(token) => {
                    let used_at = Some(now);
                    tx.put_token(&key, &Token { used_at, ..token })
                }
                None => Ok(()),
            }
        });
        noted.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        let text = draw_text().unwrap();
        assert!(text.starts_with("zst_") && text.len() == 68);
        assert_eq!(kept(&text), Some(digest(&text)));
        let digits = text.trim_start_matches("zst_");
        for bad in [
            "",
            "zst_",
            digits,
            &format!("zst_{digits}0"),
            &format!("ZST_{digits}"),
            &format!("zst_{}", "g".repeat(64)),
        ] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }
}

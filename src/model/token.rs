//! Tokens: with one, a program gives orders over HTTP.

use crate::model::session::Role;
use crate::model::time::Timestamp;

/// Longest name of a token, in bytes.
pub const NAME_BYTES_MAX: usize = 40;

/// What is kept of a token, beside the digest of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number; none is given twice.
    pub number: u64,
    /// Its name, by which the activity knows it.
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub used_at: Option<Timestamp>,
}

impl Token {
    /// Whether a person means this one: by its number or its name.
    #[must_use]
    pub fn is_called(&self, called: &str) -> bool {
        self.name == called || self.number.to_string() == called
    }
}

/// `name` as a token's name, if it can be one: letters, digits, `-`, `_` and `.`, beginning with one of
/// the first two, and not digits alone, so that it is never taken for a number.
#[must_use]
pub fn name(name: &str) -> Option<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    (fits && is_plain && begins && !is_number).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_and_no_number() {
        assert_eq!(name(" ci ").as_deref(), Some("ci"));
        assert_eq!(
            name("nightly-2.report_x").as_deref(),
            Some("nightly-2.report_x")
        );
        for bad in [
            "",
            "12",
            "..",
            "-a",
            "a b",
            "a/b",
            "ä",
            &"x".repeat(NAME_BYTES_MAX + 1),
        ] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }
}

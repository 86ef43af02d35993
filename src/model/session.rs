//! Who may sign in to the console, and who is signed in.

use crate::model::time::Timestamp;
use std::fmt;

/// What is kept of a secret: its SHA-256.
pub type Digest = [u8; 32];

/// What a person may do. Each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look, without the values that customers hold.
    Viewer,
    /// Decide about customers: links, conflicts, plans, dead letters.
    Operator,
    /// Connect the account and change the configuration.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest name that a person may be known by in the journal, in bytes.
pub const NAME_BYTES_MAX: usize = 80;

/// What the names of tokens begin with where the activity says who did something.
pub const TOKEN_PREFIX: &str = "token/";

/// `name` as a person's name, if it can be one: nobody is named as a token is.
#[must_use]
pub fn name(name: &str) -> Option<String> {
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    let is_token = name.starts_with(TOKEN_PREFIX);
    (fits && !is_token && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

/// Somebody may sign in, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who, as the journal names them.
    pub who: String,
    /// What they may do.
    pub role: Role,
    /// Until when.
    pub expires_at: Timestamp,
    /// When they did.
    pub used_at: Option<Timestamp>,
}

/// Somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who, as the journal names them.
    pub who: String,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub began_at: Timestamp,
    /// When they were last heard of, give or take a minute.
    pub seen_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_those_before_it_may() {
        assert!(Role::Admin > Role::Operator && Role::Operator > Role::Viewer);
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(name(" Ann Lee ").as_deref(), Some("Ann Lee"));
        for bad in [
            "",
            "  ",
            "a\nb",
            "token/ci",
            &"x".repeat(NAME_BYTES_MAX + 1),
        ] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }
}

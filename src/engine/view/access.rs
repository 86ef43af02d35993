//! Who gets in, as it is shown.

use serde::{Deserialize, Serialize};

/// A token. Its text is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: String,
    /// Until when it works.
    pub expires_at: String,
    /// When it was last used, give or take a minute.
    pub used_at: Option<String>,
    /// Whether its time is over: it lets nobody in, and goes by itself.
    pub expired: bool,
}

/// A token that was made just now.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// Its text, which is shown this once.
    pub token: String,
    /// Where it is used. The engine does not know it: whoever answers fills it in.
    pub api: String,
    /// The rest.
    #[serde(flatten)]
    pub row: TokenRow,
}

impl std::fmt::Debug for TokenMade {
    /// Without what lets a program in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenMade")
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

/// Somebody who is signed in to the console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// What the session is called.
    pub id: String,
    /// Who.
    pub who: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// Since when.
    pub began_at: String,
    /// When they were last heard of, give or take a minute.
    pub seen_at: String,
}

/// Everything that lets somebody in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessView {
    /// Tokens, in the order they were made.
    pub tokens: Vec<TokenRow>,
    /// Open sessions, the last that was heard of first.
    pub sessions: Vec<SessionRow>,
}

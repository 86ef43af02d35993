//! The console's logins, as they are shown.

use serde::{Deserialize, Serialize};

/// Somebody may sign in to the console, once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleLogin {
    /// The address to open, with the token. The engine does not know it: whoever answers fills it in.
    pub url: String,
    /// The token, for the page of the login.
    pub token: String,
    /// Who signs in with it.
    pub who: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// Until when it works.
    pub expires_at: String,
}

impl std::fmt::Debug for ConsoleLogin {
    /// Without what opens the console.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsoleLogin")
            .field("who", &self.who)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

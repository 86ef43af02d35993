//! The connection of the Stripe account, as it is shown.

use serde::{Deserialize, Serialize};

/// Whether the Stripe account is connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// `key` of the account's own, or `oauth`.
    pub way: String,
    /// `connected`, `disconnected` or `not-connected`.
    pub state: String,
    /// The account, where it is known.
    pub account: Option<String>,
    /// Why it is disconnected.
    pub reason: Option<String>,
    /// Since when it is so, where that is known.
    pub since: Option<String>,
    /// Accounts whose grant is still to be taken back at Stripe.
    #[serde(default)]
    pub taking_back: Option<String>,
    /// Where Stripe sends browsers back to with OAuth; it has to be registered at Stripe.
    #[serde(default)]
    pub redirect_uri: Option<String>,
}

/// Our webhook endpoint at Stripe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// `off` without `listen.public_url`, `waiting` for a connection or for Stripe, `registered`,
    /// `full`, or `refused`.
    pub state: String,
    /// Where it delivers to.
    pub url: Option<String>,
    /// Its id at Stripe.
    pub id: Option<String>,
    /// Why it is not registered.
    pub reason: Option<String>,
}

/// A person is to open an address in a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectBegun {
    /// The number to ask for what came of it.
    pub flow: u64,
    /// The address, with a ticket that works once. Whoever has it can connect an account.
    pub url: String,
    /// Where Stripe sends the browser back to; it has to be registered at Stripe.
    pub redirect_uri: String,
    /// Until when the address works.
    pub expires_at: String,
}

/// What came of connecting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectStanding {
    /// `waiting`, `at-stripe`, `finishing`, `connected`, `refused` or `late`.
    pub state: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do, where there is something.
    pub hint: String,
}

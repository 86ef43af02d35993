//! The connection and the endpoint in the status, and what is wrong with them.

use super::{CommandError, show_time};
use crate::engine::Engine;
use crate::engine::view::{ConnectionStatus, Problem, Status};
use crate::model::connection::{Connection, GrantState, Way};
use crate::store::ReadTx;

impl Engine {
    pub(super) fn connection_status(
        &self,
        read: &ReadTx<'_>,
    ) -> Result<ConnectionStatus, CommandError> {
        let (connection, grant) = self.connection(read)?;
        let blank = ConnectionStatus {
            way: self.way().as_str().to_owned(),
            taking_back: grant.unwanted.as_ref().map(ToString::to_string),
            redirect_uri: self.redirect_uri(),
            ..ConnectionStatus::default()
        };
        Ok(match connection {
            Connection::NotConnected => ConnectionStatus {
                state: "not-connected".to_owned(),
                ..blank
            },
            Connection::Connected { account } => ConnectionStatus {
                state: "connected".to_owned(),
                account: Some(account.to_string()),
                since: match grant.state {
                    GrantState::Held { since, .. } => show_time(since),
                    GrantState::None | GrantState::Ended { .. } => None,
                },
                ..blank
            },
            Connection::Disconnected {
                account,
                reason,
                since,
            } => ConnectionStatus {
                state: "disconnected".to_owned(),
                account: account.map(|account| account.to_string()),
                reason: Some(reason.to_string()),
                since: show_time(since),
                ..blank
            },
        })
    }
}

/// What of it needs a person.
pub(super) fn problems(status: &Status) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |what: String, hint: &str| {
        problems.push(Problem {
            what,
            hint: hint.to_owned(),
        });
    };
    let connection = &status.connection;
    let by_oauth = connection.way == Way::OAuth.as_str();
    match connection.state.as_str() {
        "not-connected" if by_oauth => add(
            "no Stripe account is connected".to_owned(),
            "run \"zenstripe connect\" and open the address that it shows",
        ),
        // With a key of its own the remote says so itself, below.
        "disconnected" if by_oauth => {
            let why = connection.reason.clone().unwrap_or_default();
            let hint = if status.stripe.reason.is_some() {
                "put a valid key of the platform into the key file; it is read again by itself"
            } else {
                "run \"zenstripe connect\" to connect the same account again; nothing is lost"
            };
            add(format!("Stripe is disconnected: {why}"), hint);
        }
        _ => {}
    }
    if let Some(account) = &connection.taking_back {
        add(
            format!("the grant of {account} is not taken back at Stripe yet"),
            "it is tried again by itself; the account's owner can also end it in Stripe's dashboard",
        );
    }
    let endpoint = &status.endpoint;
    let why = endpoint.reason.clone().unwrap_or_default();
    match endpoint.state.as_str() {
        "full" => add(
            format!("no webhook endpoint, polling alone: {why}"),
            "delete one that nobody needs in Stripe's dashboard (Developers, Webhooks); it is tried \
             again within ten minutes",
        ),
        "refused" => add(
            format!("no webhook endpoint, polling alone: Stripe refuses it: {why}"),
            "correct listen.public_url, or give the restricted key the right \"Webhook Endpoints: \
             Write\"; or make an endpoint by hand and name its secret in stripe.webhook_secret_files",
        ),
        _ => {}
    }
    problems
}

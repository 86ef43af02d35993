//! Whether Stripe's key opens the account that the configuration names.
//!
//! A key of another account of the same organisation works just as well and would fill the store
//! with foreign customers, so it is refused as soon as Stripe says whose it is. A restricted key
//! may lack the right to ask; then the operator's word counts.

use crate::cli::error::{Exit, Failure};
use crate::cli::prepare::Demand;
use crate::engine::Engine;
use crate::model::connection::Way;
use crate::model::id::AccountId;
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::stripe::client::StripeClient;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait at the start, which does not depend on Stripe's being there.
const START_DEADLINE: Duration = Duration::from_secs(5);
/// How long after a failure Stripe is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What Stripe says of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It opens the account.
    Ours,
    /// It opens another one.
    Other(AccountId),
    /// It lacks the right to ask.
    NotTold,
    /// Stripe did not answer, or does not accept the key.
    NoAnswer,
    /// It is asked elsewhere.
    Elsewhere,
}

/// Asks Stripe, for a short while. What was connected by OAuth is proven by the engine.
pub(super) async fn prove(stripe: &StripeClient, demand: &Demand) -> Verdict {
    let (Way::Key, Some(account)) = (demand.way, &demand.account) else {
        return Verdict::Elsewhere;
    };
    let asked = tokio::time::timeout(START_DEADLINE, ask(stripe, account)).await;
    asked.unwrap_or(Verdict::NoAnswer)
}

async fn ask(stripe: &StripeClient, account: &AccountId) -> Verdict {
    match stripe.account(Priority::Sync).await {
        Ok(answer) if answer.value.id == *account => Verdict::Ours,
        Ok(answer) => Verdict::Other(answer.value.id),
        Err(failure) if matches!(failure.class, Class::Forbidden | Class::Missing) => {
            tracing::warn!(
                event = "account_not_told",
                account = %account,
                "the key may not read its account; that it is the configured one is taken on trust"
            );
            Verdict::NotTold
        }
        Err(failure) => {
            tracing::warn!(event = "account_not_proven", %failure, "asking Stripe again later");
            Verdict::NoAnswer
        }
    }
}

/// Asks until Stripe answers, if it has not; ends only with the failure that the key is foreign.
pub(super) async fn keep_proving(
    engine: &Arc<Engine>,
    account: Option<&AccountId>,
    mut verdict: Verdict,
) -> Failure {
    let Some(account) = account else {
        return std::future::pending().await;
    };
    loop {
        match verdict {
            Verdict::Other(found) => return refused(account, &found),
            Verdict::Ours | Verdict::NotTold | Verdict::Elsewhere => {
                std::future::pending::<()>().await;
            }
            Verdict::NoAnswer => {}
        }
        engine.clock.sleep(ASK_AGAIN).await;
        verdict = ask(&engine.stripe, account).await;
    }
}

/// The key is foreign.
pub(super) fn refused(wanted: &AccountId, found: &AccountId) -> Failure {
    Failure::new(Exit::Config, refusal(wanted, found))
        .hint("use a key of that account, or correct `stripe.account`")
}

/// The same, in words.
pub(super) fn refusal(wanted: &AccountId, found: &AccountId) -> String {
    format!("the Stripe key opens account {found}, and `stripe.account` is {wanted}")
}

//! What people are told about connecting, in a browser and on a terminal.

use crate::remote::outcome::{Class, Failure};
use crate::sync::connect::Verdict;
use crate::sync::flows::{End, Refusal};

/// Longest word of Stripe's that is repeated, in characters.
const WORD_CHARS_MAX: usize = 64;

/// What a browser is shown at the end of its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Whether the account is connected.
    pub connected: bool,
    /// A heading.
    pub title: &'static str,
    /// What happened.
    pub message: String,
    /// What to do, where there is something.
    pub hint: String,
}

impl Landing {
    pub(super) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            connected: false,
            title: "Stripe was not connected",
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(super) fn connected(message: impl Into<String>) -> Self {
        Self {
            connected: true,
            title: "Stripe is connected",
            message: message.into(),
            hint: "You can close this page.".to_owned(),
        }
    }

    /// The same, for whoever waits elsewhere.
    #[must_use]
    pub fn end(&self) -> End {
        End {
            connected: self.connected,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}

const AGAIN: &str = "Begin again: press Connect in the console, or run \"zenstripe connect\".";

/// A browser that is not let on.
pub(super) fn refusal(refusal: Refusal) -> Landing {
    let (message, hint) = match refusal {
        Refusal::UnknownTicket => (
            "This address is not known. It was not copied as a whole, or zenstripe was started \
             again since.",
            AGAIN,
        ),
        Refusal::UsedTicket => ("This address was used before; it works once.", AGAIN),
        Refusal::LateTicket => ("This address has expired; it works for ten minutes.", AGAIN),
        Refusal::UnknownState => (
            "Nobody was sent to Stripe with what this address carries, or zenstripe was started \
             again since. Nothing was connected.",
            AGAIN,
        ),
        Refusal::UsedState => (
            "This page was opened before, and is good for once. What came of it then still holds.",
            "See \"zenstripe status\".",
        ),
        Refusal::LateState => (
            "More than ten minutes have passed since you were sent to Stripe. Nothing was \
             connected.",
            AGAIN,
        ),
        Refusal::OtherBrowser => (
            "Another browser was sent to Stripe than the one that came back. Nothing was connected.",
            "Begin again and stay in one browser, with cookies allowed. If you did not begin this \
             yourself, somebody may have tried to connect an account of theirs: do nothing.",
        ),
    };
    Landing::refused(message, hint)
}

/// Stripe sent the browser back without a code.
pub(super) fn no_code(error: Option<&str>) -> Landing {
    match error {
        Some("access_denied") => Landing::refused(
            "You, or somebody at this browser, said no at Stripe. Nothing was connected.",
            AGAIN,
        ),
        Some(word) => {
            let word: String = word
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                .take(WORD_CHARS_MAX)
                .collect();
            Landing::refused(format!("Stripe refused with \"{word}\"."), AGAIN)
        }
        None => Landing::refused("Stripe sent you back without a code.", AGAIN),
    }
}

/// Stripe did not take the code, or did not answer.
pub(super) fn not_redeemed(failure: &Failure) -> Landing {
    let said = failure.code.as_deref().unwrap_or("no reason");
    match failure.class {
        Class::Unknown => Landing::refused(
            "Stripe's answer got lost, so it is not known whether the account is connected there. \
             The question was not repeated: a code that is used twice ends the connection.",
            "Connect again; that is safe.",
        ),
        Class::Retry { .. } => Landing::refused(
            "Stripe could not be reached, or asked us to slow down. Nothing was connected.",
            "Connect again in a minute; if it stays so, see \"zenstripe doctor\".",
        ),
        Class::Unauthorized | Class::Forbidden => Landing::refused(
            format!("Stripe does not accept the platform's key together with its client ({said})."),
            "The file of `stripe.secret_key_file` has to hold the secret key (sk_…) of the platform \
             that `stripe.client_id` belongs to, both of the mode of `stripe.mode`. Then connect \
             again.",
        ),
        Class::Refused | Class::Missing | Class::CursorGone => Landing::refused(
            format!("Stripe did not take the code ({said}): it lives five minutes and works once."),
            AGAIN,
        ),
    }
}

/// A grant that is not wanted; `taken_back` says whether Stripe has confirmed its end.
pub(super) fn unwanted(verdict: &Verdict, granted: &str, taken_back: bool) -> Landing {
    let end = if taken_back {
        "The grant was taken back at Stripe."
    } else {
        "The grant is taken back at Stripe as soon as it answers."
    };
    let (message, hint) = match verdict {
        Verdict::Accept => (String::new(), ""),
        Verdict::OtherAccount(wanted) => (
            format!(
                "You chose the account {granted}, and this installation belongs to {wanted}. \
                 Nothing of {granted} was read. {end}"
            ),
            "Connect again and choose the right account at Stripe. Stripe makes a new account for \
             one that another platform controls: such a one cannot be connected. Another account \
             needs an installation of its own, with a store of its own.",
        ),
        Verdict::OtherMode => (
            format!("Stripe granted the other mode than `stripe.mode` says. {end}"),
            "Use client, key and `stripe.mode` of one mode, test or live; then connect again.",
        ),
        Verdict::ReadOnly => (
            format!("Stripe granted reading alone, and zenstripe has to write too. {end}"),
            "Connect again, and allow both.",
        ),
    };
    Landing::refused(message, hint)
}

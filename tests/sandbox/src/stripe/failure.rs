//! Stripe's error answers.
//!
//! Each constructor is one documented error with its status, type, code and parameter.

use serde_json::{Map, Value, json};

use super::test_methods::Decline;
use crate::message::Response;

/// A refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    /// `Stripe-Rate-Limited-Reason`.
    pub(crate) limited: Option<String>,
    /// Whether the answer is kept under the idempotency key.
    pub(crate) stored: bool,
    /// Further members of the error.
    more: Option<Box<Map<String, Value>>>,
}

impl Failure {
    fn new(status: u16, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: "invalid_request_error",
            code,
            message: message.into(),
            param: None,
            limited: None,
            stored: false,
            more: None,
        }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        let more = self.more.get_or_insert_default();
        more.insert(name.to_owned(), value);
        self
    }

    fn param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same, kept under the idempotency key.
    pub(crate) fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    /// 400 for a parameter, without a code.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::new(400, None, message).param(param)
    }

    /// 400 for a parameter, with a code.
    pub(crate) fn coded(code: &'static str, param: &str, message: impl Into<String>) -> Self {
        Self::new(400, Some(code), message).param(param)
    }

    /// 400 that is about no parameter.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(400, None, message)
    }

    pub(crate) fn unknown_parameter(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::coded("parameter_unknown", param, message)
    }

    pub(crate) fn missing_parameter(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::coded("parameter_missing", param, message)
    }

    /// 404 for the object that the path names.
    pub(crate) fn missing(what: &str, id: &str, param: &str) -> Self {
        Self::new(
            404,
            Some("resource_missing"),
            format!("No such {what}: '{id}'"),
        )
        .param(param)
        .stored()
    }

    /// 400 for an object that a parameter names.
    pub(crate) fn missing_ref(what: &str, id: &str, param: &str) -> Self {
        Self::coded("resource_missing", param, format!("No such {what}: '{id}'")).stored()
    }

    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or \
             we can help at https://support.stripe.com/."
        );
        Self::new(404, None, message)
    }

    pub(crate) fn no_key() -> Self {
        Self::new(
            401,
            None,
            "You did not provide an API key. You need to provide your API key in the \
             Authorization header, using Bearer auth (e.g. 'Authorization: Bearer \
             YOUR_SECRET_KEY').",
        )
    }

    pub(crate) fn bad_key(key: &str) -> Self {
        Self::new(
            401,
            None,
            format!("Invalid API Key provided: {}", masked(key)),
        )
    }

    pub(crate) fn expired_key(key: &str) -> Self {
        let message = format!("Expired API Key provided: {}", masked(key));
        Self::new(401, Some("api_key_expired"), message)
    }

    pub(crate) fn expired_platform_key() -> Self {
        let message = "The API key provided by your Connect platform has expired.";
        Self::new(401, Some("platform_api_key_expired"), message)
    }

    pub(crate) fn bad_account(key: &str, account: &str) -> Self {
        let message = format!(
            "The provided key '{}' does not have access to account '{account}' (or that account \
             does not exist). Application access may have been revoked.",
            masked(key)
        );
        Self::new(403, Some("account_invalid"), message)
    }

    pub(crate) fn permission(key: &str, account: &str, permission: &str) -> Self {
        let message = format!(
            "The provided key '{}' does not have the required permissions for this endpoint on \
             account '{account}'. Having the '{permission}' permission would allow this request \
             to continue.",
            masked(key)
        );
        Self::new(403, Some("more_permissions_required"), message)
    }

    pub(crate) fn bad_version(version: &str) -> Self {
        Self::new(400, None, format!("Invalid Stripe API version: {version}"))
    }

    /// 429 of a limit; `reason` becomes `Stripe-Rate-Limited-Reason`.
    pub(crate) fn limited(reason: Option<String>) -> Self {
        let mut failure = Self::new(
            429,
            Some("rate_limit"),
            "Request rate limit exceeded. Learn more about rate limits here \
             https://stripe.com/docs/rate-limits.",
        );
        failure.limited = reason;
        failure
    }

    pub(crate) fn locked() -> Self {
        Self::new(
            429,
            Some("lock_timeout"),
            "This object cannot be accessed right now because another API request or Stripe \
             process is currently accessing it. If you see this error intermittently, retry the \
             request.",
        )
    }

    pub(crate) fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that \
             probably means you submitted twice, and the other request is still going through): \
             {key}. Please try again later."
        );
        Self::new(409, Some("idempotency_key_in_use"), message)
    }

    pub(crate) fn key_reused(key: &str, path: Option<&str>) -> Self {
        let message = path.map_or_else(
            || {
                format!(
                    "Keys for idempotent requests can only be used with the same parameters they \
                     were first used with. Try using a key other than '{key}' if you meant to \
                     execute a different request."
                )
            },
            |path| {
                format!(
                    "Keys for idempotent requests can only be used for the same endpoint they \
                     were first used for ('{path}'). Try using a key other than '{key}' if you \
                     meant to execute a different request."
                )
            },
        );
        Self {
            kind: "idempotency_error",
            ..Self::new(400, None, message)
        }
    }

    /// 402: a charge was declined. `error` is what the `PaymentIntent` keeps of it.
    pub(crate) fn card(why: &Decline, error: Value, intent: Value) -> Self {
        let mut failure = Self {
            kind: "card_error",
            ..Self::new(402, Some(why.code), why.message)
        };
        if let Value::Object(members) = error {
            for (name, value) in members {
                if !["code", "doc_url", "message", "type"].contains(&name.as_str()) {
                    failure = failure.with(&name, value);
                }
            }
        }
        failure.with("payment_intent", intent).stored()
    }

    /// 400: a `PaymentIntent` is in no state for that.
    pub(crate) fn unexpected_state(message: &str, intent: Option<Value>) -> Self {
        let failure = Self::new(400, Some("payment_intent_unexpected_state"), message).stored();
        match intent {
            Some(intent) => failure.with("payment_intent", intent),
            None => failure,
        }
    }

    /// Any other status, as it was ordered.
    pub(crate) fn refused(status: u16) -> Self {
        Self::new(status, None, "The request is refused, as it was ordered.")
    }

    /// 500 or 503.
    pub(crate) fn server(status: u16) -> Self {
        let message = "An unknown error occurred. Please retry, or contact support.";
        let failure = Self {
            kind: "api_error",
            ..Self::new(status, None, message)
        };
        if status == 500 {
            failure.stored()
        } else {
            failure
        }
    }

    /// The answer; `log_url` is where the dashboard shows the request.
    pub(crate) fn response(&self, log_url: &str) -> Response {
        let mut error = Map::new();
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("message".to_owned(), json!(self.message));
        if let Some(code) = self.code {
            let page = code.replace('_', "-");
            error.insert("code".to_owned(), json!(code));
            let url = format!("https://stripe.com/docs/error-codes/{page}");
            error.insert("doc_url".to_owned(), json!(url));
        }
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), json!(param));
        }
        if self.status != 401 && self.code != Some("lock_timeout") {
            error.insert("request_log_url".to_owned(), json!(log_url));
        }
        for (name, value) in self.more.iter().flat_map(|more| more.iter()) {
            error.insert(name.clone(), value.clone());
        }
        let mut response = Response::json(self.status, &json!({ "error": Value::Object(error) }));
        if let Some(reason) = &self.limited {
            response.push_header("Stripe-Rate-Limited-Reason", reason.clone());
        }
        response
    }
}

/// A key as error messages show it.
fn masked(key: &str) -> String {
    let count = key.chars().count();
    if count <= 12 {
        return "*".repeat(count);
    }
    let head: String = key.chars().take(8).collect();
    let tail: String = key.chars().skip(count - 4).collect();
    format!("{head}{}{tail}", "*".repeat(count - 12))
}

#[cfg(test)]
mod tests {
    use super::{Failure, masked};

    #[test]
    fn keys_are_masked() {
        assert_eq!(masked("sk_test_1234567890"), "sk_test_******7890");
        assert_eq!(masked("short"), "*****");
    }

    #[test]
    fn shape_of_an_error() {
        let body = Failure::unknown_parameter("foo")
            .response("https://log")
            .value();
        let error = &body["error"];
        assert_eq!(error["code"], "parameter_unknown");
        assert_eq!(error["param"], "foo");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(
            error["doc_url"],
            "https://stripe.com/docs/error-codes/parameter-unknown"
        );
        assert_eq!(error["request_log_url"], "https://log");
    }
}

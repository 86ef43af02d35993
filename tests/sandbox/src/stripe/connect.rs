//! Connect: a platform beside the account, and OAuth between the two.
//!
//! The platform has keys of its own (those with `_platform` in them). They open the platform's
//! account, which holds webhook endpoints and nothing else, and with `Stripe-Account` every account
//! that has been connected: the sandbox's own, or one without customers that a person may choose by
//! mistake on the page.
//!
//! Source: Stripe's documentation, "OAuth reference" and "Using OAuth with Standard accounts". The
//! status of an OAuth error is not documented; it is 401 for what identifies the caller, else 400.
//! Not here: refreshing tokens, and `stripe_user[…]`, which fills in forms of Stripe's own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::account::ACCOUNT;
use super::form::pairs;
use super::{Injected, Stripe};
use crate::base::{Base, Reply, http_date};
use crate::fault::FaultKind;
use crate::message::{Request, Response};

/// The platform's own account.
pub const PLATFORM: &str = "acct_1SandboxPlatform0";

/// An account that a person can connect by mistake. It holds nothing.
pub const OTHER_ACCOUNT: &str = "acct_1SandboxOther0000";

/// The platform's OAuth client.
pub const CLIENT_ID: &str = "ca_SandboxPlatform000000000000000";

/// Seconds that a code can be redeemed.
const CODE_LIVES: i64 = 300;

/// Whose objects a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The account's, where everything is.
    Account,
    /// The platform's.
    Platform,
    /// Those of the account that holds nothing.
    Other,
}

impl Scope {
    /// The account's id.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Account => ACCOUNT,
            Self::Platform => PLATFORM,
            Self::Other => OTHER_ACCOUNT,
        }
    }
}

/// A code that was given to a browser.
#[derive(Debug)]
struct Code {
    account: String,
    scope: String,
    live: bool,
    until: i64,
    used: bool,
}

/// What was granted, and to be granted.
#[derive(Debug, Default)]
pub(crate) struct Connect {
    codes: BTreeMap<String, Code>,
    /// Connected accounts with their access tokens.
    connections: BTreeMap<String, String>,
    dead_tokens: BTreeSet<String>,
    /// Where a browser may be sent back to; anywhere while there is none.
    redirects: BTreeSet<String>,
}

/// Why a request of OAuth is refused: status, word, and words.
type Refusal = (u16, &'static str, String);

/// What the page is asked for.
struct Asked<'a> {
    redirect: String,
    scope: &'a str,
    state: Option<&'a str>,
}

type Params = BTreeMap<String, String>;

/// Whether a key is one of the platform's.
pub(crate) fn is_platforms(key: &str) -> bool {
    key.contains("_platform")
}

impl Connect {
    pub(crate) fn is_connected(&self, account: &str) -> bool {
        self.connections.contains_key(account)
    }

    pub(crate) fn connected(&self) -> Vec<String> {
        self.connections.keys().cloned().collect()
    }

    /// The account that an access token opens.
    pub(crate) fn opened_by(&self, token: &str) -> Option<Scope> {
        let mut connections = self.connections.iter();
        let (account, _) = connections.find(|(_, known)| *known == token)?;
        Some(scope_of(account))
    }

    pub(crate) fn is_dead(&self, token: &str) -> bool {
        self.dead_tokens.contains(token)
    }

    pub(crate) fn register_redirect(&mut self, uri: &str) {
        self.redirects.insert(uri.to_owned());
    }

    fn asked<'a>(&self, params: &'a Params, live: bool) -> Result<Asked<'a>, Refusal> {
        let get = |name: &str| params.get(name).map(String::as_str);
        if get("client_id") != Some(CLIENT_ID) {
            let message = "No application matches the supplied client identifier";
            return Err((401, "invalid_client", message.to_owned()));
        }
        if get("response_type") != Some("code") {
            let message = "response_type must be code".to_owned();
            return Err((400, "unsupported_response_type", message));
        }
        let scope = get("scope").unwrap_or("read_only");
        if !["read_only", "read_write"].contains(&scope) {
            let message = format!("Invalid scope(s) provided: {scope}");
            return Err((400, "invalid_scope", message));
        }
        let first = self.redirects.first().map(String::as_str);
        let redirect = get("redirect_uri").or(first).unwrap_or_default();
        let known = self.redirects.is_empty() || self.redirects.contains(redirect);
        let safe = redirect.starts_with("https://") || (!live && redirect.starts_with("http://"));
        if !known || !safe {
            let message = format!(
                "Invalid redirect URI '{redirect}'. Ensure this uri exactly matches one of the \
                 uris specified in your application settings"
            );
            return Err((400, "invalid_redirect_uri", message));
        }
        Ok(Asked {
            redirect: redirect.to_owned(),
            scope,
            state: get("state"),
        })
    }
}

fn scope_of(account: &str) -> Scope {
    if account == ACCOUNT {
        Scope::Account
    } else {
        Scope::Other
    }
}

impl Stripe {
    /// Answers a request below `/oauth`.
    pub(crate) fn oauth(
        &mut self,
        base: &mut Base,
        request: &Request,
        fault: Option<&FaultKind>,
    ) -> Reply {
        let fails = |status| error((status, "api_error", "It was ordered to fail.".to_owned()));
        let mut response = match fault {
            Some(FaultKind::TooManyRequests { .. }) => fails(429),
            Some(FaultKind::Unavailable) => fails(503),
            Some(FaultKind::Refuse { status }) => fails(*status),
            Some(FaultKind::ServerError { applied }) => {
                if *applied {
                    drop(self.route_oauth(base, request));
                }
                fails(500)
            }
            _ => self.route_oauth(base, request),
        };
        response.push_header("Date", http_date(base.now()));
        let applied = response.status < 400 && request.method == "POST";
        Reply { response, applied }
    }

    fn route_oauth(&mut self, base: &mut Base, request: &Request) -> Response {
        let mut params: Params = pairs(&request.query).into_iter().collect();
        if request.method == "POST" {
            params.extend(pairs(&String::from_utf8_lossy(&request.body)));
        }
        let answered = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/oauth/authorize") => self.ask(base, &params),
            ("POST", "/oauth/authorize") => self.decide(base, &params),
            ("POST", "/oauth/token") => self.redeem(base, request, &params),
            ("POST", "/oauth/deauthorize") => self.deauthorize(base, request, &params),
            _ => Err((404, "invalid_request", "There is no such page.".to_owned())),
        };
        answered.unwrap_or_else(error)
    }

    /// The page: who asks, for which account, and two buttons.
    fn ask(&self, base: &Base, params: &Params) -> Result<Response, Refusal> {
        let live = base.switches.stripe.livemode;
        self.connect.asked(params, live)?;
        let hidden: String = params
            .iter()
            .map(|(name, value)| {
                let (name, value) = (escaped(name), escaped(value));
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n")
            })
            .collect();
        let mode = if live { "live" } else { "test" };
        let page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>Connect your account</title></head><body>\n\
             <h1>Sandbox platform wants to connect to your Stripe account</h1>\n\
             <p>This is the sandbox's own page, in {mode} mode.</p>\n\
             <form method=\"post\" action=\"/oauth/authorize\">\n{hidden}\
             <p><label for=\"account\">Account</label> <select id=\"account\" name=\"account\">\
             <option value=\"{ACCOUNT}\">Sandbox ({ACCOUNT})</option>\
             <option value=\"{OTHER_ACCOUNT}\">Another one ({OTHER_ACCOUNT})</option>\
             </select></p>\n\
             <button name=\"decision\" value=\"authorize\">Connect</button>\n\
             <button name=\"decision\" value=\"deny\">Deny</button>\n\
             </form></body></html>\n"
        );
        Ok(Response::html(200, &page))
    }

    /// A button was pressed.
    fn decide(&mut self, base: &mut Base, params: &Params) -> Result<Response, Refusal> {
        let live = base.switches.stripe.livemode;
        let asked = self.connect.asked(params, live)?;
        let mut back: Vec<(&str, String)> = Vec::new();
        if params.get("decision").map(String::as_str) == Some("authorize") {
            let chosen = params.get("account").map_or(ACCOUNT, String::as_str);
            let account = scope_of(chosen).id().to_owned();
            let code = base.random.id("ac_", 32);
            let given = Code {
                account,
                scope: asked.scope.to_owned(),
                live,
                until: base.now() + CODE_LIVES,
                used: false,
            };
            back.push(("scope", asked.scope.to_owned()));
            back.push(("code", code.clone()));
            self.connect.codes.insert(code, given);
        } else {
            let words = "The user denied your request".to_owned();
            back.extend([
                ("error", "access_denied".to_owned()),
                ("error_description", words),
            ]);
        }
        back.extend(asked.state.map(|state| ("state", state.to_owned())));
        let query: Vec<String> = back
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let joint = if asked.redirect.contains('?') {
            '&'
        } else {
            '?'
        };
        let mut response = Response::text(302, "");
        let target = format!("{}{joint}{}", asked.redirect, query.join("&"));
        response.push_header("Location", target);
        Ok(response)
    }

    /// A code becomes a connection, once. A second time takes the connection back.
    fn redeem(
        &mut self,
        base: &mut Base,
        request: &Request,
        params: &Params,
    ) -> Result<Response, Refusal> {
        let key = self.platform_key(request, params)?;
        let missing = |what: &str| (400, "invalid_request", format!("No {what} provided"));
        match params.get("grant_type").map(String::as_str) {
            Some("authorization_code") => {}
            Some(other) => {
                let message = format!("Unsupported grant type: {other}");
                return Err((400, "unsupported_grant_type", message));
            }
            None => return Err(missing("grant type")),
        }
        let code = params
            .get("code")
            .ok_or_else(|| missing("authorization code"))?;
        let refused = |message: String| (400, "invalid_grant", message);
        let unknown = || refused(format!("Authorization code does not exist: {code}"));
        let now = base.now();
        let known = self.connect.codes.get_mut(code).ok_or_else(unknown)?;
        if known.live != key.contains("_live_") {
            let message = "Authorization code provided is of another mode than the key";
            return Err(refused(message.to_owned()));
        }
        if known.used {
            let account = known.account.clone();
            self.revoke(base, &account);
            let message = format!(
                "This authorization code has already been used. All tokens issued with this code \
                 have been revoked: {code}"
            );
            return Err(refused(message));
        }
        if now >= known.until {
            return Err(refused(format!("Authorization code expired: {code}")));
        }
        known.used = true;
        let (account, scope, live) = (known.account.clone(), known.scope.clone(), known.live);
        let mode = if live { "live" } else { "test" };
        let token = base.random.id(&format!("sk_{mode}_"), 32);
        let answer = json!({
            "access_token": token,
            "refresh_token": base.random.id("rt_", 32),
            "token_type": "bearer",
            "stripe_publishable_key": base.random.id(&format!("pk_{mode}_"), 32),
            "stripe_user_id": account,
            "scope": scope,
            "livemode": live,
        });
        if let Some(old) = self.connect.connections.insert(account, token) {
            self.connect.dead_tokens.insert(old);
        }
        Ok(Response::json(200, &answer))
    }

    fn deauthorize(
        &mut self,
        base: &mut Base,
        request: &Request,
        params: &Params,
    ) -> Result<Response, Refusal> {
        self.platform_key(request, params)?;
        let account = params.get("stripe_user_id").cloned().unwrap_or_default();
        let is_ours = params.get("client_id").is_some_and(|id| id == CLIENT_ID);
        if !is_ours || !self.revoke(base, &account) {
            let message = format!(
                "This application is not connected to stripe account {account}, or that account \
                 does not exist."
            );
            return Err((401, "invalid_client", message));
        }
        Ok(Response::json(200, &json!({ "stripe_user_id": account })))
    }

    /// The connection of an account ends; whether there was one.
    pub(crate) fn revoke(&mut self, base: &mut Base, account: &str) -> bool {
        let Some(token) = self.connect.connections.remove(account) else {
            return false;
        };
        self.connect.dead_tokens.insert(token);
        let application = json!({
            "id": CLIENT_ID, "object": "application", "name": "Sandbox platform",
        });
        let livemode = base.switches.stripe.livemode;
        self.inject(
            base,
            Injected {
                kind: "account.application.deauthorized".to_owned(),
                account: Some(account.to_owned()),
                livemode,
                object: application,
                previous: None,
            },
        );
        true
    }

    /// The platform's secret key, as a parameter or as the key of the request.
    fn platform_key(&self, request: &Request, params: &Params) -> Result<String, Refusal> {
        let bearer = request
            .header("authorization")
            .and_then(|header| header.strip_prefix("Bearer "));
        let given = params.get("client_secret").map(String::as_str).or(bearer);
        let key = given.unwrap_or_default();
        let known = self.api_keys.contains(key) && !self.expired_keys.contains(key);
        if known && is_platforms(key) && key.starts_with("sk_") {
            return Ok(key.to_owned());
        }
        let message = "Invalid API Key provided".to_owned();
        Err((401, "invalid_client", message))
    }
}

fn error((status, word, message): Refusal) -> Response {
    let body: Value = json!({ "error": word, "error_description": message });
    Response::json(status, &body)
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

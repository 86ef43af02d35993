//! The page of a Checkout session: a browser can click through it, without scripts.
//!
//! Not here: what paying does (see `checkout`).

use super::Stripe;
use super::checkout::PAGE;
use super::connect::escaped;
use super::currency;
use super::form::pairs;
use super::session::{Session, SessionStatus};
use super::test_methods;
use crate::base::{Base, Reply, http_date};
use crate::fault::FaultKind;
use crate::message::{Request, Response};

/// The buttons: a test method each.
const BUTTONS: [(&str, &str); 7] = [
    ("pm_card_visa", "Pay with card"),
    (
        "pm_card_authenticationRequired",
        "Pay with a card that asks for authentication",
    ),
    ("pm_card_chargeDeclined", "Pay with a card that is declined"),
    ("pm_usBankAccount_success", "Pay by bank debit (US)"),
    (
        "pm_usBankAccount_insufficientFunds",
        "Pay by bank debit (US) that comes back",
    ),
    ("pm_success_de", "Pay by bank debit (SEPA)"),
    ("pm_failed_de", "Pay by bank debit (SEPA) that comes back"),
];

impl Stripe {
    /// Answers a browser below `/c/pay`.
    pub(crate) fn pay_page(
        &mut self,
        base: &mut Base,
        request: &Request,
        fault: Option<&FaultKind>,
    ) -> Reply {
        let failed = |status| document(status, "Something went wrong", "<p>It was ordered.</p>");
        let mut response = match fault {
            Some(FaultKind::TooManyRequests { .. }) => failed(429),
            Some(FaultKind::Unavailable) => failed(503),
            Some(FaultKind::Refuse { status }) => failed(*status),
            Some(FaultKind::ServerError { applied }) => {
                if *applied {
                    drop(self.turn_page(base, request));
                }
                failed(500)
            }
            _ => self.turn_page(base, request),
        };
        response.push_header("Date", http_date(base.now()));
        let applied = response.status < 400 && request.method == "POST";
        Reply { response, applied }
    }

    fn turn_page(&mut self, base: &mut Base, request: &Request) -> Response {
        let id = request.path.strip_prefix(PAGE).unwrap_or_default();
        let Some(session) = self.sessions.get(id) else {
            return document(404, "No such page", "<p>There is no such session.</p>");
        };
        match (session.status, request.method.as_str()) {
            (SessionStatus::Expired, _) => {
                document(410, "This page has expired", "<p>Ask for a new link.</p>")
            }
            (SessionStatus::Complete, _) => {
                let back = escaped(&session.way_back());
                let text = format!("<p>It was paid. <a href=\"{back}\">Back</a></p>");
                document(200, "You're all done here", &text)
            }
            (SessionStatus::Open, "GET") => offer(session, None),
            (SessionStatus::Open, "POST") => {
                let form = pairs(&String::from_utf8_lossy(&request.body));
                let chosen = form.into_iter().find(|(name, _)| name == "pay");
                let method = chosen.map(|(_, value)| value).unwrap_or_default();
                let id = id.to_owned();
                let paid = self.pay_session(base, &id, &method);
                let Some(session) = self.sessions.get(&id) else {
                    return document(404, "No such page", "");
                };
                match paid {
                    Err(failure) => offer(session, Some((failure.status, failure.message()))),
                    Ok(()) => {
                        let mut response = Response::text(303, "");
                        response.push_header("Location", session.way_back());
                        response
                    }
                }
            }
            _ => document(405, "No such page", ""),
        }
    }
}

fn document(status: u16, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title></head><body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n\
         </body></html>\n"
    );
    Response::html(status, &page)
}

/// The page of an open session; `problem` is what went wrong a moment ago, with its status.
fn offer(session: &Session, problem: Option<(u16, &str)>) -> Response {
    let lines: String = session
        .items
        .iter()
        .map(|item| {
            let (name, quantity) = (escaped(&item.name), item.quantity);
            let total = currency::shown(item.total(), &session.currency);
            format!("<li>{name} &times; {quantity}: {total}</li>\n")
        })
        .collect();
    let buttons: String = BUTTONS
        .iter()
        .filter(|(method, _)| {
            let kind = test_methods::find(method).map(|test| test.kind.name());
            session.types.iter().any(|name| Some(name.as_str()) == kind)
        })
        .map(|(method, label)| {
            format!("<p><button name=\"pay\" value=\"{method}\">{label}</button></p>\n")
        })
        .collect();
    let alert = problem.map_or_else(String::new, |(_, text)| {
        format!("<p role=\"alert\">{}</p>\n", escaped(text))
    });
    let cancel = session
        .cancel_url
        .as_deref()
        .map_or_else(String::new, |url| {
            format!(
                "<p><a href=\"{}\">Back without paying</a></p>\n",
                escaped(url)
            )
        });
    let mode = if session.livemode { "live" } else { "test" };
    let body = format!(
        "<p>This is the sandbox's own page, in {mode} mode.</p>\n{alert}<ul>\n{lines}</ul>\n\
         <form method=\"post\" action=\"{PAGE}{}\">\n{buttons}</form>\n{cancel}",
        session.id
    );
    let title = format!(
        "Pay {}",
        currency::shown(session.total(), &session.currency)
    );
    document(problem.map_or(200, |(status, _)| status), &title, &body)
}

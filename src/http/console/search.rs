//! The search box of every page: an id leads to its page, an address of e-mail to who has it.
//!
//! What is sought is posted and not in an address of a page, as it may be an address of e-mail: those
//! stay out of the browser's history, of proxies and of the log.

use super::Desk;
use super::customers::address;
use super::events;
use super::form::Posted;
use super::page::{Here, Shell, Visit, see_other};
use crate::engine::command::{Command, EventCommand};
use crate::engine::view::{CustomerView, EventView, FoundRow, FoundSide, FoundView};
use crate::http::commands::viewed;
use crate::http::reply::{Class, Failure};
use crate::model::session::Role;
use crate::remote::text::path_segment;
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) fn router() -> Router<Desk> {
    Router::new().route("/search", get(show).post(seek))
}

/// What was sought and found, where that is not one page.
#[derive(Debug, Default, Serialize)]
struct Sought<'a> {
    /// What was sought.
    query: &'a str,
    /// Who has it, where it is an address of e-mail.
    customers: Option<FoundView>,
}

#[derive(Template)]
#[template(path = "search.html", config = "src/http/console/askama.toml")]
struct SearchPage<'a> {
    shell: Shell,
    sought: &'a Sought<'a>,
}

impl SearchPage<'_> {
    fn sides<'f>(&self, found: &'f FoundView) -> [(&'static str, &'f FoundSide); 2] {
        [("Stripe", &found.stripe), ("Zenskar", &found.zenskar)]
    }

    /// Whether both sides surely have nobody.
    fn is_nobody(&self, found: &FoundView) -> bool {
        found.zenskar.rows.is_empty() && found.stripe.rows.is_empty() && is_whole(found)
    }
}

async fn show(visit: Visit) -> Response {
    page(&visit, &Sought::default())
}

fn page(visit: &Visit, sought: &Sought<'_>) -> Response {
    visit.answer(Here::Nowhere, sought, |shell| SearchPage { shell, sought })
}

async fn seek(visit: Visit, posted: Posted) -> Result<Response, Failure> {
    let query = posted.fields.text("q");
    if query.contains('@') {
        return by_email(&visit, query).await;
    }
    if let Some(to) = by_id(&visit, query).await? {
        return Ok(see_other(&to));
    }
    let sought = Sought {
        query,
        customers: None,
    };
    Ok(page(&visit, &sought))
}

/// The page of the event or the customer with this id.
async fn by_id(visit: &Visit, query: &str) -> Result<Option<String>, Failure> {
    let doors = &visit.desk.doors;
    let id = query.to_owned();
    let event: Result<EventView, Failure> =
        viewed(doors, Command::Events(EventCommand::Head { id })).await;
    if let Some(event) = if_any(event)? {
        return Ok(Some(events::address(&event.row.id)));
    }
    let id = query.to_owned();
    let customer: Result<CustomerView, Failure> = viewed(doors, Command::CustomerShow { id }).await;
    Ok(if_any(customer)?.map(|customer| address(&customer.row)))
}

/// `None` where there is no such thing. A store that cannot be read is an error, not nothing.
fn if_any<T>(found: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(none) if matches!(none.class(), Class::NotFound | Class::Malformed) => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn by_email(visit: &Visit, email: &str) -> Result<Response, Failure> {
    if visit.visitor.role < Role::Operator {
        let message = "Viewers do not see addresses of e-mail, and do not search by them.";
        return Err(Failure::new(Class::Forbidden, "role", message)
            .hint("Search by an id, or ask for the role operator."));
    }
    let order = Command::CustomersByEmail {
        email: email.to_owned(),
    };
    let found: FoundView = viewed(&visit.desk.doors, order).await?;
    if let Some(id) = only(&found) {
        return Ok(see_other(&format!("/customers/{}", path_segment(id))));
    }
    let sought = Sought {
        query: email,
        customers: Some(found),
    };
    Ok(page(visit, &sought))
}

/// Whether both sides said who has the address, and named everybody.
const fn is_whole(found: &FoundView) -> bool {
    let (stripe, zenskar) = (&found.stripe, &found.zenskar);
    stripe.complete && zenskar.complete && stripe.error.is_none() && zenskar.error.is_none()
}

/// The one customer that was found, if it has a page: two that are linked are one.
fn only(found: &FoundView) -> Option<&str> {
    let in_stripe = found.stripe.rows.iter().map(|row| (row.id.as_str(), row));
    let in_zenskar = found.zenskar.rows.iter().map(|row| {
        let partner = row.linked_with.as_ref();
        (partner.unwrap_or(&row.id).as_str(), row)
    });
    let all: BTreeMap<&str, &FoundRow> = in_stripe.chain(in_zenskar).collect();
    match (all.first_key_value(), all.len()) {
        (Some((id, row)), 1) if is_whole(found) && row.known => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(rows: &[(&str, Option<&str>)]) -> FoundSide {
        let rows = rows.iter().map(|(id, linked_with)| FoundRow {
            id: (*id).to_owned(),
            name: None,
            linked_with: linked_with.map(str::to_owned),
            known: linked_with.is_some(),
        });
        FoundSide {
            rows: rows.collect(),
            complete: true,
            error: None,
        }
    }

    #[test]
    fn one_customer_is_jumped_to_and_several_are_a_list() {
        let linked = ("cus_1", Some("z1"));
        for (stripe, zenskar, one) in [
            (&[linked][..], &[("z1", Some("cus_1"))][..], Some("cus_1")),
            (&[linked], &[], Some("cus_1")),
            (&[], &[("z1", Some("cus_1"))], Some("cus_1")),
            (&[linked], &[("z2", None)], None),
            (&[linked, ("cus_2", Some("z2"))], &[], None),
            (&[("cus_3", None)], &[], None),
            (&[], &[], None),
        ] {
            let found = FoundView {
                stripe: side(stripe),
                zenskar: side(zenskar),
            };
            assert_eq!(only(&found), one, "{found:?}");
        }
    }

    #[test]
    fn where_a_side_is_silent_nobody_is_the_only_one() {
        let mut found = FoundView {
            stripe: side(&[("cus_1", Some("z1"))]),
            zenskar: FoundSide::default(),
        };
        found.zenskar.error = Some("it did not answer".to_owned());
        assert_eq!(only(&found), None);
        found.zenskar = side(&[]);
        found.stripe.complete = false;
        assert_eq!(only(&found), None);
    }
}

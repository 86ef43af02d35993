//! A form that a person sent from a page of this session.

use super::Desk;
use super::session::Visitor;
use crate::http::commands::bad_query;
use crate::http::reply::{Class, Failure};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Query, Request};
use http::StatusCode;

/// Name of the field with the session's form key.
const KEY: &str = "form_key";

/// The fields of a form, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first field of this name; blank if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        let mut named = self.0.iter().filter(|(found, _)| found == name);
        named.next().map_or("", |(_, value)| value.trim())
    }

    /// Every field of this name.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether there is a field of this name: a box that is ticked.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// The fields of an address's query.
    pub(super) fn of_query(uri: &http::Uri) -> Result<Self, Failure> {
        match Query::<Vec<(String, String)>>::try_from_uri(uri) {
            Ok(Query(fields)) => Ok(Self(fields)),
            Err(rejection) => Err(bad_query(rejection)),
        }
    }

    /// Reads a form, whoever sent it.
    pub(super) async fn read(request: Request) -> Result<Self, Failure> {
        match Form::<Vec<(String, String)>>::from_request(request, &()).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(rejection) => Err(unreadable(&rejection)),
        }
    }
}

fn unreadable(rejection: &FormRejection) -> Failure {
    let class = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Class::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Class::WrongType,
        _ => Class::Malformed,
    };
    Failure::new(class, "form", "This form cannot be read.")
}

/// A form of this session, and who sent it.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
}

impl FromRequest<Desk> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Desk) -> Result<Self, Failure> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let fields = Fields::read(request).await?;
        let visitor = visitor.filter(|visitor| {
            let given = fields.text(KEY).as_bytes();
            verify_slices_are_equal(given, visitor.form_key.as_bytes()).is_ok()
        });
        let visitor = visitor.ok_or_else(|| {
            Failure::new(
                Class::Forbidden,
                "form_key",
                "This form is of another session.",
            )
            .hint("Go back, load the page again and repeat it; nothing was changed.")
        })?;
        Ok(Self { visitor, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[tokio::test]
    async fn fields_are_read_by_name() {
        let body = "a=1&b=+x%20&a=2&c=";
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let fields = Fields::read(request).await.unwrap();
        assert_eq!((fields.text("b"), fields.text("d")), ("x", ""));
        assert_eq!(fields.all("a"), ["1", "2"]);
        assert!(fields.has("c") && !fields.has("d"));
        let json = Request::post("/").header("content-type", "application/json");
        let refused = Fields::read(json.body(Body::from("{}")).unwrap()).await;
        assert_eq!(refused.unwrap_err().class(), Class::WrongType);
    }
}

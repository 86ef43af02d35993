//! Zenskar's error answers.
//!
//! The service behind is `FastAPI` with Pydantic, the gateway before it has shapes of its own.

use serde_json::{Value, json};

use crate::message::Response;

/// A refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    body: Value,
    retry_after: Option<u32>,
}

impl Refusal {
    fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            retry_after: None,
        }
    }

    /// 400 and others with a text.
    pub(crate) fn detail(status: u16, text: &str) -> Self {
        Self::new(status, json!({ "detail": text }))
    }

    pub(crate) fn no_customer() -> Self {
        Self::detail(404, "Customer not found")
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, json!({ "message": "Unauthorized" }))
    }

    pub(crate) fn forbidden() -> Self {
        let text = "User is not authorized to access this resource with an explicit deny";
        Self::new(403, json!({ "Message": text }))
    }

    pub(crate) fn limited(retry_after: Option<u32>) -> Self {
        Self {
            retry_after,
            ..Self::new(429, json!({ "message": "Too Many Requests" }))
        }
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(503, json!({ "message": "Service Unavailable" }))
    }

    /// 500, in plain text.
    pub(crate) fn server() -> Self {
        Self::new(500, Value::Null)
    }

    /// 422 for one place.
    pub(crate) fn field(loc: &[&str], msg: &str, kind: &str) -> Self {
        Self::fields(&[problem(loc, msg, kind)])
    }

    /// 422 for several places.
    pub(crate) fn fields(problems: &[Value]) -> Self {
        Self::new(422, json!({ "detail": problems }))
    }

    pub(crate) fn response(&self) -> Response {
        let mut response = if self.status == 500 {
            Response::text(500, "Internal Server Error")
        } else {
            Response::json(self.status, &self.body)
        };
        if let Some(seconds) = self.retry_after {
            response.push_header("Retry-After", seconds.to_string());
        }
        response
    }
}

/// One entry of a 422.
pub(crate) fn problem(loc: &[&str], msg: &str, kind: &str) -> Value {
    json!({ "loc": loc, "msg": msg, "type": kind })
}

//! The public listener's handler: the webhook in front, everything else behind it.

use crate::http::listener::{Handler, Peer, RequestBody};
use crate::http::webhook::{self, StripeWebhook};
use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

/// Serves [`webhook::PATH`] itself and leaves the rest to a router: the webhook is the path whose
/// cost counts, and a router's look-up and boxed futures are a good part of it.
#[derive(Debug)]
pub struct Public {
    /// The webhook.
    pub stripe: StripeWebhook,
    /// Every other page; what it does not know is a 404.
    pub rest: Router,
}

impl Handler for Public {
    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Response<Body> {
        if request.uri().path() != webhook::PATH {
            return self.rest.handle(request, peer).await;
        }
        if request.method() == Method::POST {
            return self.stripe.receive(request).await;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        response
    }
}

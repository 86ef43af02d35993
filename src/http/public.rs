//! The public listener's handler: the webhooks in front, everything else behind them.

use crate::http::listener::{Handler, Peer, RequestBody};
use crate::http::webhook::{self, Accept, StripeWebhook, Webhook, ZenskarWebhook};
use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

/// Serves [`webhook::PATH`] and [`webhook::ZENSKAR_PATH`] itself and leaves the rest to a router.
///
/// The webhooks are the paths whose cost counts, and a router's look-up and boxed futures are a good
/// part of it.
#[derive(Debug)]
pub struct Public {
    /// Stripe's webhook.
    pub stripe: StripeWebhook,
    /// Zenskar's webhook; while it has no secret its path is one that is not known.
    pub zenskar: ZenskarWebhook,
    /// Every other page; what it does not know is a 404.
    pub rest: Router,
}

impl Handler for Public {
    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Response<Body> {
        match request.uri().path() {
            webhook::PATH => receive(&self.stripe, request).await,
            webhook::ZENSKAR_PATH if self.zenskar.is_open() => {
                receive(&self.zenskar, request).await
            }
            _ => self.rest.handle(request, peer).await,
        }
    }
}

async fn receive<A: Accept>(webhook: &Webhook<A>, request: Request<RequestBody>) -> Response<Body> {
    if request.method() == Method::POST {
        return webhook.receive(request).await;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

//! Posting webhook deliveries over HTTP.
//!
//! Each delivery has a connection of its own and ten seconds. Only `http://` URLs can be reached;
//! a delivery to any other fails like one that nobody answers.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::sandbox::Sandbox;
use crate::stripe::Delivery;
use crate::zenskar::ZenskarDelivery;

/// How often to look for due deliveries.
const LOOK: Duration = Duration::from_millis(20);

/// How long an endpoint has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts what falls due, for ever.
pub(crate) async fn post_deliveries(sandbox: Sandbox) {
    let mut posts = JoinSet::new();
    loop {
        for delivery in sandbox.due_deliveries(Timestamp::now().as_second()) {
            posts.spawn(report(sandbox.clone(), delivery));
        }
        for delivery in sandbox.due_zenskar_deliveries() {
            posts.spawn(report_zenskar(sandbox.clone(), delivery));
        }
        while posts.try_join_next().is_some() {}
        sleep(LOOK).await;
    }
}

async fn report(sandbox: Sandbox, delivery: Delivery) {
    let id = delivery.id;
    let post = post(&delivery.endpoint_url, &delivery.headers, delivery.body);
    let status = timeout(PATIENCE, post).await.ok().flatten();
    sandbox.delivery_result(id, status);
}

async fn report_zenskar(sandbox: Sandbox, delivery: ZenskarDelivery) {
    let id = delivery.id;
    let post = post(&delivery.url, &delivery.headers, delivery.body);
    let status = timeout(PATIENCE, post).await.ok().flatten();
    sandbox.zenskar_delivery_result(id, status);
}

/// Posts a body; the status of the answer, if there was one.
async fn post(url: &str, headers: &[(String, String)], body: Bytes) -> Option<u16> {
    let uri: Uri = url.parse().ok()?;
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let host = uri.host()?.to_owned();
    let port = uri.port_u16().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = http::Request::post(target).header("Host", format!("{host}:{port}"));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::<Bytes>::new(body)).ok()?;
    let mut response = std::pin::pin!(sender.send_request(request));
    let response = tokio::select! {
        biased;
        response = &mut response => response,
        // The endpoint may answer and hang up at once: the answer is then waiting.
        _ = connection => response.await,
    };
    Some(response.ok()?.status().as_u16())
}

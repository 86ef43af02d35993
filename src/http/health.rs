//! `/healthz`, `/readyz` and `/metrics`: what monitors ask, without a login.
//!
//! - `/healthz` fails when the process should be restarted.
//! - `/readyz` fails when it should not be sent anything: while it starts, while it drains, when
//!   its store does not write. Trouble at a remote is neither: it degrades the status.
//!
//! Answers name the checks and nothing beyond their names, since anybody may ask.

use crate::telemetry::metrics::{CONTENT_TYPE, Metrics};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Something that holds or does not. It is asked on every request and must answer at once.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    holds: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Check {
    /// A check and the word for it.
    pub fn new(name: &'static str, holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            name,
            holds: Arc::new(holds),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// What monitors can ask.
#[derive(Clone, Debug)]
pub struct Health {
    /// All must hold, or the process should be restarted.
    pub live: Arc<[Check]>,
    /// All must hold, or it should not be sent anything.
    pub ready: Arc<[Check]>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
}

impl Health {
    /// The three routes.
    pub fn router(self) -> Router {
        let Self {
            live,
            ready,
            metrics,
        } = self;
        Router::new()
            .route("/healthz", get(async move || report(&live)))
            .route("/readyz", get(async move || report(&ready)))
            .route("/metrics", get(async move || page(&metrics)))
    }
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    checks: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    ok: bool,
}

fn report(checks: &[Check]) -> Response {
    let line = |check: &Check| Line {
        name: check.name,
        ok: (check.holds)(),
    };
    let checks: Vec<Line> = checks.iter().map(line).collect();
    let (code, status) = if checks.iter().all(|line| line.ok) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "failing")
    };
    let report = axum::Json(Report { status, checks });
    (code, [(header::CACHE_CONTROL, "no-store")], report).into_response()
}

fn page(metrics: &Metrics) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.encode()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::ask_router;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn readiness_follows_its_checks_and_names_them() {
        let writes = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&writes);
        let router = Health {
            live: Arc::new([Check::new("process", || true)]),
            ready: Arc::new([
                Check::new("listening", || true),
                Check::new("store", move || seen.load(Ordering::Relaxed)),
            ]),
            metrics: Arc::new(Metrics::new("1.2.3")),
        }
        .router();
        let (status, _, body) = ask_router(&router, "GET", "/readyz", &[], "").await;
        let all = r#"{"name":"listening","ok":true},{"name":"store","ok":true}"#;
        assert_eq!(
            (status, body),
            (200, format!(r#"{{"status":"ok","checks":[{all}]}}"#))
        );

        writes.store(false, Ordering::Relaxed);
        let (status, _, body) = ask_router(&router, "GET", "/readyz", &[], "").await;
        let one = r#"{"name":"listening","ok":true},{"name":"store","ok":false}"#;
        assert_eq!(
            (status, body),
            (503, format!(r#"{{"status":"failing","checks":[{one}]}}"#))
        );
        let (status, ..) = ask_router(&router, "GET", "/healthz", &[], "").await;
        assert_eq!(
            status, 200,
            "a store that does not write is no reason for a restart"
        );

        let (status, headers, body) = ask_router(&router, "GET", "/metrics", &[], "").await;
        assert_eq!(
            (status, headers["content-type"].as_bytes()),
            (200, CONTENT_TYPE.as_bytes())
        );
        assert!(
            body.contains("zenstripe_build_info{version=\"1.2.3\"} 1\n"),
            "{body}"
        );
    }
}

//! The stylesheet, the script and the icon: embedded, under names that change with their content.

use super::Desk;
use super::guard::HEADERS;
use crate::engine::secret::{digest, hex};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

/// Digits of the digest in a name.
const DIGITS: usize = 12;

/// A name that changes with its content may be kept for ever.
const CACHED: &str = "public, max-age=31536000, immutable";

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    name: String,
    kind: &'static str,
    body: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, kind: &'static str, body: &'static str) -> Self {
        let hash: String = hex(&digest(body)).chars().take(DIGITS).collect();
        Self {
            name: format!("{stem}.{hash}.{ending}"),
            kind,
            body,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Assets {
    pub(super) style: Asset,
    pub(super) script: Asset,
    pub(super) icon: Asset,
}

impl Assets {
    pub(super) fn new() -> Self {
        let (style, script, icon) = (
            include_str!("console.css"),
            include_str!("console.js"),
            include_str!("icon.svg"),
        );
        Self {
            style: Asset::new("console", "css", "text/css; charset=utf-8", style),
            script: Asset::new("console", "js", "text/javascript; charset=utf-8", script),
            icon: Asset::new("icon", "svg", "image/svg+xml", icon),
        }
    }
}

pub(super) fn router() -> Router<Desk> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(State(desk): State<Desk>, Path(name): Path<String>) -> Response {
    let Assets {
        style,
        script,
        icon,
    } = &desk.assets;
    let found = [style, script, icon]
        .into_iter()
        .find(|asset| asset.name == name);
    let Some(asset) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = [(header::CONTENT_TYPE, asset.kind)];
    let mut response = (kind, asset.body).into_response();
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    let cached = HeaderValue::from_static(CACHED);
    response.headers_mut().insert(header::CACHE_CONTROL, cached);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_are_small_and_named_by_their_content() {
        let assets = Assets::new();
        assert!(
            assets.style.body.len() < 15_000,
            "{}",
            assets.style.body.len()
        );
        assert!(
            assets.script.body.len() < 6_000,
            "{}",
            assets.script.body.len()
        );
        let changed = Asset::new("console", "css", "text/css", "a{}");
        assert_ne!(changed.name, assets.style.name);
        assert!(assets.style.path().starts_with("/assets/console."));
    }
}

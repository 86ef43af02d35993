//! What every answer says to browsers, and which browsers are listened to.

use crate::http::reply::{Class, Failure};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// No script, style or connection but our own; no script makes markup of text; nobody frames us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What every answer says.
pub(super) const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware: says all of [`HEADERS`].
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Middleware: what may change something is listened to only if it comes from a page of ours.
pub(super) async fn own_pages_only(request: Request, next: Next) -> Response {
    let is_harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_harmless || is_own(request.headers()) {
        return next.run(request).await;
    }
    Failure::new(
        Class::Forbidden,
        "other_site",
        "This was not sent by a page of the console.",
    )
    .hint("Open the console and do it there; nothing was changed.")
    .into_response()
}

/// Whether a browser says that one of our pages sent this. A browser that does not say where it came
/// from at all is not listened to.
fn is_own(headers: &HeaderMap) -> bool {
    if headers.contains_key(&FETCH_SITE) {
        return one(headers, &FETCH_SITE) == Some(b"same-origin");
    }
    has_own_origin(headers)
}

/// The value of the one header of this name.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

/// Whether a request says that it is from a page under the name it was sent to.
fn has_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| one(headers, name).and_then(|value| std::str::from_utf8(value).ok());
    let authority = text(&header::ORIGIN).and_then(|origin| {
        let http = origin.strip_prefix("http://");
        http.or_else(|| origin.strip_prefix("https://"))
    });
    matches!((authority, text(&header::HOST)), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host))
}

/// Whether a browser says that a page of another site sent this. A program, which is no browser, says
/// nothing.
pub(in crate::http) fn is_of_another_site(headers: &HeaderMap) -> bool {
    let sites = headers.get_all(&FETCH_SITE).iter();
    let mut sites = sites.map(HeaderValue::as_bytes);
    let is_own = |site: &[u8]| site == b"same-origin" || site == b"none";
    !sites.all(is_own) || headers.contains_key(header::ORIGIN) && !has_own_origin(headers)
}

/// Whether a browser came here from another site by a link, in which case it left the session's
/// cookie at home.
pub(super) fn came_by_a_link(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_change_something() {
        for (headers, own) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://a:1"),
                    ("host", "a:1"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (&[("origin", "http://a:1"), ("host", "a:1")], true),
            (&[("origin", "https://a:1"), ("host", "A:1")], true),
            (&[("origin", "http://b:1"), ("host", "a:1")], false),
            (&[("origin", "http://a:2"), ("host", "a:1")], false),
            (&[("origin", "null"), ("host", "a:1")], false),
            (&[("host", "a:1")], false),
            (&[], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                let name = HeaderName::from_static(name);
                map.append(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_own(&map), own, "{headers:?}");
        }
    }

    #[test]
    fn another_site_is_known_by_either_header() {
        for (headers, another) in [
            (&[][..], false),
            (&[("host", "a:1")], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("origin", "http://a:1"), ("host", "a:1")], false),
            (&[("origin", "http://b:1"), ("host", "a:1")], true),
            (&[("origin", "null"), ("host", "a:1")], true),
            (
                &[("sec-fetch-site", "same-origin"), ("origin", "http://b:1")],
                true,
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                let name = HeaderName::from_static(name);
                map.append(name, HeaderValue::from_static(value));
            }
            assert_eq!(is_of_another_site(&map), another, "{headers:?}");
        }
    }
}

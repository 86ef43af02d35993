//! One stream of figures for each open overview, or page of a charge run (server-sent events).
//!
//! However many pages are open, the figures are made once in [`FRESH`]. A stream ends when its
//! session does, after an hour, and when the daemon stops; the browser opens another.

use super::Desk;
use super::charges::progress;
use super::overview::Figures;
use super::page::Visit;
use super::session;
use crate::http::commands::{bad_query, whole_status};
use crate::http::reply::{Class, Failure};
use crate::model::session::Digest;
use crate::model::time::Timestamp;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Streams at a time; half of the connections that the listener takes.
const STREAMS_MAX: usize = 64;
/// Pause between two events.
const EVERY: Duration = Duration::from_secs(2);
/// How old figures may be that are sent.
const FRESH: Duration = Duration::from_secs(1);
/// Events of one stream: an hour of them.
const EVENTS_MAX: u32 = 1_800;

/// What the streams share.
#[derive(Debug)]
pub(super) struct Live {
    slots: Arc<Semaphore>,
    last: Mutex<Option<(Timestamp, Bytes)>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(STREAMS_MAX)),
            last: Mutex::default(),
        }
    }
}

/// What is told: how far a charge run is, with the lines of a page; else the overview's figures.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    run: Option<u64>,
    after: Option<String>,
}

struct Stream {
    desk: Desk,
    session: Digest,
    about: About,
    sent: u32,
    _slot: OwnedSemaphorePermit,
}

/// `GET /live`.
pub(super) async fn stream(
    visit: Visit,
    query: Result<Query<About>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(about) = query.map_err(bad_query)?;
    let slot = Arc::clone(&visit.desk.live.slots).try_acquire_owned();
    let slot = slot.map_err(|_| {
        Failure::new(
            Class::Unavailable,
            "streams",
            "Too many pages are open at once.",
        )
    })?;
    let first = Stream {
        desk: visit.desk,
        session: visit.visitor.key,
        about,
        sent: 0,
        _slot: slot,
    };
    let events = stream::unfold(first, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        if self.sent >= EVENTS_MAX {
            return None;
        }
        if self.sent > 0 {
            tokio::select! {
                biased;
                () = self.desk.stop.cancelled() => return None,
                () = self.desk.doors.engine.clock.sleep(EVERY) => {}
            }
        }
        self.sent = self.sent.saturating_add(1);
        let goes_on = session::is_open(&self.desk, &self.session).ok()?;
        if !goes_on {
            // The page says that nobody is signed in, and asks no more.
            return (self.sent > 1).then(|| {
                self.sent = EVENTS_MAX;
                Bytes::from_static(b"event: end\ndata: {}\n\n")
            });
        }
        match self.about.run {
            Some(run) => {
                let after = self.about.after.clone();
                event(&progress(&self.desk, run, after).await?)
            }
            None => figures(&self.desk).await,
        }
    }
}

fn event(figures: &impl Serialize) -> Option<Bytes> {
    let data = serde_json::to_string(figures).ok()?;
    Some(Bytes::from(format!("retry: 5000\ndata: {data}\n\n")))
}

async fn figures(desk: &Desk) -> Option<Bytes> {
    let mut last = desk.live.last.lock().await;
    let now = desk.doors.engine.clock.now();
    if let Some((at, event)) = last.as_ref()
        && now.since(*at) < FRESH
    {
        return Some(event.clone());
    }
    let status = whole_status(&desk.doors).await.ok()?;
    let event = event(&Figures::of(&status))?;
    *last = Some((now, event.clone()));
    Some(event)
}

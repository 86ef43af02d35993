//! What a connection is doing, and when it has done it for too long.
//!
//! The reader and writer note when something begins, requests note their start and end, and one
//! timer per connection looks at the notes. So a request moves no timer: it stores two numbers.
//! hyper's own header timeout makes and drops a timer for every request, and does not tell a slow
//! head from an idle connection.

use super::Limits;
use crate::telemetry::metrics::End;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Notes of one connection. Times are microseconds since `start`, plus one: zero is "not now".
///
/// All orderings are relaxed: the timer may see a note late, and then looks again.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    /// Whether bytes between requests mean that a head began. Not so in HTTP/2, whose frames
    /// come and go at any time.
    bytes_begin_heads: bool,
    requests: AtomicU32,
    head_since: AtomicU64,
    quiet_since: AtomicU64,
    write_since: AtomicU64,
}

impl Activity {
    /// A connection that begins now and owes us the head of its first request.
    pub(super) fn begin(bytes_begin_heads: bool) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            bytes_begin_heads,
            requests: AtomicU32::new(0),
            head_since: AtomicU64::new(1),
            quiet_since: AtomicU64::new(1),
            write_since: AtomicU64::new(0),
        })
    }

    /// A request's head was read; the request lasts until the answer is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Request {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        Request(Arc::clone(self))
    }

    /// Whether no request is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
    }

    /// What is overdue at `now`, or when to look again.
    pub(super) fn check(&self, now: Instant, limits: &Limits) -> Result<Instant, End> {
        let mut look_again = now + patrol(limits);
        let mut due = |since: u64, deadline: Duration, end: End| {
            let due = self.start + Duration::from_micros(since.saturating_sub(1)) + deadline;
            look_again = look_again.min(due);
            if due <= now { Err(end) } else { Ok(()) }
        };
        let write_since = self.write_since.load(Ordering::Relaxed);
        if write_since != 0 {
            due(write_since, limits.write_deadline, End::SlowRead)?;
        }
        if self.is_quiet() {
            match self.head_since.load(Ordering::Relaxed) {
                0 => {
                    let quiet_since = self.quiet_since.load(Ordering::Relaxed);
                    due(quiet_since, limits.idle_deadline, End::Idle)?;
                }
                head_since => due(head_since, limits.head_deadline, End::SlowHead)?,
            }
        }
        Ok(look_again)
    }

    fn now(&self) -> u64 {
        let micros = self.start.elapsed().as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn read(&self) {
        if self.bytes_begin_heads && self.is_quiet() && self.head_since.load(Ordering::Relaxed) == 0
        {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    fn wrote<T>(&self, progress: &Poll<T>) {
        match progress {
            Poll::Ready(_) => self.write_since.store(0, Ordering::Relaxed),
            Poll::Pending if self.write_since.load(Ordering::Relaxed) == 0 => {
                self.write_since.store(self.now(), Ordering::Relaxed);
            }
            Poll::Pending => {}
        }
    }
}

/// A phase can begin right after the timer looked; it is noticed at the latest this much later.
fn patrol(limits: &Limits) -> Duration {
    limits
        .head_deadline
        .min(limits.write_deadline)
        .min(limits.idle_deadline)
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request(Arc<Activity>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.quiet_since.store(self.0.now(), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Noted<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Noted<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let progress = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
        }
        progress
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.activity.wrote(&progress);
        progress
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.activity.wrote(&progress);
        progress
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(cx);
        self.activity.wrote(&progress);
        progress
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.activity.wrote(&progress);
        progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head_deadline: Duration::from_secs(10),
        idle_deadline: Duration::from_secs(75),
        write_deadline: Duration::from_secs(30),
        ..Limits::public()
    };

    fn at(activity: &Activity, seconds: u64) -> Result<u64, End> {
        let now = activity.start + Duration::from_secs(seconds);
        activity
            .check(now, &LIMITS)
            .map(|again| again.duration_since(activity.start).as_secs())
    }

    /// The note for "since second `seconds`".
    fn since(seconds: u64) -> u64 {
        seconds * 1_000_000 + 1
    }

    #[test]
    fn each_phase_has_its_deadline() {
        let activity = Activity::begin(true);
        assert_eq!(at(&activity, 9), Ok(10), "the first head is due");
        assert_eq!(at(&activity, 10), Err(End::SlowHead));

        let request = activity.request();
        assert_eq!(
            at(&activity, 500),
            Ok(510),
            "a handler takes the time it takes"
        );
        drop(request);
        activity.quiet_since.store(since(20), Ordering::Relaxed);
        assert_eq!(at(&activity, 94), Ok(95), "idle");
        assert_eq!(at(&activity, 95), Err(End::Idle));

        activity.read();
        assert_ne!(
            activity.head_since.load(Ordering::Relaxed),
            0,
            "a head began"
        );
        activity.head_since.store(since(50), Ordering::Relaxed);
        activity.read();
        assert_eq!(at(&activity, 59), Ok(60), "more of it changes nothing");
        assert_eq!(at(&activity, 60), Err(End::SlowHead));

        let _request = activity.request();
        activity.wrote(&Poll::<()>::Pending);
        activity.write_since.store(since(60), Ordering::Relaxed);
        assert_eq!(at(&activity, 89), Ok(90), "the answer is not taken");
        assert_eq!(at(&activity, 90), Err(End::SlowRead));
        activity.wrote(&Poll::Ready(()));
        assert_eq!(at(&activity, 90), Ok(100));
    }

    #[test]
    fn frames_between_requests_of_http_2_are_no_head() {
        let activity = Activity::begin(false);
        drop(activity.request());
        activity.quiet_since.store(since(0), Ordering::Relaxed);
        activity.read();
        assert_eq!(at(&activity, 74), Ok(75));
        assert_eq!(at(&activity, 75), Err(End::Idle));
    }
}

//! How much, and how long, a listener puts up with.

use std::time::Duration;

/// The limits of one listener. Tests shorten them; the daemon takes one of the constructors.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections served at once; further ones wait in the backlog.
    pub connections: usize,
    /// Longest time for a TLS handshake.
    pub handshake_deadline: Duration,
    /// Longest time from a request's first byte, or from the connection's start, to the end of
    /// its head.
    pub head_deadline: Duration,
    /// Longest time from the end of a request's head to the end of its body.
    pub body_deadline: Duration,
    /// Longest time between two requests of one connection.
    pub idle_deadline: Duration,
    /// Longest time a client takes none of our answer.
    pub write_deadline: Duration,
    /// Time for requests under way once the listener stops.
    pub drain_deadline: Duration,
    /// Largest request head, in bytes.
    pub head_bytes: usize,
}

/// A public listener meets the internet, and Stripe's concurrency toward one endpoint is far lower.
///
/// It leaves half of the 1,024 descriptors a service gets by default to the store and to our calls.
pub const PUBLIC_CONNECTIONS: usize = 512;
/// The console meets a few people and a Prometheus; each open page holds one event stream.
pub const CONSOLE_CONNECTIONS: usize = 128;
/// The socket meets commands typed by people.
pub const SOCKET_CONNECTIONS: usize = 32;
/// A handshake is two round trips; this allows for a satellite link and a lost packet.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// A head fits one packet; a client that needs longer is broken or hostile.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// 1 MiB in this time is 35 kB/s.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Longer than the 60 s for which nginx, and most balancers, keep an idle upstream connection:
/// they, not we, should be the ones to close it.
pub const IDLE_DEADLINE: Duration = Duration::from_secs(75);
/// As long as a body may take.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// The unit's stop timeout is longer than this and what the engine needs afterwards.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(20);
/// Stripe's heads take 600 bytes, a browser's with cookies a few thousand.
pub const HEAD_BYTES: usize = 16 * 1024;
/// The least hyper takes for its read buffer, in bytes.
pub const READ_BUFFER_BYTES_MIN: usize = 8 * 1024;
/// Connections the system keeps waiting for us; it caps this at its own `somaxconn`.
pub const BACKLOG: u32 = 1_024;
/// Pause after the system refused to accept, most often for want of descriptors: trying again
/// at once would spin, since the connection stays in the backlog.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time for a head that is on its way when the listener stops.
pub const STOP_GRACE: Duration = Duration::from_millis(500);

/// Requests under way in one HTTP/2 connection. With the window below it bounds what one
/// connection can make us hold.
pub const H2_STREAMS: u32 = 64;
/// What a client may send on one stream before we took any of it: eight times Stripe's usual event.
pub const H2_STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What a client may send on all streams of a connection before we took any of it.
pub const H2_CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// What we hold of an answer on one stream while the client does not take it.
pub const H2_SEND_BYTES: usize = 64 * 1024;
/// Pings find a peer that is gone without a word.
pub const H2_PING_INTERVAL: Duration = Duration::from_secs(30);
/// Longest time for a ping's answer.
pub const H2_PING_DEADLINE: Duration = Duration::from_secs(10);
/// Streams a client opened and reset that we did not see yet; more is the "rapid reset" attack.
pub const H2_RESETS_PENDING: usize = 20;

const _: () = assert!(HEAD_DEADLINE.as_secs() < IDLE_DEADLINE.as_secs());
const _: () = assert!(H2_STREAM_WINDOW_BYTES <= H2_CONNECTION_WINDOW_BYTES);
const _: () = assert!(PUBLIC_CONNECTIONS + CONSOLE_CONNECTIONS + SOCKET_CONNECTIONS < 1_024);

impl Limits {
    /// For webhooks, OAuth and payment pages.
    #[must_use]
    pub const fn public() -> Self {
        Self {
            connections: PUBLIC_CONNECTIONS,
            handshake_deadline: HANDSHAKE_DEADLINE,
            head_deadline: HEAD_DEADLINE,
            body_deadline: BODY_DEADLINE,
            idle_deadline: IDLE_DEADLINE,
            write_deadline: WRITE_DEADLINE,
            drain_deadline: DRAIN_DEADLINE,
            head_bytes: HEAD_BYTES,
        }
    }

    /// For the console, the API and metrics.
    #[must_use]
    pub const fn console() -> Self {
        Self {
            connections: CONSOLE_CONNECTIONS,
            ..Self::public()
        }
    }

    /// For the command line.
    #[must_use]
    pub const fn socket() -> Self {
        Self {
            connections: SOCKET_CONNECTIONS,
            ..Self::public()
        }
    }
}

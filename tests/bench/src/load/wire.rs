//! Connections: enough of HTTP/1.1 to send a request and to know when its answer is complete.

use super::Spec;
use super::shots::Shots;
use crate::num::{count, micros};
use crate::{Outcome, clock};
use std::io::{Read, Write};
use std::net::TcpStream as BlockingStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Longest answer: ours are empty or a line.
const ANSWER_BYTES: usize = 8_192;
/// How long an answer may take before its connection counts as broken.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// Answers, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Latency of each event, in microseconds.
    pub(crate) latencies: Vec<u32>,
    /// Answers 2xx.
    pub(crate) accepted: u64,
    /// Answers 4xx.
    pub(crate) refused: u64,
    /// All else.
    pub(crate) failed: u64,
}

impl Tally {
    fn count(&mut self, status: Option<u16>, latency: Duration) {
        match status {
            Some(200..=299) => self.accepted += 1,
            Some(400..=499) => self.refused += 1,
            _ => self.failed += 1,
        }
        self.latencies.push(micros(latency));
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.failed += other.failed;
    }
}

/// An answer that has come in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Whether the server closes the connection after it.
    last: bool,
}

/// The answer in `bytes`, once it is complete.
fn answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let (mut length, mut last) = (0, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        } else if name.eq_ignore_ascii_case("connection") {
            last = value.trim().eq_ignore_ascii_case("close");
        }
    }
    (count(bytes.len()) >= count(end) + 4 + length).then_some(Answer { status, last })
}

/// Opens the connections of a closed loop.
pub(crate) async fn connect(spec: &Spec) -> Outcome<Vec<TcpStream>> {
    let mut lanes = Vec::with_capacity(spec.connections);
    for _ in 0..spec.connections {
        let lane = TcpStream::connect(spec.target).await?;
        lane.set_nodelay(true)?;
        lanes.push(lane);
    }
    Ok(lanes)
}

/// Sends all events, each connection its next when its last was answered.
pub(crate) async fn closed(shots: &Arc<Shots>, lanes: &mut Vec<TcpStream>) -> Outcome<Tally> {
    let mut tasks = JoinSet::new();
    for lane in lanes.drain(..) {
        tasks.spawn(drive(Arc::clone(shots), lane));
    }
    let mut tally = Tally::default();
    while let Some(part) = tasks.join_next().await {
        tally.add(part??);
    }
    Ok(tally)
}

async fn drive(shots: Arc<Shots>, mut lane: TcpStream) -> Outcome<Tally> {
    let target = lane.peer_addr()?;
    let mut tally = Tally::default();
    let mut request = Vec::new();
    let mut reply = Vec::with_capacity(ANSWER_BYTES);
    while let Some(place) = shots.take() {
        shots.write(place, &mut request);
        let sent = clock::now();
        let answer = exchange(&mut lane, &request, &mut reply).await;
        tally.count(answer.map(|answer| answer.status), clock::now() - sent);
        if answer.is_none_or(|answer| answer.last) {
            lane = TcpStream::connect(target).await?;
            lane.set_nodelay(true)?;
        }
    }
    Ok(tally)
}

async fn exchange(lane: &mut TcpStream, request: &[u8], reply: &mut Vec<u8>) -> Option<Answer> {
    lane.write_all(request).await.ok()?;
    reply.clear();
    while reply.len() < ANSWER_BYTES {
        if lane.read_buf(reply).await.ok()? == 0 {
            return None;
        }
        if let Some(answer) = answer(reply) {
            return Some(answer);
        }
    }
    None
}

/// Opens the connections of an open loop.
pub(crate) fn connect_blocking(spec: &Spec) -> Outcome<Vec<BlockingStream>> {
    (0..spec.connections)
        .map(|_| dial(spec.target))
        .collect::<Outcome<_>>()
}

fn dial(target: std::net::SocketAddr) -> Outcome<BlockingStream> {
    let lane = BlockingStream::connect(target)?;
    lane.set_nodelay(true)?;
    lane.set_read_timeout(Some(ANSWER_DEADLINE))?;
    Ok(lane)
}

/// Sends all events, each when it is due or as soon after as a connection is free.
pub(crate) fn open(
    shots: &Arc<Shots>,
    lanes: Vec<BlockingStream>,
    first: Instant,
    rate: u32,
) -> Outcome<Tally> {
    let step = Duration::from_secs(1) / rate.max(1);
    let threads: Vec<_> = lanes
        .into_iter()
        .map(|lane| {
            let shots = Arc::clone(shots);
            thread::spawn(move || keep_pace(&shots, lane, first, step))
        })
        .collect();
    let mut tally = Tally::default();
    for part in threads {
        let part = part.join().map_err(|_| "a connection's thread failed")?;
        tally.add(part?);
    }
    Ok(tally)
}

fn keep_pace(
    shots: &Shots,
    mut lane: BlockingStream,
    first: Instant,
    step: Duration,
) -> Outcome<Tally> {
    let target = lane.peer_addr()?;
    let mut tally = Tally::default();
    let mut request = Vec::new();
    let mut reply = Vec::with_capacity(ANSWER_BYTES);
    while let Some(place) = shots.take() {
        shots.write(place, &mut request);
        let due = first + step.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX));
        clock::pause_until(due);
        let answer = exchange_blocking(&mut lane, &request, &mut reply);
        let latency = clock::now().saturating_duration_since(due);
        tally.count(answer.map(|answer| answer.status), latency);
        if answer.is_none_or(|answer| answer.last) {
            lane = dial(target)?;
        }
    }
    Ok(tally)
}

fn exchange_blocking(
    lane: &mut BlockingStream,
    request: &[u8],
    reply: &mut Vec<u8>,
) -> Option<Answer> {
    lane.write_all(request).ok()?;
    reply.clear();
    let mut part = [0_u8; 1_024];
    while reply.len() < ANSWER_BYTES {
        let length = lane.read(&mut part).ok()?;
        reply.extend_from_slice(part.get(..length).filter(|read| !read.is_empty())?);
        if let Some(answer) = answer(reply) {
            return Some(answer);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_body() {
        let whole =
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nconnection: close\r\n\r\nno\n";
        for end in 0..whole.len() {
            assert_eq!(answer(&whole[..end]), None, "{end}");
        }
        assert_eq!(
            answer(whole),
            Some(Answer {
                status: 400,
                last: true
            })
        );
        let empty = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(
            answer(empty),
            Some(Answer {
                status: 200,
                last: false
            })
        );
    }
}

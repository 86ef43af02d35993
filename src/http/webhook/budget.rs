//! Reads a body into memory, within limits: each body's, and that of all of them.

use crate::http::listener::RequestBody;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest delivery, in bytes. Stripe's largest events are a few hundred KiB.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Memory for bodies that are being read or judged, in bytes. Anybody can send us bodies, and
/// every connection could hold one of the largest.
pub const BUDGET_BYTES: usize = 32 * 1024 * 1024;
/// What a permit of the budget stands for, in bytes.
const UNIT_BYTES: usize = 1024;

const _: () = assert!(BODY_BYTES_MAX <= BUDGET_BYTES);

/// Memory for bodies, shared by all connections. Memory is taken as bytes arrive, so that a
/// client that announces a large body and sends none holds none.
#[derive(Clone, Debug)]
pub struct BodyBudget(Arc<Semaphore>);

impl Default for BodyBudget {
    fn default() -> Self {
        Self::new(BUDGET_BYTES)
    }
}

/// A body that was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than [`BODY_BYTES_MAX`].
    TooLarge,
    /// It was late, or the connection broke.
    Unfinished,
    /// The memory for bodies is used up.
    Busy,
}

/// A whole body, and its part of the budget.
#[derive(Debug)]
pub(super) struct Whole {
    bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Whole {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyBudget {
    /// A budget of `bytes`, rounded down to whole KiB.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT_BYTES)))
    }

    /// Reads a body to its end.
    pub(super) async fn read(&self, mut body: RequestBody) -> Result<Whole, Unread> {
        if body.size_hint().lower() > u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX) {
            return Err(Unread::TooLarge);
        }
        let mut memory: Option<OwnedSemaphorePermit> = None;
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        let mut total: usize = 0;
        while let Some(frame) = body.frame().await {
            // Trailers carry nothing we know.
            let Ok(data) = frame.map_err(|_| Unread::Unfinished)?.into_data() else {
                continue;
            };
            total = total.saturating_add(data.len());
            if total > BODY_BYTES_MAX {
                return Err(Unread::TooLarge);
            }
            self.charge(&mut memory, total)?;
            // Most bodies come in one piece, which is used as it is.
            if first.is_empty() && joined.is_empty() {
                first = data;
            } else {
                joined.extend_from_slice(&std::mem::take(&mut first));
                joined.extend_from_slice(&data);
            }
        }
        let bytes = if joined.is_empty() {
            first
        } else {
            joined.freeze()
        };
        Ok(Whole {
            bytes,
            _memory: memory,
        })
    }

    /// Makes `memory` enough for `total` bytes.
    fn charge(
        &self,
        memory: &mut Option<OwnedSemaphorePermit>,
        total: usize,
    ) -> Result<(), Unread> {
        let have = memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = total.div_ceil(UNIT_BYTES).saturating_sub(have);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Unread::Busy)?;
        let permit = Arc::clone(&self.0)
            .try_acquire_many_owned(more)
            .map_err(|_| Unread::Busy)?;
        match memory {
            Some(memory) => memory.merge(permit),
            None => *memory = Some(permit),
        }
        Ok(())
    }
}

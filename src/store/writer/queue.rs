//! What waits to be written.

use crate::store::error::{StoreError, WriteError};
use crate::store::tx::WriteTx;
use std::collections::VecDeque;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Most stories of one commit. A commit holds up every acknowledgement that comes after it, and
/// sharing wins little beyond this.
const BATCH_JOBS_MAX: usize = 512;

/// Most bytes of one commit, for the same reason: about 10 ms of a plain disk.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Tells the one who waits for a story how its commit went.
pub(super) type Answer = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

type Body = Box<dyn FnOnce(&mut WriteTx<'_>) -> (Result<(), StoreError>, Answer) + Send>;

/// A story that waits.
pub(super) struct Job {
    story: &'static str,
    bytes: usize,
    body: Body,
}

impl Job {
    /// The story, and where its answer will come.
    pub(super) fn new<T, F>(
        story: &'static str,
        bytes: usize,
        room: OwnedSemaphorePermit,
        body: F,
    ) -> (Self, oneshot::Receiver<Result<T, WriteError>>)
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let body: Body = Box::new(move |tx| {
            let (result, value) = match body(tx) {
                Ok(value) => (Ok(()), Some(value)),
                Err(error) => (Err(error), None),
            };
            let answer: Answer = Box::new(move |commit| {
                // Room is given back when the story is over, so that the bounds of the queue bound
                // what is being committed as well.
                drop(room);
                let answer = match (commit, value) {
                    (Ok(()), Some(value)) => Ok(value),
                    (Err(error), _) => Err(error),
                    (Ok(()), None) => Err(WriteError::WriterGone),
                };
                // Whoever asked may have gone; the story stands all the same.
                drop(sender.send(answer));
            });
            (result, answer)
        });
        (Self { story, bytes, body }, receiver)
    }

    pub(super) const fn story(&self) -> &'static str {
        self.story
    }

    pub(super) fn run(self, tx: &mut WriteTx<'_>) -> (Result<(), StoreError>, Answer) {
        (self.body)(tx)
    }
}

/// Stories in the order they came.
#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// How many stories the writer waits for before it looks.
    wake_at: usize,
    closed: bool,
    stopped: bool,
}

impl Queue {
    /// Queues a story, or drops it when nothing is taken any more; says whether the writer waits
    /// for just that.
    pub(super) fn push(&mut self, job: Job) -> bool {
        if !self.closed {
            self.jobs.push_back(job);
        }
        self.jobs.len() == self.wake_at
    }

    /// The writer waits for this many stories.
    pub(super) fn wake_at(&mut self, stories: usize) {
        self.wake_at = stories.min(BATCH_JOBS_MAX);
    }

    /// Whether too few stories wait yet.
    pub(super) fn keeps_waiting(&self) -> bool {
        self.jobs.len() < self.wake_at && !self.closed
    }

    /// The stories of the next commit: at least one, if any waits.
    pub(super) fn take_batch(&mut self) -> Vec<Job> {
        let mut bytes = 0_usize;
        let mut take = 0_usize;
        for job in &self.jobs {
            bytes = bytes.saturating_add(job.bytes);
            if take > 0 && (bytes > BATCH_BYTES_MAX || take >= BATCH_JOBS_MAX) {
                break;
            }
            take = take.saturating_add(1);
        }
        self.jobs.drain(..take).collect()
    }

    /// Takes nothing more.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    /// Takes nothing more, and gives up what waits.
    pub(super) fn stop(&mut self) -> VecDeque<Job> {
        self.closed = true;
        self.stopped = true;
        std::mem::take(&mut self.jobs)
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.stopped
    }
}

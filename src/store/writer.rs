//! The writer: named stories, many to a durable commit.
//!
//! A story is a closure over a [`WriteTx`]; its future ends after the commit that holds it is on
//! the disk. Stories that wait while a commit is under way share the next one.
//!
//! # Invariants
//!
//! - Stories run one after the other, in the order they were taken; each sees what those before it
//!   wrote.
//! - A story touches nothing but its transaction. Its only error is a [`StoreError`], and that is
//!   final for the writer, because stories that share its commit cannot be undone apart: a refusal,
//!   a conflict, a thing not found are values that a story returns.
//! - After an error nothing more is written: every story that did not run is answered with
//!   [`WriteError::WriterGone`], and [`Writer::failed`] ends, so that the process does.
//! - The queue is bounded in stories and bytes. [`Writer::write`] waits for room;
//!   [`Writer::try_insert_event`], which a sender waits for, does not.
//!
//! The core is a step ([`Shared::commit_next`]). A thread runs it in the daemon, the caller itself
//! in the simulation ([`Writer::inline`]).

mod queue;
mod stats;

use crate::store::Store;
use crate::store::error::{QueueFull, StoreError, WriteError};
use crate::store::inbox::{Inserted, PreparedEvent};
use crate::store::tx::WriteTx;
use queue::{Answer, Job, Queue};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, TryAcquireError, oneshot, watch};

pub use stats::{COMMIT_TIME_BOUNDS, WriterStats};

/// Room in the queue, in units of [`UNIT_BYTES`]: 32 MiB, and at most 8,192 stories. At 30,000
/// events a second this is a quarter of a second of waiting; more would only hide that the disk
/// does not keep up.
const QUEUE_UNITS: usize = 8_192;

/// What a unit of room stands for, in bytes. A story takes one, an event one for each begun unit.
const UNIT_BYTES: usize = 4_096;

/// Longest wait, after a shared commit, for the same number of stories to come again. It is also
/// never more than a quarter of the time that commit took, and a story that comes alone never
/// waits.
const LINGER_MAX: Duration = Duration::from_millis(1);

/// Writes to the store. Clones are the same writer; when the last one is gone, what is queued is
/// still written and then the thread ends.
#[derive(Clone)]
pub struct Writer {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    /// Whether callers run the step themselves.
    inline: bool,
    /// The thread, until somebody waits for its end.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the handles and the thread share.
struct Shared {
    store: Store,
    queue: Mutex<Queue>,
    /// Signalled when the queue gains a story or is closed.
    changed: Condvar,
    room: Arc<Semaphore>,
    state: watch::Sender<State>,
    stats: Mutex<WriterStats>,
}

/// How the writer is doing.
#[derive(Clone, Debug)]
enum State {
    Running,
    Closed,
    Failed(Arc<StoreError>),
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stepped {
    /// There was nothing to do.
    Idle,
    /// This many stories were committed, in this time.
    Committed(usize, Duration),
    /// The writer has stopped.
    Stopped,
}

impl Writer {
    /// A writer with a thread of its own.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn spawn(store: Store) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(store));
        let thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| StoreError::Io {
                doing: "start the store's writer",
                source: error.into(),
            })?;
        let handle = Arc::new(Handle {
            shared,
            inline: false,
            thread: Mutex::new(Some(thread)),
        });
        Ok(Self { handle })
    }

    /// A writer without a thread: whoever waits for a story commits it, together with all that is
    /// queued by then. What happens depends on nothing but the order of the callers.
    #[must_use]
    pub fn inline(store: Store) -> Self {
        let shared = Arc::new(Shared::new(store));
        let handle = Arc::new(Handle {
            shared,
            inline: true,
            thread: Mutex::new(None),
        });
        Self { handle }
    }

    /// Runs `body` as the story `story` and commits it. Waits for room in the queue first.
    ///
    /// The story is run, once it is queued, even if the future is dropped.
    ///
    /// # Errors
    ///
    /// The writer has stopped, or the story or its commit failed.
    pub fn write<T, F>(
        &self,
        story: &'static str,
        body: F,
    ) -> impl Future<Output = Result<T, WriteError>> + Send + 'static + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let handle = Arc::clone(&self.handle);
        async move {
            let room = Arc::clone(&handle.shared.room);
            let Ok(permit) = room.acquire_owned().await else {
                return Err(WriteError::WriterGone);
            };
            let (job, answer) = Job::new(story, UNIT_BYTES, permit, body);
            handle.shared.push(job);
            handle.answer(answer).await
        }
    }

    /// Puts an event in the inbox, if there is room in the queue now.
    ///
    /// # Errors
    ///
    /// There is no room. The future's errors are those of [`Writer::write`].
    pub fn try_insert_event(
        &self,
        event: PreparedEvent,
    ) -> Result<
        impl Future<Output = Result<Inserted, WriteError>> + Send + 'static + use<>,
        QueueFull,
    > {
        let bytes = event.bytes();
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).map_err(|_| QueueFull)?;
        let handle = Arc::clone(&self.handle);
        let answer = match Arc::clone(&handle.shared.room).try_acquire_many_owned(units) {
            Ok(permit) => {
                let (job, answer) = Job::new("receive event", bytes, permit, move |tx| {
                    tx.insert_event(&event)
                });
                handle.shared.push(job);
                Some(answer)
            }
            Err(TryAcquireError::NoPermits) => return Err(QueueFull),
            Err(TryAcquireError::Closed) => None,
        };
        Ok(async move {
            match answer {
                Some(answer) => handle.answer(answer).await,
                None => Err(WriteError::WriterGone),
            }
        })
    }

    /// Ends when the writer has stopped on an error, with that error; never otherwise.
    pub fn failed(&self) -> impl Future<Output = Arc<StoreError>> + Send + 'static + use<> {
        let mut state = self.handle.shared.state.subscribe();
        async move {
            loop {
                if let State::Failed(error) = &*state.borrow_and_update() {
                    return Arc::clone(error);
                }
                if state.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Takes nothing more, and ends when all that was taken is committed or the writer has failed.
    /// The thread holds the store no more then: whoever drops it last closes the file.
    pub async fn close(&self) {
        let mut state = self.handle.shared.state.subscribe();
        self.handle.shared.close();
        if self.handle.inline {
            while matches!(self.handle.shared.commit_next(), Stepped::Committed(..)) {}
        }
        // The sender lives as long as this handle does.
        state
            .wait_for(|state| !matches!(state, State::Running))
            .await
            .map(drop)
            .unwrap_or_default();
        // It said that it stopped, and has nothing left to do but to end.
        let thread = lock(&self.handle.thread).take();
        if let Some(Err(panic)) = thread.map(JoinHandle::join) {
            // What it panicked about is the writer's failure, which was told.
            drop(panic);
        }
    }

    /// What the writer did so far.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        let mut stats = lock(&self.handle.shared.stats).clone();
        stats.queued = lock(&self.handle.shared.queue).len();
        stats
    }
}

impl Handle {
    /// Waits for the answer to a story that was queued.
    async fn answer<T>(
        &self,
        mut answer: oneshot::Receiver<Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        if self.inline {
            // Others get the chance to queue, so that commits are shared here as well.
            yield_once().await;
            loop {
                match answer.try_recv() {
                    Ok(answer) => return answer,
                    Err(oneshot::error::TryRecvError::Closed) => {
                        return Err(WriteError::WriterGone);
                    }
                    Err(oneshot::error::TryRecvError::Empty) => {}
                }
                if !matches!(self.shared.commit_next(), Stepped::Committed(..)) {
                    break;
                }
            }
        }
        answer.await.unwrap_or(Err(WriteError::WriterGone))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn new(store: Store) -> Self {
        Self {
            store,
            queue: Mutex::new(Queue::default()),
            changed: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUE_UNITS)),
            state: watch::Sender::new(State::Running),
            stats: Mutex::new(WriterStats::default()),
        }
    }

    /// Queues a story; drops it, which answers it, when the writer takes no more.
    fn push(&self, job: Job) {
        if lock(&self.queue).push(job) {
            self.changed.notify_one();
        }
    }

    /// Commits what is queued, up to the limits of one commit.
    fn commit_next(&self) -> Stepped {
        let batch = {
            let mut queue = lock(&self.queue);
            if queue.is_stopped() {
                return Stepped::Stopped;
            }
            queue.take_batch()
        };
        if batch.is_empty() {
            if lock(&self.queue).is_closed() {
                self.stop(State::Closed);
                return Stepped::Stopped;
            }
            return Stepped::Idle;
        }
        let shared = batch.len();
        match self.commit(batch) {
            Ok(took) => Stepped::Committed(shared, took),
            Err(error) => {
                self.stop(State::Failed(error));
                Stepped::Stopped
            }
        }
    }

    /// Runs a batch in one transaction and answers its stories.
    fn commit(&self, batch: Vec<Job>) -> Result<Duration, Arc<StoreError>> {
        let timer = stats::Timer::start();
        let mut answers: Vec<(&'static str, Answer)> = Vec::with_capacity(batch.len());
        let outcome = self
            .store
            .commit(|tx| {
                for job in batch {
                    let story = job.story();
                    let span = tracing::trace_span!("story", story).entered();
                    let (result, answer) = job.run(tx);
                    drop(span);
                    answers.push((story, answer));
                    result?;
                }
                Ok(())
            })
            .map_err(Arc::new);
        // Counted before the answers, so that whoever was answered finds itself counted.
        let took = timer.elapsed();
        lock(&self.stats).count(answers.iter().map(|(story, _)| *story), took);
        for (story, answer) in answers {
            answer(match &outcome {
                Ok(()) => Ok(()),
                Err(source) => Err(WriteError::Failed {
                    story,
                    source: Arc::clone(source),
                }),
            });
        }
        outcome.map(|()| took)
    }

    fn close(&self) {
        lock(&self.queue).close();
        self.changed.notify_all();
    }

    /// Nothing is taken or run after this.
    fn stop(&self, state: State) {
        self.room.close();
        let dropped = lock(&self.queue).stop();
        drop(dropped);
        self.state.send_replace(state);
    }

    /// The thread.
    fn run(&self) {
        let guard = Guard(self);
        loop {
            match self.commit_next() {
                Stepped::Committed(1, _) => {}
                Stepped::Committed(shared, took) => self.linger(shared, took),
                Stepped::Idle => self.wait(),
                Stepped::Stopped => break,
            }
        }
        drop(guard);
    }

    /// Waits for the first story.
    fn wait(&self) {
        let mut queue = lock(&self.queue);
        queue.wake_at(1);
        while queue.keeps_waiting() {
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits a moment for those who were answered just now to come back, so that they share the
    /// next commit as they shared the last one.
    fn linger(&self, shared: usize, took: Duration) {
        let mut queue = lock(&self.queue);
        queue.wake_at(shared);
        if queue.keeps_waiting() {
            let wait = (took / 4).min(LINGER_MAX);
            drop(
                self.changed
                    .wait_timeout_while(queue, wait, |queue| queue.keeps_waiting()),
            );
        }
    }
}

/// Tells the others when the thread ends by a panic.
struct Guard<'a>(&'a Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if matches!(*self.0.state.borrow(), State::Running) {
            self.0.stop(State::Failed(Arc::new(StoreError::Panicked)));
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("inline", &self.handle.inline)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets other tasks run once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

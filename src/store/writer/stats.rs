//! What the writer counts of itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Upper bounds of the classes that commits are counted in by their length; a last class has the
/// longer ones.
pub const COMMIT_TIME_BOUNDS: [Duration; 10] = [
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_millis(2_500),
];

/// What the writer did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Commits, failed ones included.
    pub commits: u64,
    /// Stories run.
    pub jobs: u64,
    /// Most stories that shared a commit.
    pub jobs_in_commit_max: u64,
    /// Time of all commits, from the first story to the disk's word.
    pub commit_time: Duration,
    /// Commits by length: one class for each of [`COMMIT_TIME_BOUNDS`], and one above.
    pub commit_times: [u64; COMMIT_TIME_BOUNDS.len() + 1],
    /// Stories run, by name.
    pub stories: BTreeMap<&'static str, u64>,
    /// Stories that wait now.
    pub queued: usize,
}

impl WriterStats {
    pub(super) fn count(&mut self, stories: impl Iterator<Item = &'static str>, took: Duration) {
        let mut jobs = 0_u64;
        for story in stories {
            jobs = jobs.saturating_add(1);
            let count = self.stories.entry(story).or_default();
            *count = count.saturating_add(1);
        }
        self.commits = self.commits.saturating_add(1);
        self.jobs = self.jobs.saturating_add(jobs);
        self.jobs_in_commit_max = self.jobs_in_commit_max.max(jobs);
        self.commit_time = self.commit_time.saturating_add(took);
        let class = COMMIT_TIME_BOUNDS.partition_point(|bound| *bound < took);
        if let Some(count) = self.commit_times.get_mut(class) {
            *count = count.saturating_add(1);
        }
    }
}

/// Measures a commit. What it measures is shown to people and decides nothing, which is why the
/// machine's clock is asked here and not handed in.
pub(super) struct Timer(Instant);

impl Timer {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement of this process, not an input of it"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

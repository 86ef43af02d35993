//! A child process that never outlives its owner: ended by its id when the guard goes, and when
//! this process is told to end.

use crate::Outcome;
use crate::clock;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a process may take to end when asked to.
const STOP_DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked at meanwhile.
const STOP_STEP: Duration = Duration::from_millis(2);

/// Children that run now.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on SIGINT and SIGTERM end the children, run `last`, and end this process.
#[expect(clippy::exit, reason = "nothing else here looks for signals")]
pub(crate) fn end_on_signal(last: impl FnOnce() + Send + 'static) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok::<_, std::io::Error>((interrupt, signal(SignalKind::terminate())?))
    })?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            // Held to the end: whoever would start another child waits here.
            let running = running();
            for pid in running.iter() {
                drop(send("-KILL", *pid));
            }
            last();
            std::process::exit(1);
        })?;
    Ok(())
}

/// Sends a signal to a process.
fn send(signal: &str, pid: u32) -> Outcome<()> {
    let sent = Command::new("kill")
        .arg(signal)
        .arg(pid.to_string())
        .status()?;
    if sent.success() {
        Ok(())
    } else {
        Err(format!("kill {signal} {pid} failed").into())
    }
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
}

impl Guard {
    /// Starts `command`. Its standard input is a pipe held open by the guard, so that a child of
    /// ours notices when we are gone.
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut running = running();
        let child = command
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("start {name}: {error}"))?;
        running.insert(child.id());
        Ok(Self { child })
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line the child prints, without its end.
    pub(crate) fn first_line(&mut self) -> Outcome<String> {
        let stdout = self.child.stdout.take().ok_or("output is not piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Whether the child has ended by itself.
    pub(crate) fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks the child to end and waits until it has.
    pub(crate) fn stop(mut self) -> Outcome<ExitStatus> {
        send("-TERM", self.child.id())?;
        let deadline = clock::now() + STOP_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if clock::now() > deadline {
                return Err(format!("process {} did not end when asked", self.child.id()).into());
            }
            clock::pause(STOP_STEP);
        }
    }

    /// Ends the child at once, as `kill -9` does.
    pub(crate) fn kill(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only when the process has ended and was waited for: what is wanted here.
        let mut running = running();
        drop(self.child.kill());
        drop(self.child.wait());
        running.remove(&self.child.id());
    }
}

//! A child process that never outlives its owner: ended by its id when the guard goes.

use crate::Outcome;
use crate::clock;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a process may take to end when asked to.
const STOP_DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked at meanwhile.
const STOP_STEP: Duration = Duration::from_millis(2);

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
        let child = command
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("start {name}: {error}"))?;
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
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status()?;
        if !asked.success() {
            return Err(format!("kill -TERM {} failed", self.child.id()).into());
        }
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
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

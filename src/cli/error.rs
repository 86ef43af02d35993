//! How a command ends: an exit code that means something, and a failure a person can act on.

use std::error::Error;
use std::process::ExitCode;

/// What the exit code of the process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was done.
    Ok,
    /// It failed or was refused.
    Failed,
    /// The command line, or what it names, makes no sense.
    Usage,
    /// `status`: the daemon runs and something needs a person.
    Degraded,
    /// The daemon does not run.
    NotRunning,
    /// `doctor`: nothing worse than warnings.
    Warnings,
    /// A remote cannot be reached, or does not let us in.
    Unavailable,
    /// Files, sockets or the store.
    Io,
    /// Another instance holds the store.
    InUse,
    /// We may not.
    Permission,
    /// The configuration.
    Config,
}

impl Exit {
    /// The number that the shell sees. Scripts and the systemd unit rely on it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Degraded => 3,
            Self::NotRunning => 4,
            Self::Warnings => 5,
            Self::Unavailable => 69,
            Self::Io => 74,
            Self::InUse => 75,
            Self::Permission => 77,
            Self::Config => 78,
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Degraded => "degraded",
            Self::NotRunning => "not_running",
            Self::Warnings => "warnings",
            Self::Unavailable => "unavailable",
            Self::Io => "io",
            Self::InUse => "in_use",
            Self::Permission => "permission",
            Self::Config => "configuration",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that failed: what, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What failed.
    pub message: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The result of a command.
pub type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    /// A failure without causes.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// A failure with an error's text and its causes.
    #[must_use]
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, error.to_string()).because(error.source())
    }

    /// The same failure, with this cause and the causes of it.
    #[must_use]
    pub fn because(mut self, cause: Option<&dyn Error>) -> Self {
        let mut cause = cause;
        while let Some(error) = cause {
            let text = error.to_string();
            let said = self.causes.last().unwrap_or(&self.message);
            // Several libraries repeat their source in their own message.
            if !text.is_empty() && !said.ends_with(&text) {
                self.causes.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// The same failure with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure as the API writes one.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": {
                "code": self.exit.as_str(),
                "message": self.message,
                "causes": self.causes,
                "hint": self.hint,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn every_cause_is_told_once() {
        let deep = Step {
            text: "no such file",
            source: None,
        };
        let middle = Step {
            text: "read it: no such file",
            source: Some(Box::new(deep)),
        };
        let top = Step {
            text: "load",
            source: Some(Box::new(middle)),
        };
        let failure = Failure::of(Exit::Io, &top);
        assert_eq!(failure.message, "load");
        assert_eq!(failure.causes, ["read it: no such file"]);
    }

    #[test]
    fn exit_codes_are_those_that_scripts_rely_on() {
        let codes = [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Degraded,
            Exit::NotRunning,
            Exit::Warnings,
            Exit::Unavailable,
            Exit::Io,
            Exit::InUse,
            Exit::Permission,
            Exit::Config,
        ]
        .map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 69, 74, 75, 77, 78]);
    }
}

//! Log lines: where they go, in which form, and from which level.
//!
//! Lines go to standard error or to journald; the filter can be changed while the daemon runs.
//! Not here: reading the environment, which `cli` does.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::PanicHookInfo;
use std::sync::Mutex;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt as lines, reload};

/// What is logged unless told otherwise.
pub const DEFAULT_FILTER: &str = "info";

/// Where lines go, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Coloured lines for a person at a terminal.
    Terminal,
    /// One JSON object per line on standard error.
    Json,
    /// Structured entries for journald; fields become `ZENSTRIPE_…`.
    Journal,
}

impl Output {
    /// Looks at standard error: a terminal, the journal if `journal_stream` (systemd's variable
    /// of that name) describes it, JSON otherwise.
    #[must_use]
    pub fn detect(journal_stream: Option<&str>) -> Self {
        let stderr = io::stderr();
        let identity = || -> io::Result<(u64, u64)> {
            let file = std::fs::File::from(stderr.as_fd().try_clone_to_owned()?);
            let metadata = file.metadata()?;
            Ok((metadata.dev(), metadata.ino()))
        };
        Self::choose(stderr.is_terminal(), journal_stream, identity().ok())
    }

    /// The rule behind [`Output::detect`]. A child that inherits the variable but has its standard
    /// error elsewhere must not write to the journal, hence the comparison of device and inode.
    fn choose(terminal: bool, journal_stream: Option<&str>, stderr: Option<(u64, u64)>) -> Self {
        let journal = journal_stream.and_then(|text| {
            let (device, inode) = text.split_once(':')?;
            Some((device.parse().ok()?, inode.parse().ok()?))
        });
        match (terminal, journal, stderr) {
            (true, _, _) => Self::Terminal,
            (false, Some(journal), Some(stderr)) if journal == stderr => Self::Journal,
            _ => Self::Json,
        }
    }
}

/// Logging that could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The text is not a filter such as `info` or `info,zenstripe::store=debug`.
    #[error("read log filter \"{text}\"")]
    Filter {
        /// What was given.
        text: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// journald does not listen.
    #[error("open the journal")]
    Journal {
        /// Why not.
        source: io::Error,
    },
    /// Logging was started before in this process.
    #[error("start logging")]
    Start {
        /// What the library says.
        source: TryInitError,
    },
    /// The subscriber is gone.
    #[error("change log filter")]
    Change {
        /// What the library says.
        source: reload::Error,
    },
}

/// Changes what is logged while the daemon runs.
pub struct Filter {
    handle: reload::Handle<Targets, Registry>,
    text: Mutex<String>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.current()).finish()
    }
}

impl Filter {
    /// The filter in force.
    #[must_use]
    pub fn current(&self) -> String {
        self.text
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Puts `text` in force.
    ///
    /// # Errors
    ///
    /// Text that is no filter changes nothing.
    pub fn set(&self, text: &str) -> Result<(), LogError> {
        let mut current = self
            .text
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.handle
            .reload(parse(text)?)
            .map_err(|source| LogError::Change { source })?;
        text.clone_into(&mut current);
        Ok(())
    }
}

/// Starts logging for this process, panics included.
///
/// # Errors
///
/// A filter that does not parse, a journal that does not listen, or a second start.
pub fn start(output: Output, filter: &str) -> Result<Filter, LogError> {
    let (filter_layer, handle) = reload::Layer::new(parse(filter)?);
    let writer = || lines::layer().with_writer(io::stderr);
    let sink: Box<dyn Layer<_> + Send + Sync> = match output {
        Output::Terminal => writer().with_ansi(true).compact().boxed(),
        Output::Json => writer().json().flatten_event(true).boxed(),
        Output::Journal => tracing_journald::layer()
            .map_err(|source| LogError::Journal { source })?
            .with_syslog_identifier("zenstripe".to_owned())
            .with_field_prefix(Some("ZENSTRIPE".to_owned()))
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(filter_layer)
        .with(sink)
        .try_init()
        .map_err(|source| LogError::Start { source })?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Filter {
        handle,
        text: Mutex::new(filter.to_owned()),
    })
}

fn parse(text: &str) -> Result<Targets, LogError> {
    text.parse().map_err(|source| LogError::Filter {
        text: text.to_owned(),
        source,
    })
}

/// The place of a panic is for everyone; its message may quote a customer's data.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(event = "panic", place, "a task panicked");
    tracing::debug!(
        event = "panic",
        message = info.payload_as_str(),
        "its message"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_follows_what_standard_error_is() {
        for (terminal, stream, stderr, output) in [
            (true, Some("8:42"), Some((8, 42)), Output::Terminal),
            (false, Some("8:42"), Some((8, 42)), Output::Journal),
            (false, Some("8:42"), Some((8, 43)), Output::Json),
            (false, Some("8:42"), None, Output::Json),
            (false, Some("nonsense"), Some((8, 42)), Output::Json),
            (false, None, Some((8, 42)), Output::Json),
        ] {
            assert_eq!(Output::choose(terminal, stream, stderr), output);
        }
    }

    #[test]
    fn the_filter_changes_while_running_and_a_bad_one_changes_nothing() {
        let filter = start(Output::Json, "error").unwrap();
        assert!(!tracing::enabled!(tracing::Level::WARN));
        filter.set("warn").unwrap();
        assert!(tracing::enabled!(tracing::Level::WARN));
        assert!(matches!(filter.set("a=b=c"), Err(LogError::Filter { .. })));
        assert_eq!(filter.current(), "warn");
        assert!(matches!(
            start(Output::Json, "info"),
            Err(LogError::Start { .. })
        ));
    }
}

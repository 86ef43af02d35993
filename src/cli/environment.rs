//! What the environment says, read once.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that mean something to us. Configuration never comes from here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NO_COLOR`: no colours, whatever its value (no-color.org).
    pub no_color: bool,
    /// `CREDENTIALS_DIRECTORY`: where systemd put the service's credentials.
    pub credentials: Option<PathBuf>,
    /// `JOURNAL_STREAM`: device and inode of the journal's socket.
    pub journal_stream: Option<String>,
    /// `ZENSTRIPE_LOG`: what is logged, such as `info,zenstripe::engine=debug`.
    pub log: Option<String>,
}

impl Environment {
    /// Reads the process's environment.
    #[must_use]
    pub fn read() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value: OsString| value.into_string().ok());
        Self {
            no_color: set("NO_COLOR").is_some(),
            credentials: set("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            journal_stream: text("JOURNAL_STREAM"),
            log: text("ZENSTRIPE_LOG"),
        }
    }
}

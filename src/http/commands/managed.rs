//! What the console changes in the configuration's file, and why it may not be changed.

use crate::http::reply::{Class, Failure};
use crate::sync::policy::Policy;
use serde::Serialize;

/// What the configuration's file says that the console may change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Managed {
    /// The main file.
    pub path: String,
    /// The sync type, by its word in the file.
    pub sync: String,
    /// The fields that travel, by their words; `None` where that is every field.
    pub fields: Option<Vec<String>>,
    /// Pairs of metadata that travel besides, `stripe = zenskar`.
    pub metadata: Vec<String>,
}

/// What a change would do to the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The file as it is.
    pub managed: Managed,
    /// Names its text as it is.
    pub seen: String,
    /// Lines that go (`-`) and come (`+`).
    pub lines: Vec<(char, String)>,
    /// Whether the daemon may write it.
    pub is_writable: bool,
    /// The drop-in that sets it instead, with the line.
    pub elsewhere: Option<String>,
    /// What a person puts into the file where the daemon may not.
    pub paste: String,
    /// The rules that would be in force.
    #[serde(skip)]
    pub policy: Policy,
}

/// Why the file is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// It cannot be read, or is not valid as it is.
    Unreadable(String),
    /// It changed since it was looked at.
    Changed,
    /// The daemon may not write it.
    NotWritable(String),
    /// It would not be valid.
    Invalid(String),
    /// It was written, the reload refused it, and it was put back.
    Refused(String),
}

/// Why the file is not changed, as an answer.
impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unreadable(why) => Self::new(Class::Unavailable, "unreadable", why),
            ChangeError::Changed => Self::new(
                Class::Conflict,
                "changed",
                "the file changed meanwhile; nothing was saved",
            )
            .hint("Look at what it says now, and save again."),
            ChangeError::NotWritable(why) => Self::new(
                Class::Conflict,
                "not_writable",
                format!("the file cannot be written: {why}"),
            )
            .hint("Put the lines into the file that are shown below; it is read again by itself."),
            ChangeError::Invalid(why) => Self::new(
                Class::Refused,
                "configuration",
                format!("this is no valid configuration; nothing was saved: {why}"),
            ),
            ChangeError::Refused(why) => Self::new(
                Class::Refused,
                "configuration",
                format!("it was not taken over, and the file is as it was: {why}"),
            ),
        }
    }
}

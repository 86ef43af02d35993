//! Logins to the console, and what was done, for its pages.

use super::customers::history_row;
use super::{CommandError, done, invalid};
use crate::engine::Engine;
use crate::engine::secret::{NoRandomness, digest, draw};
use crate::engine::view::{ConsoleLogin, Done, HistoryRow, Page};
use crate::model::journal::Entry;
use crate::model::session::{Login, Role};
use crate::sync::session::LOGIN_LIFETIME;

impl From<NoRandomness> for CommandError {
    fn from(error: NoRandomness) -> Self {
        Self::Refused {
            message: error.to_string(),
            hint: "see the system's log".to_owned(),
        }
    }
}

impl Engine {
    /// Lets `person` sign in once, because `who` says so.
    pub(super) async fn issue_login(
        &self,
        role: Role,
        person: &str,
        who: &str,
    ) -> Result<ConsoleLogin, CommandError> {
        let token = draw()?;
        let kept = digest(&token);
        let now = self.clock.now();
        let login = Login {
            who: person.to_owned(),
            role,
            expires_at: now.plus(LOGIN_LIFETIME),
            used_at: None,
        };
        let subject = format!("person/{person}");
        let mut entry = Entry::engine(now, "login issued", &subject).with("role", &role);
        who.clone_into(&mut entry.who);
        let view = ConsoleLogin {
            url: String::new(),
            token: token.to_string(),
            who: login.who.clone(),
            role: role.to_string(),
            expires_at: login.expires_at.to_string(),
        };
        self.writer
            .write("issue login", move |tx| {
                tx.put_login(&kept, &login)?;
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        Ok(view)
    }

    /// Signs everybody out, and makes useless what would let somebody in.
    pub(super) async fn end_sessions(&self, who: &str) -> Result<Done, CommandError> {
        let now = self.clock.now();
        let mut entry = Entry::engine(now, "everybody signed out", &"console");
        who.clone_into(&mut entry.who);
        let ended = self
            .writer
            .write("end sessions", move |tx| {
                let ended = tx.prune_sessions(|_| true)?;
                let spent = tx.spend_logins(now)?;
                let entry = entry.with("sessions", &ended).with("logins", &spent);
                tx.append_journal(&entry)?;
                Ok(ended)
            })
            .await?;
        let count = u64::try_from(ended).unwrap_or(u64::MAX);
        let message = format!("everybody is signed out of the console; sessions ended: {count}");
        Ok(done(message, count))
    }

    /// Notes in the activity that a person changed the configuration.
    pub(super) async fn note_configuration(
        &self,
        changed: &[String],
        who: &str,
    ) -> Result<Done, CommandError> {
        let now = self.clock.now();
        let mut entry = Entry::engine(now, "configuration changed", &"configuration");
        for change in changed {
            let (key, values) = change.split_once(": ").unwrap_or((change, ""));
            entry = entry.with(key, &values);
        }
        who.clone_into(&mut entry.who);
        self.writer
            .write("note configuration", move |tx| {
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        Ok(done("noted", 1))
    }

    /// What was done and why, newest first.
    pub(super) fn activity(
        &self,
        about: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<HistoryRow>, CommandError> {
        let before = after.map(str::parse::<u64>).transpose();
        let before = before.map_err(|error| invalid(&error))?;
        let read = self.store.read()?;
        let page = match about {
            None => read.journal(before, limit)?,
            Some(subject) => read.journal_of(subject, before, limit)?,
        };
        let rows = page.entries.into_iter();
        Ok(Page {
            rows: rows.map(|numbered| history_row(numbered.entry)).collect(),
            next: page.next.map(|next| next.to_string()),
        })
    }
}

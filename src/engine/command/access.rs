//! Who gets in: tokens, and who is signed in to the console.

use super::{CommandError, done, json};
use crate::engine::Engine;
use crate::engine::secret::{digest, hex};
use crate::engine::tokens::draw_text;
use crate::engine::view::{AccessView, Done, Page, SessionRow, TokenMade, TokenRow};
use crate::model::journal::Entry;
use crate::model::session::{Digest, Role, Session, TOKEN_PREFIX};
use crate::model::time::Timestamp;
use crate::model::token::{self, Token};
use crate::sync::session;
use crate::sync::token::{LIFETIME_MAX, is_over, lifetime};
use serde_json::Value as Json;
use std::time::Duration;

/// Tokens at a time. Nobody has so many programs.
const TOKENS_MAX: usize = 1_000;

/// Digits of a session's id: enough to tell sessions apart, and nothing of the secret.
const ID_DIGITS: usize = 16;

/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;

/// An action about who gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Tokens and sessions: [`AccessView`].
    All,
    /// Tokens: [`Page`] of [`TokenRow`].
    Tokens,
    /// Make a token: [`TokenMade`].
    MakeToken {
        /// Its name; else one is made of its number.
        name: Option<String>,
        /// What may be done with it.
        role: Role,
        /// How long it works; else as long as most.
        lifetime: Option<Duration>,
        /// Who says so.
        who: String,
    },
    /// Make a token useless: [`Done`].
    RevokeToken {
        /// Its name or its number.
        called: String,
        /// Who says so.
        who: String,
    },
    /// Let a person sign in to the console, once: [`ConsoleLogin`](crate::engine::view::ConsoleLogin).
    Login {
        /// What they may do.
        role: Role,
        /// Who they are.
        person: String,
        /// Who says so.
        who: String,
    },
    /// Who is signed in to the console: [`Page`] of [`SessionRow`].
    Sessions,
    /// Sign somebody out: [`Done`].
    EndSession {
        /// The session's id, as the list shows it.
        id: String,
        /// Who says so.
        who: String,
    },
    /// Sign everybody out, and spend every login: [`Done`].
    EndSessions {
        /// Who says so.
        who: String,
    },
}

/// Why no token was made.
enum Unmade {
    Taken(String),
    TooMany,
}

impl Engine {
    pub(super) async fn access(&self, access: Access) -> Result<Json, CommandError> {
        match access {
            Access::All => json(&AccessView {
                tokens: self.tokens()?,
                sessions: self.sessions()?,
            }),
            Access::Tokens => json(&whole(self.tokens()?)),
            Access::MakeToken {
                name,
                role,
                lifetime,
                who,
            } => json(
                &self
                    .make_token(name.as_deref(), role, lifetime, &who)
                    .await?,
            ),
            Access::RevokeToken { called, who } => json(&self.revoke_token(&called, &who).await?),
            Access::Login { role, person, who } => {
                json(&self.issue_login(role, &person, &who).await?)
            }
            Access::Sessions => json(&whole(self.sessions()?)),
            Access::EndSession { id, who } => json(&self.end_session(&id, &who).await?),
            Access::EndSessions { who } => json(&self.end_sessions(&who).await?),
        }
    }

    /// Tokens in the order they were made.
    fn tokens(&self) -> Result<Vec<TokenRow>, CommandError> {
        let now = self.clock.now();
        let mut tokens = self.store.read()?.tokens()?;
        tokens.sort_by_key(|token| token.number);
        Ok(tokens.iter().map(|token| token_row(token, now)).collect())
    }

    /// Open sessions, the last that was heard of first.
    fn sessions(&self) -> Result<Vec<SessionRow>, CommandError> {
        let now = self.clock.now();
        let mut sessions = self.store.read()?.sessions()?;
        sessions.retain(|(_, session)| !session::is_over(session, now));
        sessions.sort_by_key(|(_, session)| std::cmp::Reverse(session.seen_at));
        let rows = sessions.iter();
        Ok(rows
            .map(|(key, session)| session_row(key, session))
            .collect())
    }

    async fn make_token(
        &self,
        name: Option<&str>,
        role: Role,
        asked: Option<Duration>,
        who: &str,
    ) -> Result<TokenMade, CommandError> {
        let named = name.map(|name| token::name(name).ok_or_else(|| bad_name(name)));
        let named = named.transpose()?;
        let lifetime = lifetime(asked).ok_or_else(bad_lifetime)?;
        let text = draw_text()?;
        let (key, now, made_by) = (digest(&text), self.clock.now(), who.to_owned());
        let make = move |number| Token {
            number,
            name: named.unwrap_or_else(|| format!("token-{number}")),
            role,
            made_by,
            made_at: now,
            expires_at: now.plus(lifetime),
            used_at: None,
        };
        let made = self.writer.write("make token", move |tx| {
            let token = make(tx.next_token_number()?);
            tx.prune_tokens(|other| other.name == token.name && is_over(other, now))?;
            let others = tx.tokens()?;
            if others.iter().any(|other| other.name == token.name) {
                return Ok(Err(Unmade::Taken(token.name)));
            }
            if others.len() >= TOKENS_MAX {
                return Ok(Err(Unmade::TooMany));
            }
            let mut entry = Entry::engine(now, "token made", &subject(&token))
                .with("role", &token.role)
                .with("expires", &token.expires_at);
            token.made_by.clone_into(&mut entry.who);
            tx.put_token(&key, &token)?;
            tx.append_journal(&entry)?;
            Ok(Ok(token))
        });
        let token = made.await?.map_err(unmade)?;
        Ok(TokenMade {
            token: text.to_string(),
            api: String::new(),
            row: token_row(&token, now),
        })
    }

    async fn revoke_token(&self, called: &str, who: &str) -> Result<Done, CommandError> {
        let (now, who, wanted) = (self.clock.now(), who.to_owned(), called.to_owned());
        let revoked = self.writer.write("revoke token", move |tx| {
            let tokens = tx.tokens()?;
            let Some(token) = tokens.into_iter().find(|token| token.is_called(&wanted)) else {
                return Ok(None);
            };
            tx.prune_tokens(|other| other.number == token.number)?;
            let entry = Entry::engine(now, "token revoked", &subject(&token));
            let entry = entry.with("role", &token.role);
            tx.append_journal(&Entry { who, ..entry })?;
            Ok(Some(token.name))
        });
        let name = revoked.await?.ok_or_else(|| {
            CommandError::NotFound(format!(
                "there is no token {called}; it may be revoked already"
            ))
        })?;
        Ok(done(format!("the token {name} lets nobody in any more"), 1))
    }

    async fn end_session(&self, id: &str, who: &str) -> Result<Done, CommandError> {
        let (now, who, wanted) = (self.clock.now(), who.to_owned(), id.to_owned());
        let ended = self.writer.write("end session", move |tx| {
            let sessions = tx.sessions()?.into_iter();
            let mut wanted = sessions.filter(|(key, _)| session_id(key) == wanted);
            let Some((key, session)) = wanted.next() else {
                return Ok(None);
            };
            tx.remove_session(&key)?;
            let subject = format!("person/{}", session.who);
            let entry = Entry::engine(now, "session ended", &subject).with("role", &session.role);
            tx.append_journal(&Entry { who, ..entry })?;
            Ok(Some(session.who))
        });
        let person = ended.await?.ok_or_else(|| {
            CommandError::NotFound(format!("there is no session {id}; it may have ended"))
        })?;
        Ok(done(format!("{person} is signed out"), 1))
    }
}

/// How the activity names a token, as what was acted upon and as who acts.
fn subject(token: &Token) -> String {
    format!("{TOKEN_PREFIX}{}", token.name)
}

/// A list that is never longer than a page.
const fn whole<T>(rows: Vec<T>) -> Page<T> {
    Page { rows, next: None }
}

fn token_row(token: &Token, now: Timestamp) -> TokenRow {
    TokenRow {
        number: token.number,
        name: token.name.clone(),
        role: token.role.to_string(),
        made_by: token.made_by.clone(),
        made_at: token.made_at.to_string(),
        expires_at: token.expires_at.to_string(),
        used_at: token.used_at.map(|at| at.to_string()),
        expired: is_over(token, now),
    }
}

fn session_row(key: &Digest, session: &Session) -> SessionRow {
    SessionRow {
        id: session_id(key),
        who: session.who.clone(),
        role: session.role.to_string(),
        began_at: session.began_at.to_string(),
        seen_at: session.seen_at.to_string(),
    }
}

/// What a session is called in lists.
#[must_use]
pub fn session_id(key: &Digest) -> String {
    let mut id = hex(key);
    id.truncate(ID_DIGITS);
    id
}

fn bad_name(name: &str) -> CommandError {
    CommandError::Invalid(format!(
        "{name:?} cannot be a token's name: expected letters, digits, \"-\", \"_\" and \".\", at most {}, \
         beginning with a letter or digit, and not digits alone",
        token::NAME_BYTES_MAX
    ))
}

fn bad_lifetime() -> CommandError {
    let days = LIFETIME_MAX.as_secs() / DAY_SECONDS;
    CommandError::Invalid(format!(
        "a token works for some time, at most {days} days: one that never ends is a way in that \
         nobody remembers"
    ))
}

fn unmade(why: Unmade) -> CommandError {
    let (message, hint) = match why {
        Unmade::Taken(name) => (
            format!("a token is called {name} already"),
            "revoke it first, or take another name",
        ),
        Unmade::TooMany => (
            "there are too many tokens".to_owned(),
            "revoke those that nobody uses",
        ),
    };
    CommandError::Refused {
        message,
        hint: hint.to_owned(),
    }
}

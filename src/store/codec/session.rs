//! Stored forms of logins and sessions of the console.

use crate::model::session::{Login, Role, Session};
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct LoginV1 {
    who: String,
    role: u8,
    expires_at: i64,
    used_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct SessionV1 {
    who: String,
    role: u8,
    began_at: i64,
    seen_at: i64,
}

/// A role's number in a record.
pub(super) const fn number(role: Role) -> u8 {
    match role {
        Role::Viewer => 1,
        Role::Operator => 2,
        Role::Admin => 3,
    }
}

/// The role with this number.
pub(super) fn role(stored: u8) -> Result<Role, RecordError> {
    let mut roles = Role::ALL.into_iter();
    let found = roles.find(|role| number(*role) == stored);
    found.ok_or(RecordError::Rule("no role has this number"))
}

impl Record for Login {
    const TAG: Tag = Tag::Login;
    const VERSION: u16 = 1;
    type Newest = LoginV1;

    fn to_newest(&self) -> Result<LoginV1, RecordError> {
        Ok(LoginV1 {
            who: self.who.clone(),
            role: number(self.role),
            expires_at: self.expires_at.micros(),
            used_at: self.used_at.map(|at| at.micros()),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: LoginV1 = body(bytes)?;
                Ok(Self {
                    who: stored.who,
                    role: role(stored.role)?,
                    expires_at: time(stored.expires_at),
                    used_at: stored.used_at.map(time),
                })
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl Record for Session {
    const TAG: Tag = Tag::Session;
    const VERSION: u16 = 1;
    type Newest = SessionV1;

    fn to_newest(&self) -> Result<SessionV1, RecordError> {
        Ok(SessionV1 {
            who: self.who.clone(),
            role: number(self.role),
            began_at: self.began_at.micros(),
            seen_at: self.seen_at.micros(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: SessionV1 = body(bytes)?;
                Ok(Self {
                    who: stored.who,
                    role: role(stored.role)?,
                    began_at: time(stored.began_at),
                    seen_at: time(stored.seen_at),
                })
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}

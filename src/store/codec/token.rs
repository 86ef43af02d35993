//! Stored form of tokens.

use crate::model::token::Token;
use crate::store::codec::fields::time;
use crate::store::codec::session::{number, role};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct TokenV1 {
    number: u64,
    name: String,
    role: u8,
    made_by: String,
    made_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

impl Record for Token {
    const TAG: Tag = Tag::Token;
    const VERSION: u16 = 1;
    type Newest = TokenV1;

    fn to_newest(&self) -> Result<TokenV1, RecordError> {
        Ok(TokenV1 {
            number: self.number,
            name: self.name.clone(),
            role: number(self.role),
            made_by: self.made_by.clone(),
            made_at: self.made_at.micros(),
            expires_at: self.expires_at.micros(),
            used_at: self.used_at.map(|at| at.micros()),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: TokenV1 = body(bytes)?;
                Ok(Self {
                    number: stored.number,
                    name: stored.name,
                    role: role(stored.role)?,
                    made_by: stored.made_by,
                    made_at: time(stored.made_at),
                    expires_at: time(stored.expires_at),
                    used_at: stored.used_at.map(time),
                })
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}

//! Stored form of what was granted over OAuth.

use crate::model::connection::{Ended, Grant, GrantState};
use crate::model::id::AccountId;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct GrantV1 {
    state: StateV1,
    redeeming: Option<i64>,
    unwanted: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum StateV1 {
    None,
    Held {
        account: String,
        since: i64,
    },
    Ended {
        account: Option<String>,
        why: EndedV1,
        since: i64,
    },
}

#[derive(Serialize, Deserialize)]
enum EndedV1 {
    Person,
    Revoked,
    Unsettled,
}

impl Record for Grant {
    const TAG: Tag = Tag::Grant;
    const VERSION: u16 = 1;
    type Newest = GrantV1;

    fn to_newest(&self) -> Result<GrantV1, RecordError> {
        let text = |account: &AccountId| account.as_str().to_owned();
        Ok(GrantV1 {
            state: match &self.state {
                GrantState::None => StateV1::None,
                GrantState::Held { account, since } => StateV1::Held {
                    account: text(account),
                    since: since.micros(),
                },
                GrantState::Ended {
                    account,
                    why,
                    since,
                } => StateV1::Ended {
                    account: account.as_ref().map(text),
                    why: match why {
                        Ended::Person => EndedV1::Person,
                        Ended::Revoked => EndedV1::Revoked,
                        Ended::Unsettled => EndedV1::Unsettled,
                    },
                    since: since.micros(),
                },
            },
            redeeming: self.redeeming.map(|at| at.micros()),
            unwanted: self.unwanted.as_ref().map(text),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<GrantV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<GrantV1> for Grant {
    type Error = RecordError;

    fn try_from(stored: GrantV1) -> Result<Self, RecordError> {
        let account = |text: Option<String>| text.as_deref().map(AccountId::parse).transpose();
        Ok(Self {
            state: match stored.state {
                StateV1::None => GrantState::None,
                StateV1::Held { account, since } => GrantState::Held {
                    account: AccountId::parse(&account)?,
                    since: time(since),
                },
                StateV1::Ended {
                    account: of,
                    why,
                    since,
                } => GrantState::Ended {
                    account: account(of)?,
                    why: match why {
                        EndedV1::Person => Ended::Person,
                        EndedV1::Revoked => Ended::Revoked,
                        EndedV1::Unsettled => Ended::Unsettled,
                    },
                    since: time(since),
                },
            },
            redeeming: stored.redeeming.map(time),
            unwanted: account(stored.unwanted)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::store::codec::tests::{hex, unhex};
    use crate::store::codec::{decode, encode};

    /// Frozen: the bytes of version 1.
    const GOLDEN_ENDED: &str = "\
        18010002000000010600000000000000616363745f310100000040420f00000000000180841e000000000001\
        0600000000000000616363745f32";

    /// Frozen: the bytes of version 1.
    const GOLDEN_HELD: &str = "\
        180100010000000600000000000000616363745f3140420f00000000000000";

    #[test]
    fn version_1_is_pinned() {
        let acct = |id| AccountId::parse(id).unwrap();
        let at = Timestamp::from_seconds;
        let ended = Grant {
            state: GrantState::Ended {
                account: Some(acct("acct_1")),
                why: Ended::Revoked,
                since: at(1),
            },
            redeeming: Some(at(2)),
            unwanted: Some(acct("acct_2")),
        };
        let held = Grant {
            state: GrantState::Held {
                account: acct("acct_1"),
                since: at(1),
            },
            ..Grant::default()
        };
        for (grant, golden) in [(ended, GOLDEN_ENDED), (held, GOLDEN_HELD)] {
            assert_eq!(hex(&encode(&grant).unwrap()), golden);
            assert_eq!(decode::<Grant>(&unhex(golden)).unwrap(), grant);
        }
        for why in [Ended::Person, Ended::Revoked, Ended::Unsettled] {
            let grant = Grant {
                state: GrantState::Ended {
                    account: None,
                    why,
                    since: at(1),
                },
                ..Grant::default()
            };
            assert_eq!(decode::<Grant>(&encode(&grant).unwrap()).unwrap(), grant);
        }
    }
}

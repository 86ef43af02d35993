//! Stored form of what is kept of our webhook endpoint.

use crate::model::endpoint::{ENDPOINT_ID_BYTES_MAX, Kept, Registration};
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RegistrationV1 {
    round: u64,
    making: Option<i64>,
    kept: Option<KeptV1>,
}

#[derive(Serialize, Deserialize)]
struct KeptV1 {
    id: String,
    url: String,
    api_version: String,
    connect: bool,
}

impl Record for Registration {
    const TAG: Tag = Tag::Registration;
    const VERSION: u16 = 1;
    type Newest = RegistrationV1;

    fn to_newest(&self) -> Result<RegistrationV1, RecordError> {
        let kept = self.kept.as_ref().map(|kept| {
            check(&kept.id)?;
            Ok::<_, RecordError>(KeptV1 {
                id: kept.id.clone(),
                url: kept.url.clone(),
                api_version: kept.api_version.clone(),
                connect: kept.connect,
            })
        });
        Ok(RegistrationV1 {
            round: self.round,
            making: self.making.map(|at| at.micros()),
            kept: kept.transpose()?,
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<RegistrationV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<RegistrationV1> for Registration {
    type Error = RecordError;

    fn try_from(stored: RegistrationV1) -> Result<Self, RecordError> {
        if let Some(kept) = &stored.kept {
            check(&kept.id)?;
        }
        Ok(Self {
            round: stored.round,
            making: stored.making.map(time),
            kept: stored.kept.map(|kept| Kept {
                id: kept.id,
                url: kept.url,
                api_version: kept.api_version,
                connect: kept.connect,
            }),
        })
    }
}

fn check(id: &str) -> Result<(), RecordError> {
    if (1..=ENDPOINT_ID_BYTES_MAX).contains(&id.len()) {
        Ok(())
    } else {
        Err(RecordError::Rule(
            "the id of an endpoint has 1 to 255 bytes",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::store::codec::tests::{hex, unhex};
    use crate::store::codec::{decode, encode};

    /// Frozen: the bytes of version 1.
    const GOLDEN: &str = "\
        19010003000000000000000140420f000000000001040000000000000077655f310b00000000000000687474\
        70733a2f2f612f620200000000000000763101";

    #[test]
    fn version_1_is_pinned() {
        let mut registration = Registration {
            round: 3,
            making: Some(Timestamp::from_seconds(1)),
            kept: Some(Kept {
                id: "we_1".to_owned(),
                url: "https://a/b".to_owned(),
                api_version: "v1".to_owned(),
                connect: true,
            }),
        };
        assert_eq!(hex(&encode(&registration).unwrap()), GOLDEN);
        let read: Registration = decode(&unhex(GOLDEN)).unwrap();
        assert_eq!(read, registration);
        if let Some(kept) = &mut registration.kept {
            kept.id.clear();
        }
        assert!(matches!(encode(&registration), Err(RecordError::Rule(_))));
    }
}

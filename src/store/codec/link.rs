//! Stored forms of a link and of the differences of one.

use crate::model::difference::{Difference, Held};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkProof, LinkState};
use crate::store::codec::fields::{
    FieldV1, FieldsV1, SideV1, ValueV1, from_fields, time, to_fields,
};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct LinkV1 {
    stripe: String,
    zenskar: String,
    version: u64,
    base: FieldsV1,
    state: LinkStateV1,
    proof: LinkProofV1,
    made_at: i64,
    planned_at: i64,
}

#[derive(Serialize, Deserialize)]
enum LinkStateV1 {
    Active,
    Deleted(SideV1),
    Unlinked,
}

#[derive(Serialize, Deserialize)]
enum LinkProofV1 {
    Mapping,
    Person,
    Metadata,
    ExternalId,
    Email,
}

impl Record for Link {
    const TAG: Tag = Tag::Link;
    const VERSION: u16 = 1;
    type Newest = LinkV1;

    fn to_newest(&self) -> Result<LinkV1, RecordError> {
        Ok(LinkV1 {
            stripe: self.stripe.as_str().to_owned(),
            zenskar: self.zenskar.as_str().to_owned(),
            version: self.version,
            base: from_fields(&self.base),
            state: match self.state {
                LinkState::Active => LinkStateV1::Active,
                LinkState::Deleted(side) => LinkStateV1::Deleted(side.into()),
                LinkState::Unlinked => LinkStateV1::Unlinked,
            },
            proof: match self.proof {
                LinkProof::Mapping => LinkProofV1::Mapping,
                LinkProof::Person => LinkProofV1::Person,
                LinkProof::Metadata => LinkProofV1::Metadata,
                LinkProof::ExternalId => LinkProofV1::ExternalId,
                LinkProof::Email => LinkProofV1::Email,
            },
            made_at: self.made_at.micros(),
            planned_at: self.planned_at.micros(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<LinkV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<LinkV1> for Link {
    type Error = RecordError;

    fn try_from(stored: LinkV1) -> Result<Self, RecordError> {
        Ok(Self {
            stripe: StripeCustomerId::parse(&stored.stripe)?,
            zenskar: ZenskarCustomerId::parse(&stored.zenskar)?,
            version: stored.version,
            base: to_fields(stored.base)?,
            state: match stored.state {
                LinkStateV1::Active => LinkState::Active,
                LinkStateV1::Deleted(side) => LinkState::Deleted(side.into()),
                LinkStateV1::Unlinked => LinkState::Unlinked,
            },
            proof: match stored.proof {
                LinkProofV1::Mapping => LinkProof::Mapping,
                LinkProofV1::Person => LinkProof::Person,
                LinkProofV1::Metadata => LinkProof::Metadata,
                LinkProofV1::ExternalId => LinkProof::ExternalId,
                LinkProofV1::Email => LinkProof::Email,
            },
            made_at: time(stored.made_at),
            planned_at: time(stored.planned_at),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DifferenceV1 {
    field: FieldV1,
    stripe: ValueV1,
    zenskar: ValueV1,
    base: Option<ValueV1>,
    why: HeldV1,
}

#[derive(Serialize, Deserialize)]
enum HeldV1 {
    NoBase,
    Drift,
    WouldBlank,
    Conflict,
    NotTaken,
    Refused,
}

/// The differences of one link; never none.
impl Record for Vec<Difference> {
    const TAG: Tag = Tag::Differences;
    const VERSION: u16 = 1;
    type Newest = Vec<DifferenceV1>;

    fn to_newest(&self) -> Result<Vec<DifferenceV1>, RecordError> {
        check(self)?;
        Ok(self.iter().map(DifferenceV1::from).collect())
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        let list: Self = match version {
            1 => body::<Vec<DifferenceV1>>(bytes)?
                .into_iter()
                .map(Difference::from)
                .collect(),
            _ => return Err(RecordError::Version(version)),
        };
        check(&list)?;
        Ok(list)
    }
}

const fn check(list: &[Difference]) -> Result<(), RecordError> {
    if list.is_empty() {
        Err(RecordError::Rule("a list of differences is empty"))
    } else {
        Ok(())
    }
}

impl From<&Difference> for DifferenceV1 {
    fn from(difference: &Difference) -> Self {
        Self {
            field: difference.field.into(),
            stripe: (&difference.stripe).into(),
            zenskar: (&difference.zenskar).into(),
            base: difference.base.as_ref().map(ValueV1::from),
            why: match difference.why {
                Held::NoBase => HeldV1::NoBase,
                Held::Drift => HeldV1::Drift,
                Held::WouldBlank => HeldV1::WouldBlank,
                Held::Conflict => HeldV1::Conflict,
                Held::NotTaken => HeldV1::NotTaken,
                Held::Refused => HeldV1::Refused,
            },
        }
    }
}

impl From<DifferenceV1> for Difference {
    fn from(stored: DifferenceV1) -> Self {
        Self {
            field: stored.field.into(),
            stripe: stored.stripe.into(),
            zenskar: stored.zenskar.into(),
            base: stored.base.map(Into::into),
            why: match stored.why {
                HeldV1::NoBase => Held::NoBase,
                HeldV1::Drift => Held::Drift,
                HeldV1::WouldBlank => Held::WouldBlank,
                HeldV1::Conflict => Held::Conflict,
                HeldV1::NotTaken => Held::NotTaken,
                HeldV1::Refused => Held::Refused,
            },
        }
    }
}

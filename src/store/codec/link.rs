//! Stored forms of a link and of the differences of one.
//!
//! Version 2 knows more fields, values and reasons than version 1, version 3 of a link one more
//! proof, and version 4 one more state, all behind those of the version before, so that one form
//! reads all.

use crate::model::difference::{Difference, Held};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkProof, LinkState};
use crate::store::codec::fields::{
    FieldV2, FieldsV2, SideV1, ValueV2, from_fields, time, to_fields,
};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct LinkV4 {
    stripe: String,
    zenskar: String,
    version: u64,
    base: FieldsV2,
    state: LinkStateV4,
    proof: LinkProofV2,
    made_at: i64,
    planned_at: i64,
}

#[derive(Serialize, Deserialize)]
enum LinkStateV4 {
    Active,
    Deleted(SideV1),
    Unlinked,
    Unknown,
}

#[derive(Serialize, Deserialize)]
enum LinkProofV2 {
    Mapping,
    Person,
    Metadata,
    ExternalId,
    Email,
    Created,
}

impl Record for Link {
    const TAG: Tag = Tag::Link;
    const VERSION: u16 = 4;
    type Newest = LinkV4;

    fn to_newest(&self) -> Result<LinkV4, RecordError> {
        Ok(LinkV4 {
            stripe: self.stripe.as_str().to_owned(),
            zenskar: self.zenskar.as_str().to_owned(),
            version: self.version,
            base: from_fields(&self.base),
            state: match self.state {
                LinkState::Active => LinkStateV4::Active,
                LinkState::Deleted(side) => LinkStateV4::Deleted(side.into()),
                LinkState::Unlinked => LinkStateV4::Unlinked,
                LinkState::Unknown => LinkStateV4::Unknown,
            },
            proof: match self.proof {
                LinkProof::Mapping => LinkProofV2::Mapping,
                LinkProof::Person => LinkProofV2::Person,
                LinkProof::Metadata => LinkProofV2::Metadata,
                LinkProof::ExternalId => LinkProofV2::ExternalId,
                LinkProof::Email => LinkProofV2::Email,
                LinkProof::Created => LinkProofV2::Created,
            },
            made_at: self.made_at.micros(),
            planned_at: self.planned_at.micros(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1..=4 => body::<LinkV4>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<LinkV4> for Link {
    type Error = RecordError;

    fn try_from(stored: LinkV4) -> Result<Self, RecordError> {
        Ok(Self {
            stripe: StripeCustomerId::parse(&stored.stripe)?,
            zenskar: ZenskarCustomerId::parse(&stored.zenskar)?,
            version: stored.version,
            base: to_fields(stored.base)?,
            state: match stored.state {
                LinkStateV4::Active => LinkState::Active,
                LinkStateV4::Deleted(side) => LinkState::Deleted(side.into()),
                LinkStateV4::Unlinked => LinkState::Unlinked,
                LinkStateV4::Unknown => LinkState::Unknown,
            },
            proof: match stored.proof {
                LinkProofV2::Mapping => LinkProof::Mapping,
                LinkProofV2::Person => LinkProof::Person,
                LinkProofV2::Metadata => LinkProof::Metadata,
                LinkProofV2::ExternalId => LinkProof::ExternalId,
                LinkProofV2::Email => LinkProof::Email,
                LinkProofV2::Created => LinkProof::Created,
            },
            made_at: time(stored.made_at),
            planned_at: time(stored.planned_at),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DifferenceV2 {
    field: FieldV2,
    stripe: ValueV2,
    zenskar: ValueV2,
    base: Option<ValueV2>,
    why: HeldV2,
}

#[derive(Serialize, Deserialize)]
enum HeldV2 {
    NoBase,
    Drift,
    WouldBlank,
    Conflict,
    NotTaken,
    Refused,
    Nested,
}

/// The differences of one link; never none.
impl Record for Vec<Difference> {
    const TAG: Tag = Tag::Differences;
    const VERSION: u16 = 2;
    type Newest = Vec<DifferenceV2>;

    fn to_newest(&self) -> Result<Vec<DifferenceV2>, RecordError> {
        check(self)?;
        Ok(self.iter().map(DifferenceV2::from).collect())
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        let list: Self = match version {
            1 | 2 => body::<Vec<DifferenceV2>>(bytes)?
                .into_iter()
                .map(Difference::try_from)
                .collect::<Result<_, _>>()?,
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

impl From<&Difference> for DifferenceV2 {
    fn from(difference: &Difference) -> Self {
        Self {
            field: difference.field.into(),
            stripe: (&difference.stripe).into(),
            zenskar: (&difference.zenskar).into(),
            base: difference.base.as_ref().map(ValueV2::from),
            why: match difference.why {
                Held::NoBase => HeldV2::NoBase,
                Held::Drift => HeldV2::Drift,
                Held::WouldBlank => HeldV2::WouldBlank,
                Held::Conflict => HeldV2::Conflict,
                Held::NotTaken => HeldV2::NotTaken,
                Held::Refused => HeldV2::Refused,
                Held::Nested => HeldV2::Nested,
            },
        }
    }
}

impl TryFrom<DifferenceV2> for Difference {
    type Error = RecordError;

    fn try_from(stored: DifferenceV2) -> Result<Self, RecordError> {
        Ok(Self {
            field: stored.field.try_into()?,
            stripe: stored.stripe.into(),
            zenskar: stored.zenskar.into(),
            base: stored.base.map(Into::into),
            why: match stored.why {
                HeldV2::NoBase => Held::NoBase,
                HeldV2::Drift => Held::Drift,
                HeldV2::WouldBlank => Held::WouldBlank,
                HeldV2::Conflict => Held::Conflict,
                HeldV2::NotTaken => Held::NotTaken,
                HeldV2::Refused => Held::Refused,
                HeldV2::Nested => Held::Nested,
            },
        })
    }
}

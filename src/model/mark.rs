//! Ids in eight bytes, to remember a million of them in eight megabytes.

/// A customer's mark: what its id comes to in eight bytes.
///
/// Two ids may have the same mark. That one of a million others has a given id's is as likely as to
/// guess a number below eighteen million million, so a mark may say that nothing needs to be
/// done, and never that something must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    /// The mark of `id`: FNV-1a, its bits mixed. Stored marks rest on it, so it never changes.
    #[must_use]
    pub fn of(id: &str) -> Self {
        let folded = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |mark, byte| {
            (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (folded ^ (folded >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self(mixed ^ (mixed >> 32))
    }

    /// The mark as it is stored.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The mark that was stored as `number`.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn marks_of_a_hundred_thousand_ids_differ() {
        let marks: BTreeSet<Mark> = (0..100_000_u32)
            .map(|number| Mark::of(&format!("cus_{number:014}")))
            .collect();
        assert_eq!(marks.len(), 100_000);
    }

    #[test]
    fn a_mark_never_changes() {
        let mark = Mark::of("cus_NffrFeUfNV2Hib");
        assert_eq!(Mark::from_number(mark.number()), mark);
        assert_eq!(mark.number(), 8_219_542_250_681_816_409);
    }
}

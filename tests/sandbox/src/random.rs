//! Seeded randomness: the ids and secrets of the sandbox.
//!
//! The same seed and the same calls give the same ids. It is not for security.

/// The letters of Stripe's ids.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A `SplitMix64` generator.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// `prefix` followed by `length` letters and digits.
    pub(crate) fn id(&mut self, prefix: &str, length: usize) -> String {
        let mut id = String::with_capacity(prefix.len() + length);
        id.push_str(prefix);
        let mut bits = 0_u64;
        for n in 0..length {
            if n % 10 == 0 {
                bits = self.next();
            }
            let letter = usize::try_from(bits % 62)
                .ok()
                .and_then(|at| LETTERS.get(at));
            id.push(char::from(*letter.unwrap_or(&b'0')));
            bits /= 62;
        }
        id
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xFFFF,
            a & 0xFFF,
            0x8000 | ((b >> 48) & 0x3FFF),
            b & 0xFFFF_FFFF_FFFF,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn same_seed_same_ids() {
        let (mut one, mut two, mut other) = (Random::new(7), Random::new(7), Random::new(8));
        let id = one.id("cus_", 14);
        assert_eq!(id, two.id("cus_", 14));
        assert_ne!(id, other.id("cus_", 14));
        assert_eq!(id.len(), 18);
        let uuid = one.uuid();
        assert_eq!((uuid.len(), uuid.get(14..15)), (36, Some("4")));
        assert_eq!(uuid, two.uuid());
    }
}

//! Identifiers of the benchmark's own customers and events: numbers in the clothes of the real
//! ones, so that they lie as scattered in an index as the real ones do.

/// Digits of Stripe's identifiers.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Places of a customer's id that scatter it; the number itself follows.
const SCATTER: usize = 8;
/// Places of a customer's id that hold its number.
const NUMBER: usize = 6;

/// A number scattered over 64 bits, one to one (the finalizer of splitmix64).
pub(crate) const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fills `place` with the last digits of `value` in base 62.
pub(crate) fn digits(mut value: u64, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        let rest = usize::try_from(value % 62).unwrap_or(0);
        *digit = DIGITS.get(rest).copied().unwrap_or(b'0');
        value /= 62;
    }
}

/// Fills `place` with scattered digits that depend on `seed`. Eleven digits hold 64 bits, so two
/// places of that length or more are equal only when their seeds are.
pub(crate) fn scatter(seed: u64, place: &mut [u8]) {
    for (round, part) in (0_u64..).zip(place.chunks_mut(11)) {
        digits(mix(seed.wrapping_add(round << 60)), part);
    }
}

/// The Stripe id of customer `number`, as `cus_…` with 14 digits.
pub(crate) fn stripe_customer(number: u64) -> String {
    let mut id = [0_u8; SCATTER + NUMBER];
    let (scattered, plain) = id.split_at_mut(SCATTER);
    digits(mix(number), scattered);
    digits(number, plain);
    format!("cus_{}", String::from_utf8_lossy(&id))
}

/// The number of the customer with this Stripe id.
pub(crate) fn stripe_number(id: &str) -> Option<u64> {
    let plain = id.strip_prefix("cus_")?.get(SCATTER..)?;
    plain.bytes().try_fold(0_u64, |number, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        Some(number * 62 + u64::try_from(digit).ok()?)
    })
}

/// The Zenskar id of customer `number`: a UUID.
pub(crate) fn zenskar_customer(number: u64) -> String {
    let scattered = mix(number ^ 0x5a5a);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{number:012x}",
        scattered >> 32,
        (scattered >> 16) & 0xffff,
        scattered & 0xfff,
        (scattered >> 12) & 0xfff,
    )
}

/// The number of the customer with this Zenskar id.
pub(crate) fn zenskar_number(id: &str) -> Option<u64> {
    let (_, number) = id.rsplit_once('-')?;
    u64::from_str_radix(number, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_from_both_ids() {
        for number in [0, 1, 61, 62, 999_999, 56_800_235_583] {
            let stripe = stripe_customer(number);
            assert_eq!(stripe.len(), 18);
            assert_eq!(stripe_number(&stripe), Some(number));
            let zenskar = zenskar_customer(number);
            assert_eq!(zenskar.len(), 36);
            assert_eq!(zenskar_number(&zenskar), Some(number));
        }
        assert_eq!(stripe_number("cus_abc"), None);
        assert_eq!(zenskar_number("abc"), None);
    }

    #[test]
    fn scattered_digits_differ() {
        let (mut one, mut two) = ([0_u8; 23], [0_u8; 23]);
        scatter(1, &mut one);
        scatter(2, &mut two);
        assert_ne!(one, two);
        assert!(one.iter().all(u8::is_ascii_alphanumeric));
    }
}

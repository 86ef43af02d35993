//! A record of the store, of any kind.
//!
//! Damage is an error, never a panic; what is read can be written, and then reads as the same.

use zenstripe::store::survey;

pub(crate) fn run(input: &[u8]) {
    let Ok(written) = survey(input) else {
        return;
    };
    let again = survey(&written);
    assert_eq!(
        again.ok().as_deref(),
        Some(written.as_slice()),
        "a record that changes when it is read and written"
    );
}

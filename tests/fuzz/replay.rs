//! Replays the fuzz corpora, with the stable compiler and on every run of the tests.
//!
//! Each seed is run as it is, cut off at every byte, and with every byte damaged in a few ways:
//! what a target must survive is nearest to what it accepts.

#![expect(
    clippy::expect_used,
    reason = "a corpus that can't be read is a failed test"
)]

#[path = "targets/configuration.rs"]
mod configuration;
#[path = "targets/event.rs"]
mod event;
#[path = "targets/signature_header.rs"]
mod signature_header;
#[path = "targets/stored_record.rs"]
mod stored_record;

use std::path::PathBuf;

/// What a damaged byte becomes.
const DAMAGE: [fn(u8) -> u8; 3] = [|_| 0, |_| 0xff, |byte| byte ^ 1];

/// Seeds are small, so that replaying them is quick.
const SEED_BYTES_MAX: usize = 4_096;

#[test]
fn signature_headers() {
    replay("signature_header", signature_header::run);
}

#[test]
fn events() {
    replay("event", event::run);
}

#[test]
fn stored_records() {
    replay("stored_record", stored_record::run);
}

#[test]
fn configurations() {
    replay("configuration", configuration::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    for seed in corpus(target) {
        run(&seed);
        for at in 0..seed.len() {
            let (kept, _) = seed.split_at(at);
            run(kept);
            for damage in DAMAGE {
                let mut damaged = seed.clone();
                if let Some(byte) = damaged.get_mut(at) {
                    *byte = damage(*byte);
                }
                run(&damaged);
            }
        }
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target);
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder).expect("each target has a corpus") {
        let path = entry.expect("it can be listed").path();
        let seed = std::fs::read(&path).expect("a seed can be read");
        let small = seed.len() <= SEED_BYTES_MAX;
        assert!(small, "{} is larger than a seed should be", path.display());
        seeds.push(seed);
    }
    assert!(!seeds.is_empty(), "the corpus of {target} is empty");
    seeds
}

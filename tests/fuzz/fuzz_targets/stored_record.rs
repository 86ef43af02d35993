//! Fuzzes `targets/stored_record.rs`.

#![no_main]

#[path = "../targets/stored_record.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|input: &[u8]| target::run(input));

//! Fuzzes `targets/signature_header.rs`.

#![no_main]

#[path = "../targets/signature_header.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|input: &[u8]| target::run(input));

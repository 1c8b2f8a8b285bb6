//! A node among liars, as in the laws of the node, but guided by coverage.
#![no_main]

#[path = "../../core/tests/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::run(bytes);
});

//! `cargo fuzz run --features libfuzzer ask_tell`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    optiformer_fuzz::ask_tell::run(data);
});

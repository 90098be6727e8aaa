//! `cargo fuzz run --features libfuzzer journal`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    optiformer_fuzz::journal::run(data);
});

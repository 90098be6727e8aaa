//! `cargo fuzz run --features libfuzzer weights`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    optiformer_fuzz::weights::run(data);
});

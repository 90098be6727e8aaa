//! `cargo fuzz run --features libfuzzer space_json`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    optiformer_fuzz::space_json::run(data);
});

//! `cargo fuzz run --features libfuzzer c_abi`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    optiformer_fuzz::c_abi::run(data);
});

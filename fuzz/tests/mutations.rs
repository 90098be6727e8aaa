//! Drives the fuzz targets without libFuzzer.
//!
//! The inputs depend on their number alone. Each target runs a fixed number of them, or, with
//! `OPTIFORMER_FUZZ_SECONDS`, as many as fit into that time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use optiformer_fuzz::{ask_tell, c_abi, journal, mutation::Mutator, space_json, weights};

/// Longest time that one input may take, in a build with debug assertions on a busy machine.
const MAX_SECONDS: f64 = 10.0;

fn drive(name: &str, seeds: &[Vec<u8>], inputs: u64, run: fn(&[u8]) -> bool) {
    for (number, seed) in seeds.iter().enumerate() {
        assert!(run(seed), "{name}: seed {number} is refused");
    }
    let seconds = std::env::var("OPTIFORMER_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("OPTIFORMER_FUZZ_SECONDS is a number"));
    let start = Instant::now();
    let is_over = |number: u64| match seconds {
        Some(seconds) => start.elapsed() >= Duration::from_secs_f64(seconds),
        None => number >= inputs,
    };
    let (mut number, mut accepted) = (0, 0);
    while !is_over(number) {
        let input = Mutator::new(number).mutate(seeds);
        let begun = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| run(&input))) {
            Ok(is_accepted) => accepted += u64::from(is_accepted),
            Err(_) => panic!("{name}: input {number} is a finding:\n{}", input.escape_ascii()),
        }
        let took = begun.elapsed().as_secs_f64();
        assert!(
            took < MAX_SECONDS,
            "{name}: input {number} takes {took} s:\n{}",
            input.escape_ascii()
        );
        number += 1;
    }
    println!(
        "{name}: {number} inputs, {accepted} accepted, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    // Too few of either, and half of the code behind the target is not reached.
    assert!(accepted > number / 50 && accepted < number, "{name}: {accepted} of {number} accepted");
}

#[test]
fn weights_are_read_or_refused() {
    drive("weights", &weights::seeds(), 2_000, weights::run);
}

#[test]
fn journals_are_read_or_refused() {
    drive("journal", &journal::seeds(), 20_000, journal::run);
}

#[test]
fn spaces_are_read_or_refused() {
    drive("space_json", &space_json::seeds(), 20_000, space_json::run);
}

#[test]
fn every_line_gets_a_reply() {
    drive("ask_tell", &ask_tell::seeds(), 5_000, ask_tell::run);
}

#[test]
fn every_sequence_of_calls_gets_statuses() {
    drive("c_abi", &c_abi::seeds(), 1_000, c_abi::run);
}

/// The driver finds what it should: a target that fails on one kind of input is reported.
#[test]
fn a_planted_failure_is_found() {
    let fragile: fn(&[u8]) -> bool = |bytes| {
        assert!(!bytes.contains(&0xFF), "planted");
        true
    };
    let found = catch_unwind(|| drive("planted", &[b"fine".to_vec()], 2_000, fragile));
    let message = *found.expect_err("no input had the byte").downcast::<String>().unwrap();
    assert!(message.contains("planted: input"), "{message}");
}

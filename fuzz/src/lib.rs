//! Fuzz targets: what reads bytes from strangers must answer with a value or an error.
//!
//! Each target is a function of bytes, `run`, with `seeds` of valid inputs. A panic, a failed
//! assertion or an endless loop is a finding. Two drivers call them:
//!
//! - libFuzzer, guided by coverage, on a nightly toolchain:
//!   `cargo run -p optiformer-fuzz --example corpus`, then
//!   `CARGO_PROFILE_RELEASE_LTO=off cargo fuzz run --features libfuzzer weights` (link-time
//!   optimization would leave all but the target itself without instrumentation);
//! - `tests/mutations.rs`, on any toolchain, with deterministic mutations of the seeds.

pub mod ask_tell;
pub mod c_abi;
pub mod journal;
pub mod mutation;
pub mod space_json;
pub mod weights;

use optiformer::space::{Configuration, Space};

/// Draws from a space, and checks that what comes out belongs to it.
///
/// # Panics
///
/// When the space makes a configuration that it refuses.
fn exercise_space(space: &Space) {
    for unit in [0.0, 0.25, 0.5, 1.0, f64::NAN] {
        let configuration = space.from_unit(&vec![unit; space.len()]);
        check_legal(space, &configuration);
        let back = space.to_unit(&configuration);
        assert!(back.iter().all(|unit| (0.0..=1.0).contains(unit)), "{back:?} of {space:?}");
    }
}

fn check_legal(space: &Space, configuration: &Configuration) {
    if let Err(error) = space.validate(configuration) {
        panic!("{error}: {configuration:?} of {space:?}");
    }
}

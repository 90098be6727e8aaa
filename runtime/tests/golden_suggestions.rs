//! Suggestions that stay the same in every bit: a change that is meant to leave behavior alone is
//! held against them.
//!
//! The samplers here compute with IEEE 754 operations, the Rust port of libm, and locked versions
//! of the random number generators, so that a digest is the same on every processor and operating
//! system. `optiformer` and `auto` are left out: the transformer's forward pass takes the kernels
//! that the processor has, and those round differently.
//!
//! Where behavior is meant to change, the message of the failed test has the new table.
#![cfg(feature = "classical")]

use optiformer::{
    samplers::{self, Request},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

/// How many suggestions are asked of each sampler in each space.
const ASKS: u64 = 40;

/// Space, sampler, and the digest of the sampler's suggestions.
const GOLDEN: &[(&str, &str, u64)] = &[
    ("float", "tpe", 0x83A1525032ACF4C2),
    ("float", "cma_es", 0xA8AA5930FA99D142),
    ("float", "local_search", 0x37F43E09084035E9),
    ("float", "sobol", 0x9CD1B25793F94144),
    ("float", "random", 0x3313BB85C1849260),
    ("float", "gp", 0xC6CFCCE148441D73),
    ("mixed", "tpe", 0xAFF19C0613B52A0D),
    ("mixed", "cma_es", 0x4B7ADC9FD0CC3D18),
    ("mixed", "local_search", 0x7D3C08C9C3613057),
    ("mixed", "sobol", 0x964F35E9267323FB),
    ("mixed", "random", 0x69BB60531ECCC2F4),
    ("mixed", "gp", 0x4E0BE847A039A236),
    ("conditional", "tpe", 0x3ADCEAC345D75A52),
    ("conditional", "cma_es", 0xDECA30299547E266),
    ("conditional", "local_search", 0xE8E9E0AEDCBBA69E),
    ("conditional", "sobol", 0x8658255685BA3BED),
    ("conditional", "random", 0xEEF5CCDEAC0183E2),
    ("conditional", "gp", 0xA735DF3702BE2E66),
    ("categorical", "tpe", 0x978C36BF606666A5),
    ("categorical", "cma_es", 0x28B2E23B0B6C2E5D),
    ("categorical", "local_search", 0xEF5BAD8C82D7C9D5),
    ("categorical", "sobol", 0x700CCD5D154942ED),
    ("categorical", "random", 0x1786DD85E362F528),
    ("categorical", "gp", 0xC85F9053F2C50EFD),
];

fn spaces() -> [(&'static str, Space); 4] {
    let space = |parameters| Space::new(parameters).unwrap();
    [
        (
            "float",
            space(vec![
                Parameter::float("x", -5.0, 5.0),
                Parameter::float("y", 1e-5, 1.0).log(),
                Parameter::float("z", 0.0, 1.0),
                Parameter::float("w", -1.0, 3.0),
            ]),
        ),
        (
            "mixed",
            space(vec![
                Parameter::float("rate", 1e-5, 1.0).log(),
                Parameter::int("units", 1, 256).log(),
                Parameter::float("dropout", 0.0, 0.5).step(0.1),
                Parameter::categorical("kind", ["a", "b", "c"]),
                Parameter::int("depth", 1, 5),
            ]),
        ),
        (
            "conditional",
            space(vec![
                Parameter::categorical("model", ["tree", "net", "none"]),
                Parameter::int("depth", 1, 12).when("model", ["tree"]),
                Parameter::float("rate", 1e-4, 1.0).log().when("model", ["net"]),
                Parameter::categorical("solver", ["sgd", "adam"]).when("model", ["net"]),
                Parameter::float("momentum", 0.0, 0.99).when("solver", ["sgd"]),
                Parameter::float("ridge", 0.0, 1.0),
            ]),
        ),
        (
            "categorical",
            space(vec![
                Parameter::categorical("p", ["a", "b", "c", "d"]),
                Parameter::categorical("q", ["a", "b", "c"]),
                Parameter::categorical("r", ["a", "b", "c", "d", "e"]),
            ]),
        ),
    ]
}

/// A loss made of additions and multiplications alone, which round alike everywhere; one trial in
/// seven or so fails.
fn loss(space: &Space, configuration: &Configuration) -> Option<f64> {
    let unit = space.to_unit(configuration);
    let mut sum = 0.0;
    for (index, place) in unit.iter().enumerate() {
        let distance = place - (0.2 + 0.13 * index as f64);
        sum += (1.0 + index as f64) * distance * distance;
        sum -= 0.3 * place * unit[(index + 1) % unit.len()];
    }
    let fails = unit[0] > 0.8 && unit[unit.len() - 1] > 0.3;
    (!fails).then_some(sum)
}

/// FNV-1a over the bits of the values.
fn digest(configurations: &[Configuration]) -> u64 {
    let values = configurations.iter().flat_map(Configuration::values);
    let bytes = values.flat_map(|value| value.map_or(u64::MAX, f64::to_bits).to_le_bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// The suggestions for a study in which up to three trials are pending, and finish in the order
/// they were asked.
fn suggestions(space: &Space, sampler: &str) -> Vec<Configuration> {
    let mut sampler = samplers::by_name(sampler).unwrap();
    let mut asked: Vec<Configuration> = Vec::new();
    for number in 0..ASKS {
        let finished = asked.len().saturating_sub(number as usize % 4);
        let history: Vec<Observation> = asked[..finished]
            .iter()
            .map(|configuration| {
                Observation::new(configuration.clone(), loss(space, configuration))
            })
            .collect();
        let request =
            Request { space, history: &history, pending: &asked[finished..], number, seed: 17 };
        asked.push(sampler.suggest(&request).unwrap());
    }
    asked
}

#[test]
fn suggestions_are_unchanged_in_every_bit() {
    let mut table = String::new();
    let mut changed = Vec::new();
    for (space_name, space) in spaces() {
        for sampler in ["tpe", "cma_es", "local_search", "sobol", "random", "gp"] {
            let found = digest(&suggestions(&space, sampler));
            let row = (space_name, sampler, found);
            if !GOLDEN.contains(&row) {
                changed.push(format!("{sampler} in the {space_name} space"));
            }
            table += &format!("    (\"{space_name}\", \"{sampler}\", {found:#018X}),\n");
        }
    }
    assert!(changed.is_empty(), "changed: {}; the table is now\n{table}", changed.join(", "));
}

//! Losses at the ends of what doubles hold: every sampler goes on, with legal suggestions and
//! finite expectations.
#![cfg(all(feature = "classical", feature = "pico"))]

use optiformer::{
    samplers::{self, Request},
    space::{Parameter, Space},
    trial::Observation,
};

fn space() -> Space {
    Space::new(vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::int("units", 1, 64),
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::float("x", -1.0, 1.0).when("kind", ["a", "b"]),
    ])
    .unwrap()
}

/// The loss of a trial by its number; `None` for a failed one.
type Pattern = fn(u64) -> Option<f64>;

/// Patterns of losses with their names.
fn patterns() -> [(&'static str, Pattern); 9] {
    [
        ("constant", |_| Some(3.0)),
        ("all but one equal", |number| Some(if number == 7 { 2.0 } else { 3.0 })),
        ("all fail", |_| None),
        ("one succeeds", |number| (number == 4).then_some(1.0)),
        ("huge", |number| Some(if number % 2 == 0 { 1e308 } else { -1e308 })),
        ("one is huge", |number| Some(if number == 5 { 1.7e308 } else { number as f64 })),
        ("tiny", |number| Some(5e-324 * number as f64)),
        ("far from zero", |number| Some(1e17 + 16.0 * (number % 3) as f64)),
        ("ever better by orders", |number| Some(-(10.0_f64.powi(number as i32 * 4)))),
    ]
}

#[test]
fn every_sampler_goes_on() {
    let space = space();
    for (name, loss) in patterns() {
        for sampler in samplers::NAMES.iter().chain(&[samplers::TRANSFORMER]) {
            let mut sampler = samplers::by_name(sampler).unwrap();
            let mut history: Vec<Observation> = Vec::new();
            // Beyond the trials at which auto changes what it delegates to.
            for number in 0..24 {
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed: 1 };
                let suggestion = sampler.explain(&request).unwrap();
                let what = format!("{name}, {}, trial {number}", sampler.name());
                space.validate(&suggestion.configuration).expect(&what);
                if let Some(expectation) = suggestion.explanation.expectation {
                    let all = [expectation.median, expectation.deviation, expectation.improvement];
                    assert!(all.iter().all(|each| each.is_finite()), "{what}: {expectation:?}");
                }
                let (configuration, loss) = (suggestion.configuration, loss(number));
                history.push(Observation::new(configuration, loss));
            }
        }
    }
}

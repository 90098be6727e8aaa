//! The spaces of the scenarios, and the objective that is minimized in them.

use optiformer::space::{Configuration, Parameter, Space};

/// A space of every kind: its name and its parameters.
pub fn spaces() -> Vec<(&'static str, Space)> {
    let space = |parameters| Space::new(parameters).expect("a space of the scenarios is legal");
    vec![
        (
            "floats",
            space(vec![
                Parameter::float("x", -5.0, 5.0),
                Parameter::float("rate", 1e-5, 1.0).log(),
                Parameter::float("dropout", 0.0, 0.5).step(0.1),
                Parameter::float("w", -1.0, 3.0),
            ]),
        ),
        (
            "mixed",
            space(vec![
                Parameter::float("rate", 1e-5, 1.0).log(),
                Parameter::int("units", 1, 256).log(),
                Parameter::int("batch", 16, 128).step(16.0),
                Parameter::categorical("kind", ["a", "b", "c"]),
                Parameter::int("depth", -2, 5),
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
                Parameter::categorical("q", ["ä \"quoted\"", "", "\\"]),
                Parameter::categorical("r", ["a", "b", "c", "d", "e"]),
            ]),
        ),
    ]
}

/// The space called `name`.
pub fn space(name: &str) -> Space {
    let found = spaces().into_iter().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("there is no space {name}")).1
}

/// A loss made of additions and multiplications alone, which round alike everywhere; `None` for a
/// trial that fails.
pub fn loss(space: &Space, configuration: &Configuration) -> Option<f64> {
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

//! Spaces with forbidden combinations: no sampler suggests one.
#![cfg(feature = "classical")]

use optiformer::{
    ErrorKind,
    samplers::{self, NAMES},
    space::{Configuration, Parameter, Space},
    study::{Direction, Outcome, Study},
};

fn study(space: Space, sampler: &str) -> Study {
    Study::new(space, Direction::Minimize, samplers::by_name(sampler).unwrap(), 3)
}

#[test]
fn no_sampler_suggests_what_is_forbidden() {
    let space = Space::new(vec![
        Parameter::float("x", 0.0, 1.0),
        Parameter::float("y", 0.0, 1.0),
        Parameter::categorical("kind", ["a", "b"]),
    ])
    .unwrap()
    .forbid(["x + y < 1.2", "kind == 'b' and x > 0.5"])
    .unwrap();
    // The grid of this space has 18 points: tests/grid.rs.
    for sampler in NAMES.iter().filter(|name| **name != "grid") {
        let mut study = study(space.clone(), sampler);
        for _ in 0..40 {
            let trial = study.ask().unwrap();
            let (x, y) = (trial.configuration.get(0).unwrap(), trial.configuration.get(1).unwrap());
            assert!(x + y >= 1.2, "{sampler}");
            study.tell(trial.id, Outcome::Value(x + 2.0 * y)).unwrap();
        }
        // The best permitted value is 1.4, at x = 1 and y = 0.2, on the edge of what is forbidden.
        let best = study.best().unwrap().value().unwrap();
        let limit = if ["random", "sobol"].contains(sampler) { 1.9 } else { 1.65 };
        assert!(best < limit, "{sampler}: {best}");
        let illegal = Configuration::new(vec![Some(0.1), Some(0.1), Some(0.0)]);
        assert!(study.add(illegal, Outcome::Value(0.0)).is_err());
    }
}

#[test]
fn every_permitted_configuration_of_a_small_space_is_found() {
    let space = Space::new(vec![Parameter::int("x", 1, 6), Parameter::int("y", 1, 6)])
        .unwrap()
        .forbid(["x + y != 7"])
        .unwrap();
    for sampler in ["random", "gp", "auto", "tpe"] {
        let mut study = study(space.clone(), sampler);
        for _ in 0..6 {
            let trial = study.ask().unwrap();
            let x = trial.configuration.get(0).unwrap();
            study.tell(trial.id, Outcome::Value(x)).unwrap();
        }
        let mut found: Vec<f64> = study.trials().iter().filter_map(|it| it.value()).collect();
        found.sort_by(f64::total_cmp);
        assert_eq!(found, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{sampler}");
    }
}

#[test]
fn a_space_that_forbids_everything_is_exhausted() {
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let space = space.forbid(["x >= 0"]).unwrap();
    let error = study(space, "auto").ask().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.context().contains("x >= 0"), "{error}");
}

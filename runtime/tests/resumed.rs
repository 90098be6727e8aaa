//! Samplers that keep something from one suggestion to the next, against ones that have just been
//! made: what is kept changes nothing.
#![cfg(feature = "classical")]

use optiformer::{
    samplers::{self, Request, Sampler},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

fn spaces() -> Vec<Space> {
    let kinds = vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::int("units", 1, 64),
        Parameter::float("momentum", 0.0, 1.0).when("kind", ["b"]),
        Parameter::int("batch", 1, 256).log().when("kind", ["a", "b"]),
    ];
    let floats = (0..6).map(|index| Parameter::float(format!("x{index}"), -1.0, 1.0)).collect();
    vec![Space::new(floats).unwrap(), Space::new(kinds).unwrap()]
}

/// Some trials fail.
fn loss(space: &Space, configuration: &Configuration, number: u64) -> Option<f64> {
    let unit = space.to_unit(configuration);
    let loss = unit.iter().enumerate().map(|(index, x)| (x - 0.1 * index as f64).powi(2)).sum();
    (number % 11 != 7).then_some(loss)
}

/// Parallel trials that finish in another order than they were asked for, trials that others made,
/// and a step back; each time a sampler that was there from the beginning is held against a new
/// one.
fn compare(name: &str, space: &Space, rounds: u64) {
    let mut kept = samplers::by_name(name).unwrap();
    let mut history: Vec<(u64, Observation)> = Vec::new();
    let mut pending: Vec<(u64, Configuration)> = Vec::new();
    let ask = |kept: &mut Box<dyn Sampler + Send>,
               history: &[(u64, Observation)],
               pending: &[(u64, Configuration)],
               number| {
        let history: Vec<Observation> = history.iter().map(|(_, trial)| trial.clone()).collect();
        let pending: Vec<Configuration> = pending.iter().map(|(_, trial)| trial.clone()).collect();
        let request = Request { space, history: &history, pending: &pending, number, seed: 9 };
        let suggestion = kept.explain(&request).unwrap();
        let fresh = samplers::by_name(name).unwrap().explain(&request).unwrap();
        assert_eq!(suggestion, fresh, "{name}, trial {number}");
        suggestion.configuration
    };
    for number in 0..rounds {
        let configuration = ask(&mut kept, &history, &pending, number);
        pending.push((number, configuration));
        // Up to three are pending, and now and then the last finishes first.
        while pending.len() > (number % 4) as usize {
            let (id, configuration) =
                pending.remove(if number % 3 == 0 { pending.len() - 1 } else { 0 });
            let loss = loss(space, &configuration, id);
            let place = history.partition_point(|(other, _)| *other < id);
            history.insert(place, (id, Observation::new(configuration, loss)));
        }
        if number % 13 == 12 {
            // As if the last trials had never been; then go on with them.
            ask(&mut kept, &history[..history.len() - 5], &[], number);
        }
    }
}

#[test]
fn tpe_keeps_nothing_that_matters() {
    spaces().iter().for_each(|space| compare("tpe", space, 150));
}

#[test]
fn cma_es_keeps_nothing_that_matters() {
    spaces().iter().for_each(|space| compare("cma_es", space, 150));
}

#[test]
fn local_search_keeps_nothing_that_matters() {
    spaces().iter().for_each(|space| compare("local_search", space, 120));
}

#[test]
fn gp_keeps_nothing_that_matters() {
    spaces().iter().for_each(|space| compare("gp", space, 34));
}

#[test]
fn auto_keeps_nothing_that_matters() {
    spaces().iter().for_each(|space| compare("auto", space, 40));
}

#[test]
fn one_sampler_serves_many_studies() {
    for name in ["tpe", "cma_es", "local_search"] {
        let mut kept = samplers::by_name(name).unwrap();
        let spaces = spaces();
        let mut histories = vec![Vec::new(); spaces.len()];
        for number in 0..40 {
            for (space, history) in spaces.iter().zip(&mut histories) {
                let request = Request { space, history, pending: &[], number, seed: 3 };
                let configuration = kept.suggest(&request).unwrap();
                let fresh = samplers::by_name(name).unwrap().suggest(&request).unwrap();
                assert_eq!(configuration, fresh, "{name}, trial {number}");
                let loss = loss(space, &configuration, number);
                history.push(Observation::new(configuration, loss));
            }
        }
    }
}

//! Samplers, put through what any sampler must hold.

use optiformer::{
    samplers::{self, Request},
    space::{Parameter, Space},
    trial::Observation,
};

#[test]
fn tpe_closes_in_on_a_sphere() {
    let space =
        Space::new((0..4).map(|index| Parameter::float(format!("x{index}"), -5.0, 5.0)).collect())
            .unwrap();
    let best = |name: &str, seed: u64| {
        let mut sampler = samplers::by_name(name).unwrap();
        let mut history = Vec::new();
        for number in 0..60 {
            let request = Request { space: &space, history: &history, pending: &[], number, seed };
            let configuration = sampler.suggest(&request).unwrap();
            let loss = configuration.values().iter().map(|x| (x.unwrap() - 1.3).powi(2)).sum();
            history.push(Observation { configuration, loss: Some(loss) });
        }
        history.iter().filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
    };
    let wins = (0..20).filter(|&seed| best("tpe", seed) < best("random", seed)).count();
    assert!(wins >= 18, "TPE beats random search in {wins} of 20 runs");
}

//! Time per suggestion of every sampler: `cargo bench -p optiformer --bench samplers`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use optiformer::{
    samplers::{self, Request},
    space::{Parameter, Space},
    trial::Observation,
};

/// Floats alone, and all kinds in turn.
fn space(kinds: &str, dimensions: usize) -> Space {
    let parameter = |index: usize| {
        let name = format!("x{index}");
        match if kinds == "float" { 0 } else { index % 4 } {
            0 => Parameter::float(name, -5.0, 5.0),
            1 => Parameter::int(name, 1, 256).log(),
            2 => Parameter::int(name, 0, 100),
            _ => Parameter::categorical(name, ["a", "b", "c"]),
        }
    };
    Space::new((0..dimensions).map(parameter).collect()).expect("a valid space")
}

fn history(space: &Space, trials: u64) -> Vec<Observation> {
    let mut sampler = samplers::by_name("random").expect("random search is always there");
    let mut observe = |number| {
        let request = Request { space, history: &[], pending: &[], number, seed: 1 };
        let configuration = sampler.suggest(&request).expect("a suggestion");
        let loss = space.to_unit(&configuration).iter().map(|unit| (unit - 0.3).powi(2)).sum();
        Observation { configuration, loss: Some(loss) }
    };
    (0..trials).map(&mut observe).collect()
}

fn suggest(criterion: &mut Criterion) {
    for name in samplers::NAMES {
        let mut group = criterion.benchmark_group(format!("suggest/{name}"));
        for (kinds, trials, dimensions) in [
            ("float", 50, 4),
            ("float", 100, 6),
            ("float", 200, 20),
            ("mixed", 100, 6),
            ("mixed", 1000, 6),
        ] {
            let space = space(kinds, dimensions);
            let history = history(&space, trials);
            let mut sampler = samplers::by_name(name).expect("a known name");
            let id = BenchmarkId::new(kinds, format!("{trials} trials x {dimensions}"));
            let mut seed = 0;
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    seed += 1;
                    let (history, number) = (&history[..], trials);
                    let request = Request { space: &space, history, pending: &[], number, seed };
                    black_box(sampler.suggest(&request)).expect("a suggestion")
                });
            });
        }
    }
}

criterion_group!(benches, suggest);
criterion_main!(benches);

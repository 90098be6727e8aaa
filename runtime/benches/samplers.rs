//! Time per suggestion of every sampler: `cargo bench -p optiformer --bench samplers`.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use optiformer::{
    samplers::{self, GpSampler, Request, Sampler, ScoreBins},
    space::{Configuration, Parameter, Space},
    tokenizer::ScoreScale,
    trial::Observation,
};

/// Floats alone, or all kinds of parameters.
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
        Observation::new(configuration, Some(loss))
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

/// The calls of the stack to the Gaussian process, after 100 trials in six dimensions.
fn process(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gp");
    let space = space("float", 6);
    let history = history(&space, 100);
    let candidates: Vec<Configuration> = (0..256)
        .map(|number| {
            let request = Request { space: &space, history: &[], pending: &[], number, seed: 2 };
            samplers::by_name("random").and_then(|mut random| random.suggest(&request))
        })
        .collect::<Result<_, _>>()
        .expect("suggestions");
    let request = Request { space: &space, history: &history, pending: &[], number: 100, seed: 1 };
    let mut sampler = GpSampler::default();
    group.bench_function("predict 256", |bencher| {
        bencher.iter(|| black_box(sampler.predict(&request, &candidates)).expect("predictions"));
    });
    let predictions = sampler.predict(&request, &candidates).expect("predictions");
    let scale = ScoreScale::fit(history.iter().filter_map(|trial| trial.loss));
    let mut bins = vec![0.0; 1000];
    group.bench_function("bins of 256", |bencher| {
        bencher.iter(|| {
            let mut score_bins = ScoreBins::new(scale);
            for prediction in &predictions {
                score_bins.fill(&prediction.observed(), &mut bins);
                black_box(&mut bins);
            }
        });
    });
    group.bench_function("propose 8", |bencher| {
        bencher.iter(|| black_box(sampler.propose(&request, 8)).expect("proposals"));
    });
    let shorter = Request { history: &history[..99], number: 99, ..request };
    sampler.one_step_ahead(&shorter, 50);
    group.bench_function("one step ahead, one more trial", |bencher| {
        bencher.iter_batched_ref(
            || sampler.clone(),
            |sampler| black_box(sampler.one_step_ahead(&request, 50)),
            BatchSize::SmallInput,
        );
    });
    for (what, mut sampler) in
        [("behind a suggestion", GpSampler::default()), ("alone", GpSampler::default())]
    {
        if what == "behind a suggestion" {
            sampler.suggest(&request).expect("a suggestion");
        }
        group.bench_function(format!("one step ahead, 50 of a new history, {what}"), |bencher| {
            bencher.iter_batched_ref(
                || sampler.clone(),
                |sampler| black_box(sampler.one_step_ahead(&request, 50)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, process, suggest);
criterion_main!(benches);

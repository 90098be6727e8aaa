//! A whole suggestion of the embedded pico model with its defaults, in six dimensions, behind histories of growing length; and the memory that
//! the sampler holds after it. `cargo bench --bench suggestion`

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use optiformer::{
    model::Model,
    samplers::{OptiFormerOptions, OptiFormerSampler, RandomSampler, Request, Sampler},
    space::{Parameter, Space},
    trial::Observation,
};

fn space() -> Space {
    Space::new((0..6).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0)).collect())
        .unwrap()
}

fn history(space: &Space, trials: u64) -> Vec<Observation> {
    (0..trials)
        .map(|number| {
            let request = Request { space, history: &[], pending: &[], number, seed: 7 };
            let configuration = RandomSampler.suggest(&request).unwrap();
            let loss = configuration.values().iter().flatten().map(|x| (x - 0.4).powi(2)).sum();
            Observation { configuration, loss: Some(loss) }
        })
        .collect()
}

fn suggestions(criterion: &mut Criterion) {
    let model = Arc::new(Model::pico().unwrap());
    let space = space();
    println!("kernels: {}", model.kernels().name());
    let mut group = criterion.benchmark_group("suggestion, 6 parameters");
    group.sample_size(20);
    for trials in [10, 50, 100, 200] {
        let history = history(&space, trials);
        let mut sampler =
            OptiFormerSampler::new(Arc::clone(&model), OptiFormerOptions::default()).unwrap();
        let mut number = trials;
        group.bench_function(format!("after {trials} trials"), |bencher| {
            bencher.iter(|| {
                // Another number each time, so that zoomed and whole views take turns and no cache is hit whole.
                number += 1;
                let request =
                    Request { space: &space, history: &history, pending: &[], number, seed: 1 };
                black_box(sampler.suggest(&request).unwrap())
            });
        });
    }
    group.finish();
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
            println!("largest resident memory of this process: {}", line[6..].trim());
        }
    }
}

criterion_group!(benches, suggestions);
criterion_main!(benches);

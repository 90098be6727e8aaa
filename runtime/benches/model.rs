//! Time of the kernels and of the forward pass: `cargo bench -p optiformer --bench model`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use optiformer::{
    model::{Config, Model, Precision, Workspace},
    space::{Parameter, SearchBox, Space},
    tokenizer::{RowTokenizer, Rows, ScoreScale},
    trial::Observation,
    unstable::kernels::{Destination, Kernels, PANEL, Packed, PackedBytes, QuantizedRows, padded},
};

/// Numbers between −1 and 1 without a pattern that kernels could profit from.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index as f32 * 1.618).sin()).collect()
}

/// Matrix products in floats and in bytes, with the shape of pico's gate projection, on every
/// instruction set of this CPU.
fn products(criterion: &mut Criterion) {
    let (rows, depth, columns) = (132, 128, 512);
    let mut group = criterion.benchmark_group("kernels/product");
    group.throughput(Throughput::Elements((rows * depth * columns) as u64));
    let x = numbers(padded(rows) * depth);
    let mut out = vec![0.0; padded(rows) * columns.next_multiple_of(PANEL)];
    let stride = columns.next_multiple_of(PANEL);
    for kernels in Kernels::available() {
        let weights = numbers(columns * depth);
        let row = |column: usize| &weights[column * depth..][..depth];
        let floats = Packed::new(columns, depth, |column, out| out.copy_from_slice(row(column)));
        group.bench_function(BenchmarkId::new("f32", kernels.name()), |bencher| {
            bencher.iter(|| {
                let to = Destination { numbers: &mut out, stride, add: false };
                kernels.product(black_box(&x), depth, rows, floats.panels(), to);
            });
        });
        let bytes = PackedBytes::new(columns, depth, |column, out| {
            kernels.quantize_for_panels(row(column), out)
        });
        let mut quantized = vec![0; padded(rows) * depth];
        let scales: Vec<f32> = x
            .chunks(depth)
            .zip(quantized.chunks_mut(depth))
            .map(|(row, out)| kernels.quantize(row, out))
            .collect();
        group.bench_function(BenchmarkId::new("int8", kernels.name()), |bencher| {
            bencher.iter(|| {
                let rows_of = QuantizedRows { bytes: &quantized, stride: depth, scales: &scales };
                let to = Destination { numbers: &mut out, stride, add: false };
                kernels.byte_product(black_box(&rows_of), rows, bytes.panels(), to);
            });
        });
    }
    group.finish();
}

/// Kernels of one row, on every instruction set of this CPU.
fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernels/row");
    let (x, gain) = (numbers(512), numbers(512));
    for kernels in Kernels::available() {
        let mut row = x.clone();
        group.bench_function(BenchmarkId::new("rms_norm", kernels.name()), |bencher| {
            bencher.iter(|| kernels.rms_norm(black_box(&x), &gain, 1e-5, &mut row));
        });
        group.bench_function(BenchmarkId::new("exp_and_sum", kernels.name()), |bencher| {
            bencher.iter(|| {
                row.copy_from_slice(&x);
                black_box(kernels.exp_and_sum(&mut row, 1.0))
            });
        });
        group.bench_function(BenchmarkId::new("swiglu", kernels.name()), |bencher| {
            bencher.iter(|| {
                row.copy_from_slice(&x);
                kernels.swiglu(black_box(&mut row), &gain);
            });
        });
        group.bench_function(BenchmarkId::new("dot", kernels.name()), |bencher| {
            bencher.iter(|| black_box(kernels.dot(black_box(&x), &gain)));
        });
    }
    group.finish();
}

/// The rows of a history of 100 trials with 256 questions, in six parameters.
fn trial_rows() -> (Rows, Rows) {
    let names = (0..6).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
    let space = Space::new(names.collect()).expect("a valid space");
    let tokenizer = RowTokenizer::new(&space).expect("six parameters have slots");
    let configuration = |index: usize| {
        let unit: Vec<f64> = (0..6).map(|at| ((index * 6 + at) as f64 * 0.618).fract()).collect();
        space.from_unit(&unit)
    };
    let trials: Vec<Observation> = (0..100)
        .map(|index| Observation::new(configuration(index), Some((index as f64).sin())))
        .collect();
    let scale = ScoreScale::fit(trials.iter().filter_map(|trial| trial.loss));
    let search_box = SearchBox::whole(6);
    let (mut history, mut questions) = (Rows::new(), Rows::new());
    tokenizer.push_history(&trials, &scale, &search_box, &mut history);
    for index in 100..356 {
        tokenizer.push_question(&configuration(index), &search_box, &mut questions);
    }
    (history, questions)
}

/// The forward pass of a model that reads one row per trial: a history, and questions behind it.
fn forward_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("model");
    let (history, questions) = trial_rows();
    for precision in [Precision::F32, Precision::Int8] {
        let config = Config::pico().with_trial_rows();
        let model = Model::random(config, 1, precision).expect("a valid config");
        let mut workspace = Workspace::new();
        let mut cache = model.cache(history.len());
        group.bench_function(BenchmarkId::new("history of 100", precision.name()), |bencher| {
            bencher.iter(|| {
                model.history(&mut cache, black_box(&history), &mut workspace).expect("valid rows");
            });
        });
        group.bench_function(BenchmarkId::new("256 questions", precision.name()), |bencher| {
            bencher.iter(|| {
                model.questions(&cache, black_box(&questions), &mut workspace).expect("valid rows");
            });
        });
        let mut logits = vec![0.0; questions.len() * 1000];
        group.bench_function(BenchmarkId::new("256 score logits", precision.name()), |bencher| {
            bencher.iter(|| {
                let (rows, bins) = (0..questions.len(), 0..1000);
                model.logits(&mut workspace, rows, bins, black_box(&mut logits)).expect("rows");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, products, rows, forward_pass);
criterion_main!(benches);

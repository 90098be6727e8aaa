//! Candidates ranked per second, on a graphics processor and on one core of the CPU (in f32 and
//! int8): one JSON line for each model, precision and batch.
//!
//! ```sh
//! cargo run --release -p optiformer --features gpu --example gpu_candidates -- \
//!     models=nano,base batches=64,256,1024
//! ```
//!
//! Further settings, each with its default: `precisions=f32,f16,int8` `studies=1` (which share the
//! batch) `history=256` (tokens of each) `tokens=14` (of each candidate; six parameters)
//! `seconds=2` (of each measurement) `adapter=` (a part of its name) `devices=gpu,cpu`. The weights
//! are random: what they are changes nothing.

use std::{collections::BTreeMap, error::Error, time::Instant};

use optiformer::{
    gpu::{Gpu, GpuBranches, GpuModel, GpuPrecision},
    model::{Branches, Cache, Config, Metadata, Model, Precision, Weights, Workspace},
    tokenizer::vocabulary::{BINS, Token},
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const DEFAULTS: [(&str, &str); 9] = [
    ("models", "nano,base"),
    ("batches", "1,8,64,256,1024"),
    ("precisions", "f32,f16,int8"),
    ("studies", "1"),
    ("history", "256"),
    ("tokens", "14"),
    ("seconds", "2"),
    ("adapter", ""),
    ("devices", "gpu,cpu"),
];

struct Settings(BTreeMap<String, String>);

impl Settings {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut all: BTreeMap<String, String> =
            DEFAULTS.map(|(key, value)| (key.into(), value.into())).into();
        for argument in std::env::args().skip(1) {
            let known =
                argument.split_once('=').and_then(|(key, value)| Some((all.get_mut(key)?, value)));
            let Some((place, value)) = known else {
                return Err(format!("{argument}: the settings are {DEFAULTS:?}").into());
            };
            *place = value.into();
        }
        Ok(Self(all))
    }

    fn text(&self, key: &str) -> &str {
        &self.0[key]
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.text(key).split(',').filter(|part| !part.is_empty())
    }

    fn number(&self, key: &str) -> Result<usize, Box<dyn Error>> {
        let value = self.text(key).parse();
        value.map_err(|error| format!("{key}={}: {error}", self.text(key)).into())
    }
}

/// What is ranked: candidates of several studies.
struct Work {
    /// Each study's history.
    histories: Vec<Vec<Token>>,
    /// Each study's candidates, `[count, each]`.
    candidates: Vec<(Vec<Token>, usize)>,
}

impl Work {
    fn new(batch: usize, studies: usize, history: usize, each: usize) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut tokens = |count: usize| -> Vec<Token> {
            (0..count).map(|_| rng.random_range(0..BINS as Token)).collect()
        };
        let histories = (0..studies).map(|_| tokens(history)).collect();
        let candidates = (0..studies)
            .map(|study| batch / studies + usize::from(study < batch % studies))
            .map(|count| (tokens(count * each), count))
            .filter(|(_, count)| *count > 0)
            .collect();
        Self { histories, candidates }
    }
}

/// Seconds of each repetition, after one that warms up; at least three, and until the time is over.
fn measure(
    seconds: f64,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<f64>, Box<dyn Error>> {
    work()?;
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || begun.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn report(times: &[f64], batch: usize, difference: Option<f32>, mut line: serde_json::Value) {
    let median = times[times.len() / 2];
    line["batch"] = batch.into();
    line["candidates_per_second"] = (batch as f64 / median).into();
    line["median_milliseconds"] = (1e3 * median).into();
    line["fastest_milliseconds"] = (1e3 * times[0]).into();
    line["repetitions"] = times.len().into();
    if let Some(difference) = difference {
        line["largest_difference_from_cpu"] = difference.into();
    }
    println!("{line}");
}

/// The CPU's logits of a batch; histories are stored already, study by study.
fn rank_on_cpu(
    model: &Model,
    caches: &[Cache],
    work: &Work,
    buffers: &mut (Branches, Workspace),
) -> Result<Vec<f32>, Box<dyn Error>> {
    // As many candidates at a time as the sampler takes.
    const ROWS: usize = 64;
    let (branches, workspace) = buffers;
    let mut all = Vec::new();
    for (cache, (tokens, count)) in caches.iter().zip(&work.candidates) {
        let each = tokens.len() / count;
        for tokens in tokens.chunks(ROWS * each) {
            let count = tokens.len() / each;
            branches.reset(count, each);
            model.extend_branches(cache, branches, tokens, workspace)?;
            let begin = all.len();
            all.resize(begin + count * BINS, 0.0);
            model.logits(workspace, 0..count, 0..BINS as Token, &mut all[begin..])?;
        }
    }
    Ok(all)
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::read()?;
    let (studies, each) = (settings.number("studies")?.max(1), settings.number("tokens")?);
    let (history, seconds) = (settings.number("history")?, settings.number("seconds")? as f64);
    let devices: Vec<&str> = settings.list("devices").collect();
    let gpu = match Gpu::named(settings.text("adapter")) {
        _ if !devices.contains(&"gpu") => None,
        Ok(gpu) => Some(gpu),
        Err(error) => {
            println!("{}", serde_json::json!({"device": "gpu", "skipped": error.to_string()}));
            None
        }
    };
    for name in settings.list("models") {
        let config = Config::preset(name)?;
        let weights = Weights::random(&config, 1);
        // What the CPU computes in, f32 first: the differences are from that.
        let on_cpu: Vec<Model> = [Precision::F32, Precision::Int8]
            .into_iter()
            .filter(|_| devices.contains(&"cpu"))
            .map(|precision| Model::new(config.clone(), Metadata::default(), &weights, precision))
            .collect();
        let mut on_gpu = Vec::new();
        for precision in settings.list("precisions") {
            let precision = [GpuPrecision::F32, GpuPrecision::F16, GpuPrecision::Int8]
                .into_iter()
                .find(|known| known.name() == precision)
                .ok_or_else(|| format!("no precision is called {precision}"))?;
            if let Some(gpu) = &gpu {
                on_gpu.push(GpuModel::new(gpu, &config, &weights, precision)?);
            }
        }
        for batch in settings.list("batches") {
            let batch: usize = batch.parse()?;
            let work = Work::new(batch, studies, history, each);
            let shape = serde_json::json!({
                "model": name, "studies": studies, "history_tokens": history,
                "tokens_per_candidate": each,
            });
            let with = |mut line: serde_json::Value| {
                let fields = line.as_object_mut().expect("an object");
                fields.extend(shape.as_object().expect("an object").clone());
                line
            };
            let mut wanted: Vec<f32> = Vec::new();
            for model in &on_cpu {
                let mut caches: Vec<Cache> = Vec::new();
                let mut buffers = (model.branches(), Workspace::new());
                for tokens in &work.histories {
                    let mut cache = model.cache(history.max(1));
                    if history > 0 {
                        model.extend(&mut cache, tokens, &mut buffers.1)?;
                    }
                    caches.push(cache);
                }
                let mut logits = Vec::new();
                let times = measure(seconds, || {
                    logits = rank_on_cpu(model, &caches, &work, &mut buffers)?;
                    Ok(())
                })?;
                if wanted.is_empty() {
                    wanted = logits;
                }
                let line = serde_json::json!({
                    "device": "cpu", "adapter": model.kernels().name(),
                    "precision": model.precision().name(),
                });
                report(&times, batch, None, with(line));
            }
            for model in &on_gpu {
                let mut prefixes = Vec::new();
                for tokens in &work.histories {
                    let mut prefix = model.prefix(history)?;
                    if history > 0 {
                        model.extend(&mut prefix, tokens)?;
                    }
                    prefixes.push(prefix);
                }
                let items: Vec<GpuBranches<'_>> = prefixes
                    .iter()
                    .zip(&work.candidates)
                    .map(|(prefix, (tokens, count))| GpuBranches { prefix, tokens, count: *count })
                    .collect();
                let mut logits = Vec::new();
                let times = measure(seconds, || {
                    logits = model.logits(&items, 0..BINS as Token)?;
                    Ok(())
                })?;
                let differences = logits.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
                let difference = differences.reduce(f32::max);
                let gpu = model.gpu();
                let line = serde_json::json!({
                    "device": "gpu", "adapter": gpu.name(), "kind": format!("{:?}", gpu.kind()),
                    "interface": gpu.interface(), "subgroups": gpu.has_subgroups(),
                    "precision": model.precision().name(),
                });
                report(&times, batch, difference, with(line));
            }
        }
    }
    Ok(())
}

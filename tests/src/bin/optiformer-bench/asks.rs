//! Measures whole suggestions of the transformer with its defaults: six parameters, the embedded
//! weights, histories of growing length.

use std::{sync::Arc, time::Instant};

use optiformer::{
    Result,
    model::Model,
    samplers::{self, RandomSampler, Request, Sampler},
    space::{Parameter, Space},
    trial::Observation,
};

use crate::workloads::{Times, cpu_seconds};

/// Numbers of trials after which suggestions are measured, by name.
pub const ASKS: [(&str, usize); 4] =
    [("ask 10", 10), ("ask 50", 50), ("ask 100", 100), ("ask 200", 200)];

const PARAMETERS: usize = 6;

/// Samplers use the model after at most this number of trials.
const STARTUP: usize = 6;

/// Measures suggestions in the course of studies of `trials` trials, with the improvements, zooms
/// and caches of real use.
pub fn times(
    model: &Arc<Model>,
    trials: usize,
    repetitions: usize,
    threads: usize,
) -> Result<Times> {
    let names = (0..PARAMETERS).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
    let space = Space::new(names.collect())?;
    // The startup trials need no model; of the others the last are measured.
    let measured = (trials - STARTUP).min(trials.div_ceil(10));
    let mut times = Times { wall_ms: Vec::new(), cpu_ms: Vec::new() };
    for seed in 0.. {
        let mut sampler = samplers::transformer(Arc::clone(model), threads)?;
        let mut history: Vec<Observation> = Vec::new();
        for number in 0..trials {
            let request = Request {
                space: &space,
                history: &history,
                pending: &[],
                number: number as u64,
                seed,
            };
            let left = trials - number;
            // The sampler makes a few more suggestions before these, which fill its caches.
            let configuration = if left > measured + 5 && number >= STARTUP {
                RandomSampler.suggest(&request)?
            } else {
                let (wall, cpu) = (Instant::now(), cpu_seconds());
                let configuration = sampler.suggest(&request)?;
                if left <= measured {
                    times.cpu_ms.push((cpu_seconds() - cpu) * 1e3);
                    times.wall_ms.push(wall.elapsed().as_secs_f64() * 1e3);
                }
                configuration
            };
            let loss = configuration.values().iter().flatten().map(|x| (x - 0.4).powi(2)).sum();
            history.push(Observation::new(configuration, Some(loss)));
        }
        if times.wall_ms.len() >= repetitions {
            break;
        }
    }
    Ok(times)
}

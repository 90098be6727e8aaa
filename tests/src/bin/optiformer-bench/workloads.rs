//! The workloads: the calls that a study makes to the model.

use std::time::Instant;

use optiformer::{
    Result,
    model::{Branches, Cache, Model, Workspace},
};

/// Names in requests.
pub const WORKLOADS: [&str; 4] = ["W1", "W2", "W3", "W4"];

const HISTORY: usize = 600;
const TRIAL: usize = 12;
const CONTINUATIONS: usize = 64;
const CONTINUATION: usize = 11;

/// A model with its buffers.
pub struct Bench {
    model: Model,
    history: Vec<u16>,
    cache: Cache,
    branches: Branches,
    workspace: Workspace,
    logits: Vec<f32>,
}

/// Wall-clock and processor times of the repetitions.
pub struct Times {
    pub wall_ms: Vec<f64>,
    pub cpu_ms: Vec<f64>,
}

impl Bench {
    /// Writes the history to the cache.
    pub fn new(model: Model, threads: usize) -> Result<Self> {
        let vocabulary = model.config().vocabulary_size;
        let mut bench = Self {
            history: tokens(HISTORY, 1, vocabulary),
            cache: model.cache(HISTORY + 2 * TRIAL),
            branches: model.branches(),
            workspace: Workspace::new(),
            logits: vec![0.0; CONTINUATIONS * vocabulary],
            model,
        };
        bench.set_threads(threads);
        bench.prepare("W1")?;
        bench.run("W1")?;
        Ok(bench)
    }

    /// Number of threads for the continuations.
    pub fn set_threads(&mut self, threads: usize) {
        self.workspace.set_threads(threads);
    }

    /// Runs a workload repeatedly, after one warm-up.
    pub fn times(&mut self, workload: &str, repetitions: usize) -> Result<Times> {
        let mut times = Times { wall_ms: Vec::new(), cpu_ms: Vec::new() };
        for repetition in 0..=repetitions {
            self.prepare(workload)?;
            let (wall, cpu) = (Instant::now(), cpu_seconds());
            self.run(workload)?;
            if repetition > 0 {
                times.cpu_ms.push((cpu_seconds() - cpu) * 1e3);
                times.wall_ms.push(wall.elapsed().as_secs_f64() * 1e3);
            }
        }
        Ok(times)
    }

    /// Sets the cache to the workload's start.
    fn prepare(&mut self, workload: &str) -> Result<()> {
        if workload == "W1" {
            self.cache.clear();
        } else if self.cache.len() < HISTORY {
            self.run("W1")?;
        } else {
            self.cache.truncate(HISTORY);
        }
        Ok(())
    }

    fn run(&mut self, workload: &str) -> Result<()> {
        let vocabulary = self.model.config().vocabulary_size;
        match workload {
            "W1" => self.model.extend(&mut self.cache, &self.history, &mut self.workspace),
            "W2" => self.decode(),
            "W3" => {
                let told = &self.history[..TRIAL];
                self.model.extend(&mut self.cache, told, &mut self.workspace)?;
                self.decode()
            }
            _ => {
                let feed = tokens(CONTINUATIONS * CONTINUATION, 2, vocabulary);
                self.branches.reset(CONTINUATIONS, CONTINUATION);
                let workspace = &mut self.workspace;
                self.model.extend_branches(&self.cache, &mut self.branches, &feed, workspace)?;
                let (rows, all) = (0..CONTINUATIONS, 0..vocabulary as u16);
                self.model.logits(workspace, rows, all, &mut self.logits)
            }
        }
    }

    /// Greedy decoding, token by token.
    fn decode(&mut self) -> Result<()> {
        let vocabulary = self.model.config().vocabulary_size;
        let mut token = self.history[0];
        for _ in 0..TRIAL {
            self.model.extend(&mut self.cache, &[token], &mut self.workspace)?;
            let logits = &mut self.logits[..vocabulary];
            self.model.logits(&mut self.workspace, 0..1, 0..vocabulary as u16, logits)?;
            let highest = self.model.kernels().max(logits);
            let likeliest = logits.iter().position(|logit| *logit == highest);
            token = likeliest.map_or(0, |token| token as u16);
        }
        Ok(())
    }
}

/// Pseudorandom tokens, the same every time.
fn tokens(count: usize, seed: u64, vocabulary: usize) -> Vec<u16> {
    let mut state = seed;
    let mut next = || {
        // Knuth's linear congruential generator (MMIX); its upper half suffices here.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize % vocabulary) as u16
    };
    (0..count).map(|_| next()).collect()
}

/// Processor time of the process, where the system reports it.
#[cfg(unix)]
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(not(unix))]
pub fn cpu_seconds() -> f64 {
    f64::NAN
}

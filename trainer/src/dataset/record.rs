//! A recorded trajectory: trials of a study, and the optimum of its function.

use crate::problem::{Activation, FunctionFamily, ParameterKind};

/// The coordinate of an inactive parameter.
pub const INACTIVE: f32 = -1.0;

/// Who proposed a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teacher {
    /// The random teacher.
    Random,
    /// The TPE teacher.
    Tpe,
    /// Chance and knowledge of the function, as [`trajectories`](crate::trajectories) says.
    OracleGuided,
    /// The Sobol teacher.
    Sobol,
    /// The Gaussian process teacher.
    Gp,
    /// The CMA-ES teacher.
    CmaEs,
    /// The local search teacher.
    LocalSearch,
}

impl Teacher {
    /// All of them, in the order of the numbers by which shards name them.
    pub const ALL: [Self; 7] = [
        Self::Random,
        Self::Tpe,
        Self::OracleGuided,
        Self::Sobol,
        Self::Gp,
        Self::CmaEs,
        Self::LocalSearch,
    ];

    /// What it is called: the name of the sampler, or `oracle_guided`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Tpe => "tpe",
            Self::OracleGuided => "oracle_guided",
            Self::Sobol => "sobol",
            Self::Gp => "gp",
            Self::CmaEs => "cma_es",
            Self::LocalSearch => "local_search",
        }
    }
}

/// A recorded trial.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTrial {
    /// One coordinate per parameter; [`INACTIVE`] for one that is not active.
    pub coordinates: Vec<f32>,
    /// The observed loss; 0 when the trial failed.
    pub loss: f32,
    /// Whether it failed.
    pub failed: bool,
    /// Who proposed it.
    pub teacher: Teacher,
}

/// A recorded trajectory with the function's optimum.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where the function comes from.
    pub family: FunctionFamily,
    /// The kind of each parameter.
    pub kinds: Vec<ParameterKind>,
    /// When each parameter is active; `None` for always.
    pub activations: Vec<Option<Activation>>,
    /// The trials in the order they were made.
    pub trials: Vec<RecordedTrial>,
    /// Where the optimum is.
    pub optimum: Vec<f32>,
    /// The noiseless loss there.
    pub optimum_loss: f32,
}

impl Record {
    /// The mean jump between finished trials that follow each other, as a share of the range of
    /// losses: low where a study improves steadily.
    pub fn jumps(&self) -> f64 {
        let losses: Vec<f64> = self
            .trials
            .iter()
            .filter(|trial| !trial.failed)
            .map(|trial| f64::from(trial.loss))
            .collect();
        let low = losses.iter().copied().fold(f64::MAX, f64::min);
        let high = losses.iter().copied().fold(f64::MIN, f64::max);
        let total: f64 = losses.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
        total / (losses.len().max(2) - 1) as f64 / (high - low).max(f64::MIN_POSITIVE)
    }
}

//! Options of a training run.

use std::path::PathBuf;

use tch::Kind;

use super::optimizer::{Optimizer, OptimizerOptions};
use crate::network::{Network, layout};

/// How to train.
#[derive(Clone, Debug)]
pub struct TrainingOptions {
    /// Optimizer steps at most.
    pub steps: u64,
    /// Minutes at most, over all sessions; the schedule ends with whichever limit comes first.
    pub minutes: Option<f64>,
    /// Peak learning rate.
    pub rate: f64,
    /// Steps over which the rate rises from nothing.
    pub warm_up: u64,
    /// The last share of the run, over which the rate falls: 1 for all of it, 0 for a rate that
    /// stays.
    pub fall: f64,
    /// Weight decay of matrices.
    pub weight_decay: f64,
    /// Gradients longer than this are shortened.
    pub clip: f64,
    /// Muon's learning rate for the blocks' matrices as a multiple of AdamW's; without it, AdamW
    /// trains them too.
    pub muon: Option<f64>,
    /// Batches whose gradients make one step.
    pub accumulate: u64,
    /// Decay of the running average of the weights, per step.
    pub average: f64,
    /// Steps between validations.
    pub validate_every: u64,
    /// Steps between log entries.
    pub log_every: u64,
    /// Number of validations without a better loss after which training stops; never when `None`.
    pub patience: Option<u64>,
    /// What matrix products and attention are computed in; the weights stay in f32.
    pub precision: Kind,
    /// Seed of the initial weights.
    pub seed: u64,
    /// What batches depend on, as JSON; kept in the checkpoint.
    pub settings: String,
    /// A checkpoint of another run whose weights (not their average) this one begins with, or a
    /// weights file.
    pub begin_from: Option<PathBuf>,
    /// Where checkpoint, log and plot go.
    pub directory: PathBuf,
    /// Goes on from the directory's checkpoint.
    pub resume: bool,
}

impl TrainingOptions {
    /// The optimizer of a network's parameters.
    pub(super) fn optimizer(&self, network: &Network) -> Optimizer {
        let options =
            OptimizerOptions { weight_decay: self.weight_decay, clip: self.clip, muon: self.muon };
        let entries = layout::parameter_tensors(network.config());
        Optimizer::new(network.parameters(), network.decay_mask(), &entries, options)
    }
}

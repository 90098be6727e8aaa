use super::{Reports, SuccessiveHalvingPruner, successive_halving::check_resources};
use crate::{Result, brackets::Brackets, study::Trial};

/// Hyperband: successive halving in several brackets, the first of which ends trials at
/// `min_resource` steps and the last of which ends none, because how soon a trial can be judged is
/// not known.
///
/// There are `⌊log(max_resource / min_resource)⌋ + 1` brackets, with the logarithm to the base
/// `reduction_factor`. Each trial belongs to one, by its id and the study's seed, in the numbers
/// that the paper has; only the trials of a bracket compete with each other. Each bracket is
/// asynchronous: see [`SuccessiveHalvingPruner`].
///
/// L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar, Hyperband: A Novel Bandit-Based
/// Approach to Hyperparameter Optimization, JMLR 18 (2018).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperbandPruner {
    /// The step of the first rung of the first bracket, at least 1.
    pub min_resource: u64,
    /// The last step of a trial.
    pub max_resource: u64,
    /// The factor between the steps of two rungs, and between their numbers of trials; at least 2.
    pub reduction_factor: u64,
    /// Number of trials that must complete a rung before any goes on from it.
    pub bootstrap_count: u64,
}

impl HyperbandPruner {
    /// Hyperband for trials of `max_resource` steps, with rungs at 1, 3, 9, ….
    pub fn new(max_resource: u64) -> Self {
        Self { min_resource: 1, max_resource, reduction_factor: 3, bootstrap_count: 0 }
    }

    pub(super) fn check(&self) -> Result<()> {
        check_resources(self.min_resource, Some(self.max_resource), self.reduction_factor)
    }

    pub(super) fn decide(&self, reports: &Reports<'_>) -> bool {
        let Self { min_resource, max_resource, reduction_factor, bootstrap_count } = *self;
        let count = Brackets::count(min_resource, max_resource, reduction_factor);
        let brackets = Brackets::new(count, reduction_factor);
        let bracket = |trial: &Trial| brackets.of(trial.id, reports.seed);
        let own = bracket(reports.trial);
        let halving = SuccessiveHalvingPruner {
            min_resource,
            max_resource: Some(max_resource),
            reduction_factor,
            min_early_stopping_rate: own as u32,
            bootstrap_count,
        };
        halving.decide(reports, |trial| bracket(trial) == own)
    }
}

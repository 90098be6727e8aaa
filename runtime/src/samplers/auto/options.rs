/// What can be chosen about [`AutoSampler`](super::AutoSampler).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AutoOptions {
    /// The learned sampler is asked for the trials with numbers below this, where there is a model; 0 for none. Default 0.
    pub learned_until: u64,
    /// Local search is asked for the trials with numbers below this that the learned sampler is not asked for: it begins in the middle of the space. Default 6.
    pub local_until: u64,
    /// From this number on, local search is asked for some of the trials. Default 15.
    pub refine_from: u64,
    /// Its turn is every so many trials; 0 for none. Default 2.
    pub refine_every: u64,
    /// From this number on, the tree-structured Parzen estimator is asked for some of the trials that local search is not asked for: it looks where the process, which sees a part of a long history, does not. Default 200.
    pub long_from: u64,
    /// Its turn is every so many trials; 0 for none. Default 3.
    pub long_every: u64,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self {
            learned_until: 0,
            local_until: 6,
            refine_from: 15,
            refine_every: 2,
            long_from: 200,
            long_every: 3,
        }
    }
}

/// The family of functions that a landscape belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionFamily {
    /// A draw from a Gaussian process, with or without a trend.
    GpPrior,
    /// A random expression.
    Symbolic,
    /// A small random neural network.
    Network,
    /// A sum of responses, shaped as the hyperparameters of learning algorithms shape a loss.
    AdditiveHpo,
    /// A tree, a forest or boosted stumps.
    Trees,
    /// A classic test function: a valley, a ridge, basins and the like.
    ClassicTest,
    /// The error of a learner in closed form.
    SpectralLearner,
}

impl FunctionFamily {
    /// Every family, in the order of their codes in shards.
    pub const ALL: [Self; 7] = [
        Self::GpPrior,
        Self::Symbolic,
        Self::Network,
        Self::AdditiveHpo,
        Self::Trees,
        Self::ClassicTest,
        Self::SpectralLearner,
    ];
}

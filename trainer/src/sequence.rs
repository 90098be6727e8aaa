//! What the network is trained on.

/// One training sequence: a history (the trunk) and short continuations that hang on prefixes of it
/// (branches).
///
/// Token `i` attends to token `j ≤ i` when both are of the same branch, or when `j` is of the trunk
/// and `j < visible[i]`. The trunk's tokens come first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingSequence {
    /// The tokens.
    pub tokens: Vec<u16>,
    /// The rotary position of each token.
    pub positions: Vec<u16>,
    /// 0 for the trunk, else the number of the branch.
    pub branch: Vec<u16>,
    /// How many tokens of the trunk a branch's token sees; without meaning for the trunk's own.
    pub visible: Vec<u16>,
    /// What is to be predicted.
    pub targets: Vec<Target>,
}

/// One supervised prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The token after which it is made.
    pub index: u32,
    /// What is right.
    pub kind: TargetKind,
    /// Its weight in the loss.
    pub weight: f32,
}

/// What is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetKind {
    /// A number: a Gaussian over the bins, cut at the ends.
    Bin {
        /// Its middle, in bins: `0.0..=1000.0`.
        center: f32,
        /// Its standard deviation, in bins.
        deviation: f32,
        /// What the number is.
        group: BinGroup,
    },
    /// A category.
    Category {
        /// The code of the right one, below 64.
        code: u16,
        /// Bit `c` is set when code `c` is legal.
        legal: u64,
    },
}

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinGroup {
    /// A trial's score.
    Score,
    /// A parameter's value.
    Value,
}

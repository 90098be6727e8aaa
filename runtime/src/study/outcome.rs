use alloc::vec::Vec;

/// The outcome of a trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The objective of a study that has one, and no constraints. A value that is not finite counts
    /// as a failure.
    Value(f64),
    /// All that was measured, in a study with constraints or with several objectives.
    Measured(Measurement),
    /// The trial was ended early, because its intermediate values were poor; see
    /// [`Study::should_stop`](super::Study::should_stop).
    Pruned,
    /// The trial crashed, diverged or timed out.
    Failed,
}

/// Objectives and constraint values of one trial.
///
/// ```
/// use optiformer::study::Measurement;
///
/// let measured = Measurement::new([0.25]).with_constraints([-0.5, 0.0]);
/// assert!(measured.is_feasible());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Measurement {
    /// `[objectives]`, in the order of the study's objectives. Empty where only the constraints
    /// were measured, because they do not hold: the trial then counts as failed, but the samplers
    /// learn from its constraints.
    pub objectives: Vec<f64>,
    /// `[constraints]`, in the order of the study's constraints, each at most 0 where it holds.
    pub constraints: Vec<f64>,
}

impl Measurement {
    /// A measurement of a study without constraints.
    pub fn new(objectives: impl Into<Vec<f64>>) -> Self {
        Self { objectives: objectives.into(), constraints: Vec::new() }
    }

    /// The same measurement with the values of the study's constraints.
    #[must_use]
    pub fn with_constraints(mut self, constraints: impl Into<Vec<f64>>) -> Self {
        self.constraints = constraints.into();
        self
    }

    /// Whether every constraint holds.
    pub fn is_feasible(&self) -> bool {
        self.constraints.iter().all(|value| *value <= 0.0)
    }
}

impl Outcome {
    /// The objectives that were measured, none for a failed or pruned trial.
    pub fn objectives(&self) -> &[f64] {
        match self {
            Self::Value(value) => core::slice::from_ref(value),
            Self::Measured(measured) => &measured.objectives,
            Self::Pruned | Self::Failed => &[],
        }
    }

    /// The constraint values that were measured.
    pub fn constraints(&self) -> &[f64] {
        match self {
            Self::Measured(measured) => &measured.constraints,
            Self::Value(_) | Self::Pruned | Self::Failed => &[],
        }
    }
}

impl From<f64> for Outcome {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

impl From<Measurement> for Outcome {
    fn from(measured: Measurement) -> Self {
        Self::Measured(measured)
    }
}

/// The outcome of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The objective. A value that is not finite counts as a failure.
    Value(f64),
    /// The trial crashed, diverged or timed out.
    Failed,
}

impl Outcome {
    /// The objective, if it is finite.
    pub fn finite(self) -> Option<f64> {
        match self {
            Self::Value(value) if value.is_finite() => Some(value),
            Self::Value(_) | Self::Failed => None,
        }
    }
}

impl From<f64> for Outcome {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

/// How a trial went, as it is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The objective. One that is not finite is kept as a failure, never lost.
    Value(f64),
    /// There is no objective: the trial crashed, diverged or ran out of time.
    Failed,
}

impl Outcome {
    /// The objective, when there is one that can be compared.
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

use crate::{Error, ErrorKind, Result};

/// Options of [`HyperbandSampler`](super::HyperbandSampler).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperbandOptions {
    /// The factor between two levels of the fidelity, and the inverse of the part of the trials at
    /// a level that is promoted; at least 2. Default: 3.
    pub reduction_factor: u64,
    /// Number of successful trials at a level from which on the model suggests from them instead of
    /// from those at the level below; at least 1. Default: the number of parameters beside the
    /// fidelity, and 3.
    pub min_points_in_model: Option<usize>,
}

impl Default for HyperbandOptions {
    fn default() -> Self {
        Self { reduction_factor: 3, min_points_in_model: None }
    }
}

impl HyperbandOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub fn check(&self) -> Result<()> {
        if self.reduction_factor < 2 {
            let context = alloc::format!(
                "reduction_factor must be at least 2, not {}",
                self.reduction_factor
            );
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        if self.min_points_in_model == Some(0) {
            let context = "min_points_in_model must be at least 1, not 0";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }
}

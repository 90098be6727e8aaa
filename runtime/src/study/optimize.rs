//! A study that runs a function.

use super::{Outcome, Study, Trial};
use crate::{ErrorKind, Result};

impl Study {
    /// Runs up to `trials` trials: asks for each, calls `objective` with it and tells what that
    /// returns. Returns how many were made, fewer where the sampler has tried everything.
    ///
    /// A grid search, and a Bayesian optimization under a constraint:
    ///
    /// ```
    /// use optiformer::samplers::by_name;
    /// use optiformer::study::{Measurement, Study};
    /// use optiformer::{Direction, Outcome, Parameter, Space};
    ///
    /// let space = Space::new(vec![Parameter::float("x", 0.0, 4.0), Parameter::int("n", 1, 8)])?;
    ///
    /// let grid = by_name("grid:points=5")?;
    /// let mut study = Study::new(space.clone(), Direction::Minimize, grid, 0);
    /// let made = study.optimize(u64::MAX, |trial| {
    ///     let values = trial.configuration.values();
    ///     Outcome::Value((values[0].unwrap() - 3.0).abs() + values[1].unwrap())
    /// })?;
    /// assert_eq!((made, study.best().unwrap().value()), (25, Some(1.0)));
    ///
    /// let mut study = Study::new(space, Direction::Maximize, by_name("gp")?, 0)
    ///     .with_constraints(["memory"])?;
    /// study.optimize(20, |trial| {
    ///     let values = trial.configuration.values();
    ///     let (x, n) = (values[0].unwrap(), values[1].unwrap());
    ///     Measurement::new([x * n]).with_constraints([x + n - 6.0])
    /// })?;
    /// assert!(study.best().unwrap().is_feasible());
    /// println!("{}", study.results_to_json());
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ask`](Self::ask), but for an exhausted sampler, and of [`tell`](Self::tell).
    pub fn optimize<T: Into<Outcome>>(
        &mut self,
        trials: u64,
        mut objective: impl FnMut(&Trial) -> T,
    ) -> Result<u64> {
        for made in 0..trials {
            let trial = match self.ask() {
                Err(error) if error.kind() == ErrorKind::Exhausted => return Ok(made),
                trial => trial?,
            };
            self.tell(trial.id, objective(&trial))?;
        }
        Ok(trials)
    }
}

//! Successive halving over a fidelity, with a sampler as its model.

mod options;
mod rungs;

pub use options::HyperbandOptions;

use alloc::boxed::Box;

use self::rungs::Rungs;
use super::{
    AutoSampler, Request, Sampler, Suggestion, explain_permitted, fidelity::FidelitySpace,
};
use crate::{
    Error, ErrorKind, Result, acquisition::CandidateOrigin, brackets::Brackets,
    space::Configuration,
};

/// Asynchronous Hyperband with a model: many configurations are tried at a low
/// [fidelity](crate::space::Parameter::fidelity), the best of them again at higher ones.
///
/// The levels are the highest fidelity divided by powers of the reduction factor. A suggestion is
///
/// 1. a promotion, if there is one: from the highest level on down, the best configuration that is
///    among the best `1 / reduction_factor` of the trials at its level and has not been tried at a
///    higher one, at the next level;
/// 2. otherwise a new configuration, at the first level of its bracket. The configurations are
///    divided among the brackets as in Hyperband, so that some begin at the highest level. Another
///    sampler suggests it, from the trials at the highest level at which
///    [enough](HyperbandOptions::min_points_in_model) have finished.
///
/// As in asynchronous successive halving no suggestion waits for pending trials; the trials at a
/// level compete with each other whatever their bracket. Failed trials rank last, trials that
/// violate constraints by how much they do. The state follows from the configurations in the
/// history: a configuration that was promoted is there at two fidelities.
///
/// L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-Tzur, M. Hardt, B. Recht, A. Talwalkar,
/// A System for Massively Parallel Hyperparameter Tuning, MLSys 2020; S. Falkner, A. Klein, F.
/// Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML 2018, whose model
/// is a kernel density estimator.
///
/// ```
/// use optiformer::samplers::HyperbandSampler;
/// use optiformer::{Direction, Outcome, Parameter, Space, Study};
///
/// let space = Space::new(vec![
///     Parameter::float("rate", 1e-4, 1.0).log(),
///     Parameter::int("epochs", 1, 27).fidelity(),
/// ])?;
/// let sampler = Box::new(HyperbandSampler::default());
/// let mut study = Study::new(space, Direction::Minimize, sampler, 0);
/// for _ in 0..30 {
///     let trial = study.ask()?;
///     let rate = trial.configuration.get(0).unwrap();
///     let epochs = trial.configuration.get(1).unwrap();
///     // A program would continue the training of the trial `study.promoted_from(trial.id)`.
///     let loss = (rate.ln() + 3.0).powi(2) + 1.0 / epochs;
///     study.tell(trial.id, Outcome::Value(loss))?;
/// }
/// assert_eq!(study.best().unwrap().configuration.get(1), Some(27.0));
/// # Ok::<(), optiformer::Error>(())
/// ```
pub struct HyperbandSampler {
    model: Box<dyn Sampler + Send>,
    options: HyperbandOptions,
}

impl Default for HyperbandSampler {
    /// Hyperband with [`AutoSampler`] as its model.
    fn default() -> Self {
        Self { model: Box::new(AutoSampler::default()), options: HyperbandOptions::default() }
    }
}

impl HyperbandSampler {
    /// Hyperband in which `model` suggests new configurations; with
    /// [`RandomSampler`](super::RandomSampler), it is Hyperband as in its paper.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for options out of range.
    pub fn new(model: Box<dyn Sampler + Send>, options: HyperbandOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { model, options })
    }

    /// The options.
    pub fn options(&self) -> &HyperbandOptions {
        &self.options
    }

    /// The suggestion of the model for a new configuration, without a fidelity.
    fn explain_new(
        &mut self,
        request: &Request<'_>,
        space: &FidelitySpace,
        rungs: &Rungs,
    ) -> Result<Suggestion> {
        let enough = self.options.min_points_in_model.unwrap_or(space.others.len() + 3);
        let level = rungs.modeled_level(enough);
        let history = rungs.finished(level);
        let request = Request {
            space: &space.others,
            history,
            pending: &rungs.pending_beside(level),
            // Every new configuration has a number of its own, whatever is promoted between.
            number: rungs.draws(),
            seed: request.seed,
        };
        explain_permitted(&mut *self.model, &request)
    }
}

impl Sampler for HyperbandSampler {
    fn name(&self) -> &'static str {
        super::MULTI_FIDELITY
    }

    fn sets_fidelity(&self) -> bool {
        true
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.explain(request)?.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        let Some(space) = FidelitySpace::new(request.space)? else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the sampler \"hyperband\" needs a space with a fidelity: a float or an int with \
                 \"fidelity\": true, such as a number of epochs",
            ));
        };
        let factor = self.options.reduction_factor;
        let levels = space.levels(factor);
        let rungs = Rungs::new(&space, &levels, request);
        if let Some((others, level)) = rungs.promotion(factor) {
            let configuration = space.at(others, levels[level]);
            return Ok(Suggestion::plain(configuration, self.name(), CandidateOrigin::Promoted));
        }
        let mut suggestion = self.explain_new(request, &space, &rungs)?;
        let level = match rungs.highest_level(&suggestion.configuration) {
            // One of few configurations, tried already: what the model wants to know is how it does
            // at the next level.
            Some(tried) => (tried + 1).min(levels.len() - 1),
            None => {
                let brackets = Brackets::new(levels.len() as u32, factor);
                brackets.of(rungs.draws(), request.seed)
            }
        };
        suggestion.configuration = space.at(&suggestion.configuration, levels[level]);
        Ok(suggestion)
    }
}

impl core::fmt::Debug for HyperbandSampler {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("HyperbandSampler")
            .field("model", &self.model.name())
            .field("options", &self.options)
            .finish()
    }
}

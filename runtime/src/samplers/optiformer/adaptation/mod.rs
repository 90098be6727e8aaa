//! Test-time adaptation: correction of the predicted distributions by the errors of earlier
//! predictions in the same study.
//!
//! A shift `δ` of the last hidden state, `[hidden]`, and a bias on the logits of the score bins are
//! shared by all predictions. Since the output layer is linear, both add one vector to the logits:
//! `offset = Head · δ + Basis · c`, `[1000]`. The bias is a sum of cosines over the bins with few
//! coefficients `c`, because the outcome of a trial falls into one bin of a thousand: with a
//! coefficient for each bin it would say nothing about the neighboring bins. The bin of failed
//! trials has no bias of its own.
//!
//! `δ` and `c` minimize the negative log-likelihood of the latest [`FITTED`] trials plus an L2
//! penalty. Each trial is predicted from its own prefix of the history, with the score scale fitted
//! to this prefix, so that its logits never change and are cached.
//!
//! The number of steps of the optimizer, or none, is chosen by the prequential log score (Dawid,
//! Statistical Theory: The Prequential Approach, 1984): each of the latest [`SCORED`] trials is
//! predicted with offsets fitted to earlier trials only. Each fit begins at 0 and depends on its
//! prefix only, so that caches never change a suggestion. Predictions inside a search box get the
//! offset that is fitted to predictions in the whole space.

mod objective;
mod options;

pub use options::{AdaptationOptimizer, AdaptationOptions};

use alloc::vec::Vec;

use self::objective::{Objective, Predicted, basis, surprise};
use super::{
    context_trials::ContextTrials,
    surrogate::{TransformerSurrogate, has_scale},
};
use crate::{
    Result, kernels::Kernels, samplers::history_cache::HistoryCache, space::Space,
    trial::Observation,
};

/// Number of latest trials that an offset is fitted to.
const FITTED: usize = 64;
/// Number of latest trials whose log scores choose the number of steps.
const SCORED: usize = 32;
/// Number of points on the path of the optimizer to select from: a quarter, half, and the end.
const STOPS: usize = 3;
/// Lower bound of a log score, so that a single outlier does not decide.
const LEAST_LOG: f64 = -9.0;

/// Log scores of one told trial given the earlier ones: the logarithm of the predicted probability
/// of its score bin, at least −9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptationScores {
    /// Without adaptation.
    pub unadapted: f64,
    /// After a quarter, half and all of the steps.
    pub adapted: [f64; STOPS],
    /// After the number of steps that the earlier trials select.
    pub chosen: f64,
}

/// Cached results for a told trial.
#[derive(Clone, Debug, Default)]
struct Told {
    predicted: Option<Predicted>,
    /// Log score without adaptation, and at each stop.
    scores: Option<(f64, [f64; STOPS])>,
}

/// The adaptation, with a cache for one study at a time.
#[derive(Debug)]
pub(super) struct Adaptation {
    options: AdaptationOptions,
    cache: HistoryCache,
    /// Logits per unit of each parameter, `[hidden + COSINES, 1000]`; empty before the first use.
    basis: Vec<f32>,
    told: Vec<Told>,
    /// Number of trials of the last fit, and its offsets.
    fit: Option<(usize, [Vec<f32>; STOPS])>,
}

impl Adaptation {
    pub fn new(options: AdaptationOptions) -> Self {
        let cache = HistoryCache::default();
        Self { options, cache, basis: Vec::new(), told: Vec::new(), fit: None }
    }

    /// Sets the offset of the surrogate, or removes it if the told trials are predicted better
    /// without.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub fn adapt(
        &mut self,
        surrogate: &mut TransformerSurrogate,
        space: &Space,
        history: &[Observation],
    ) -> Result<()> {
        surrogate.offset.clear();
        self.score(surrogate, space, history, SCORED)?;
        // Later requests with a longer history need no logits of earlier trials.
        let done = history.len().saturating_sub(SCORED + FITTED);
        self.told[..done].iter_mut().for_each(|told| told.predicted = None);
        if let Some(stop) = self.choice(history.len()) {
            let temperature = surrogate.sampling.temperature;
            let offsets = self.offsets(surrogate.model.kernels(), history.len());
            surrogate.offset.extend(offsets[stop].iter().map(|offset| offset * temperature));
        }
        Ok(())
    }

    /// Log scores of the last `count` told trials, oldest first; `None` for a trial before which no
    /// two losses differ.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub fn one_step_ahead(
        &mut self,
        surrogate: &mut TransformerSurrogate,
        space: &Space,
        history: &[Observation],
        count: usize,
    ) -> Result<Vec<Option<AdaptationScores>>> {
        surrogate.offset.clear();
        // The selection for the first of them depends on the scores of earlier ones.
        self.score(surrogate, space, history, count.saturating_add(SCORED))?;
        let first = history.len().saturating_sub(count);
        let scores = (first..history.len()).map(|index| {
            let (unadapted, adapted) = self.told[index].scores?;
            let chosen = self.choice(index).map_or(unadapted, |stop| adapted[stop]);
            Some(AdaptationScores { unadapted, adapted, chosen })
        });
        Ok(scores.collect())
    }

    /// Fills the cache for the last `count` trials.
    fn score(
        &mut self,
        surrogate: &mut TransformerSurrogate,
        space: &Space,
        history: &[Observation],
        count: usize,
    ) -> Result<()> {
        let same = self.cache.sync(space, history);
        self.told.truncate(same);
        self.told.resize(history.len(), Told::default());
        self.fit = self.fit.take().filter(|(trials, _)| *trials <= same);
        let kernels = surrogate.model.kernels();
        if self.basis.is_empty() {
            self.basis = basis(surrogate)?;
        }
        let first = history.len().saturating_sub(count);
        for index in first.saturating_sub(FITTED)..history.len() {
            self.predict(surrogate, space, history, index)?;
        }
        for index in first..history.len() {
            if self.told[index].scores.is_some() {
                continue;
            }
            let Some(predicted) = self.told[index].predicted.clone() else { continue };
            let unadapted = log_score(kernels, &predicted, None);
            let fitted = self.offsets(kernels, index);
            let adapted = fitted.each_ref().map(|o| log_score(kernels, &predicted, Some(o)));
            self.told[index].scores = Some((unadapted, adapted));
        }
        Ok(())
    }

    /// Predicts a trial given its own prefix of the history.
    fn predict(
        &mut self,
        surrogate: &mut TransformerSurrogate,
        space: &Space,
        history: &[Observation],
        index: usize,
    ) -> Result<()> {
        let (before, trial) = (&history[..index], &history[index]);
        if self.told[index].predicted.is_some() || !has_scale(before) {
            return Ok(());
        }
        let context = ContextTrials::whole(space, before, surrogate.max_trials());
        if has_scale(&context.trials) {
            let scale = surrogate.score_logits(space, &context, &trial.configuration)?;
            let mut logits = surrogate.logits.clone();
            surrogate.model.kernels().scale(&mut logits, 1.0 / surrogate.sampling.temperature);
            let bin = usize::from(scale.bin(trial.loss));
            self.told[index].predicted = Some(Predicted { logits, bin });
        }
        Ok(())
    }

    /// Index of the stop with the largest log score over the first `trials` trials; `None` if that
    /// is no step at all.
    fn choice(&self, trials: usize) -> Option<usize> {
        let latest = &self.told[trials.saturating_sub(SCORED)..trials];
        let gain = |stop: usize| -> f64 {
            let scores = latest.iter().filter_map(|told| told.scores);
            scores.map(|(unadapted, adapted)| adapted[stop] - unadapted).sum()
        };
        (0..STOPS)
            .map(|stop| (gain(stop), stop))
            .filter(|(gain, _)| *gain > 0.0)
            .reduce(|best, other| if other.0 > best.0 { other } else { best })
            .map(|(_, stop)| stop)
    }

    /// Offsets at each stop of the fit to the first `trials` trials.
    fn offsets(&mut self, kernels: Kernels, trials: usize) -> &[Vec<f32>; STOPS] {
        if self.fit.as_ref().is_none_or(|(fitted, _)| *fitted != trials) {
            let latest = &self.told[trials.saturating_sub(FITTED)..trials];
            let told = latest.iter().filter_map(|told| told.predicted.as_ref()).collect();
            let objective = Objective { kernels, basis: &self.basis, told };
            self.fit = Some((trials, objective.minimize(&self.options)));
        }
        &self.fit.as_ref().expect("it was fitted").1
    }
}

/// Logarithm of the predicted probability of the observed bin.
fn log_score(kernels: Kernels, predicted: &Predicted, offset: Option<&Vec<f32>>) -> f64 {
    let mut logits = predicted.logits.clone();
    if let Some(offset) = offset {
        kernels.add(&mut logits, offset);
    }
    (-surprise(kernels, &mut logits, predicted.bin).0).max(LEAST_LOG)
}

#[cfg(test)]
mod tests {
    use alloc::{sync::Arc, vec};

    use super::{objective::COSINES, *};
    use crate::{
        model::{Config, Model, Precision},
        space::Parameter,
        tokenizer::vocabulary::BINS,
    };

    fn model() -> Arc<Model> {
        model_in(Precision::F32)
    }

    fn model_in(precision: Precision) -> Arc<Model> {
        let config = Config {
            hidden_size: 32,
            layers: 1,
            heads: 2,
            feed_forward_size: 32,
            ..Config::pico()
        };
        let config = Config { slots: 64, ..config.with_trial_rows() };
        Arc::new(Model::random(config, 5, precision).unwrap())
    }

    fn surrogate() -> TransformerSurrogate {
        TransformerSurrogate::new(model(), 1.3, 1)
    }

    fn space() -> Space {
        Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
    }

    /// Every ninth trial fails; most others have scores in a narrow band.
    fn history(space: &Space, trials: usize) -> Vec<Observation> {
        let of = |index: usize| {
            let unit = [0.37 * index as f64 % 1.0, 0.59 * index as f64 % 1.0];
            let loss = (index % 9 != 4).then_some(1.0 + 0.1 * unit[0]);
            let loss = if index == 0 { Some(0.0) } else { loss };
            Observation::new(space.from_unit(&unit), loss)
        };
        (0..trials).map(of).collect()
    }

    fn adapted(options: AdaptationOptions, history: &[Observation]) -> (Adaptation, Vec<f32>) {
        let (mut surrogate, mut adaptation) = (surrogate(), Adaptation::new(options));
        adaptation.adapt(&mut surrogate, &space(), history).unwrap();
        (adaptation, surrogate.offset)
    }

    #[test]
    fn a_shift_of_the_state_is_an_offset_of_the_logits() {
        let (space, history) = (space(), history(&space(), 20));
        for (precision, tolerance) in [(Precision::F32, 1e-4), (Precision::Int8, 0.05)] {
            let mut surrogate = TransformerSurrogate::new(model_in(precision), 1.0, 1);
            let context = ContextTrials::whole(&space, &history, 200);
            surrogate.score_logits(&space, &context, &history[0].configuration).unwrap();
            let (state, want) = (surrogate.workspace.hidden().to_vec(), surrogate.logits.clone());
            let basis = basis(&mut surrogate).unwrap();
            let columns = surrogate.model.head_columns(&mut surrogate.workspace, 0..1000).unwrap();
            // The whole state as the shift of a state of zeros.
            let unit = f64::from(columns[7] / basis[7]);
            let parameters: Vec<f64> = state.iter().map(|x| f64::from(*x) * unit).collect();
            let (kernels, told) = (surrogate.model.kernels(), Vec::new());
            let offset = Objective { kernels, basis: &basis, told }.offset(&parameters);
            let largest = want.iter().fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
            for bin in 0..BINS {
                let difference = (offset[bin] - want[bin]).abs();
                assert!(difference < tolerance * largest, "{precision:?}, {bin}: {difference}");
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let history = history(&space(), 30);
        let (adaptation, _) = adapted(AdaptationOptions::LBFGS, &history);
        let told = adaptation.told.iter().filter_map(|told| told.predicted.as_ref()).collect();
        let kernels = model().kernels();
        let objective = Objective { kernels, basis: &adaptation.basis, told };
        let mut x: Vec<f64> = (0..32 + COSINES).map(|i| 0.1 * libm::sin(i as f64)).collect();
        let mut gradient = vec![0.0; x.len()];
        let mut unused = gradient.clone();
        objective.likelihood(&x, &mut gradient);
        for index in (0..x.len()).step_by(3) {
            let kept = x[index];
            let mut at = |value| {
                x[index] = value;
                objective.likelihood(&x, &mut unused)
            };
            let difference = (at(kept + 0.01) - at(kept - 0.01)) / 0.02;
            x[index] = kept;
            let slope = gradient[index];
            assert!(
                (difference - slope).abs() < 0.02 + 0.01 * slope.abs(),
                "{difference}, {slope}"
            );
        }
    }

    #[test]
    fn what_the_model_does_not_know_is_learned() {
        let history = history(&space(), 60);
        for options in [AdaptationOptions::LBFGS, AdaptationOptions::ADAM_W] {
            let options = AdaptationOptions { l2_penalty: 1.0, ..options };
            let (mut adaptation, offset) = adapted(options, &history);
            assert_eq!(offset.len(), BINS);
            let scores = adaptation.one_step_ahead(&mut surrogate(), &space(), &history, 20);
            let scores = scores.unwrap();
            let sum =
                |of: fn(&AdaptationScores) -> f64| -> f64 { scores.iter().flatten().map(of).sum() };
            assert!(sum(|scores| scores.chosen) > sum(|scores| scores.unadapted) + 10.0);
        }
    }

    #[test]
    fn what_is_kept_changes_nothing() {
        let (space, history) = (space(), history(&space(), 110));
        let options = AdaptationOptions { l2_penalty: 3.0, ..AdaptationOptions::LBFGS };
        let (mut kept, mut same) = (Adaptation::new(options), surrogate());
        let mut adapting = 0;
        for trials in (0..history.len()).step_by(3).chain([40, 41, 109]) {
            kept.adapt(&mut same, &space, &history[..trials]).unwrap();
            let (_, offset) = adapted(options, &history[..trials]);
            assert_eq!(same.offset, offset, "{trials} trials");
            adapting += usize::from(!offset.is_empty());
        }
        assert!(adapting > 10);
        // One-step-ahead scores, by a fresh adaptation for each.
        let all = kept.one_step_ahead(&mut same, &space, &history, 5).unwrap();
        for (at, scores) in all.iter().enumerate() {
            let before = history.len() - 5 + at;
            let (_, offset) = adapted(options, &history[..before]);
            let context = ContextTrials::whole(&space, &history[..before], same.max_trials());
            let trial = &history[before];
            let scale = same.score_logits(&space, &context, &trial.configuration).unwrap();
            let mut logits = same.logits.clone();
            let kernels = same.model.kernels();
            if !offset.is_empty() {
                kernels.add(&mut logits, &offset);
            }
            kernels.scale(&mut logits, 1.0 / same.sampling.temperature);
            let surprise = surprise(kernels, &mut logits, usize::from(scale.bin(trial.loss))).0;
            let chosen = scores.unwrap().chosen;
            assert!((chosen - (-surprise).max(LEAST_LOG)).abs() < 1e-4, "{chosen}, {surprise}");
        }
    }

    #[test]
    fn outcomes_not_yet_told_change_no_bit() {
        let (space, history) = (space(), history(&space(), 70));
        let options = AdaptationOptions { l2_penalty: 3.0, ..AdaptationOptions::LBFGS };
        let before = |history: &[Observation], trials: usize| {
            // An adaptation that has seen the later outcomes.
            let (mut adaptation, mut surrogate) = (Adaptation::new(options), surrogate());
            let ahead = adaptation.one_step_ahead(&mut surrogate, &space, history, 70).unwrap();
            adaptation.adapt(&mut surrogate, &space, &history[..trials]).unwrap();
            (ahead, surrogate.offset)
        };
        for from in [20, 45, 69] {
            let mut flipped = history.clone();
            for trial in &mut flipped[from..] {
                trial.loss = trial.loss.map_or(Some(-70.0), |loss| Some(1e3 - 9.0 * loss));
            }
            let (one, other) = (before(&history, from), before(&flipped, from));
            assert_eq!(one.1, adapted(options, &history[..from]).1, "from {from}");
            assert_eq!(one.1, other.1, "from {from}");
            assert_eq!(one.0[..from], other.0[..from], "from {from}");
            // The first flipped outcome has another score by the same prediction.
            assert_ne!(one.0[from], other.0[from]);
            assert_ne!(before(&flipped, from + 1).1, before(&history, from + 1).1);
        }
    }
}

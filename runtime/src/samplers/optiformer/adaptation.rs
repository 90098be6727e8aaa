//! Test-time adaptation: what the told trials say about how the model errs in this study.
//!
//! A shift `δ` of the last hidden state, `[hidden]`, and a bias on the logits of the score's bins
//! are shared by all predictions of a study. Since the output layer is linear, both add a constant
//! to the logits: `offset = Head · δ + Basis · c`. The bias has [`COSINES`] coefficients instead of
//! one for each bin, because a told trial says something about one bin in a thousand; cosines make
//! what it says hold for the neighborhood too, and the penalty keeps high frequencies small. The
//! bin of failed trials gets no bias of its own.
//!
//! `δ` and `c` minimize the negative log-likelihood of the latest [`FITTED`] told trials plus an L2
//! penalty. Each trial is predicted behind its own prefix, with the score's scale fitted to that
//! prefix, so that its logits never change and are kept.
//!
//! How far to go along the optimizer's path, or whether to adapt at all, is chosen by the
//! prequential log score (Dawid 1984): each of the latest [`SCORED`] told trials is predicted with
//! offsets fitted to the trials before it alone. Every fit begins at 0 and depends on its prefix
//! alone, so that what is kept from one suggestion to the next changes no bit of it.

use alloc::{string::String, vec, vec::Vec};
use core::f64::consts::{PI, SQRT_2};

use super::{
    context_trials::ContextTrials,
    surrogate::{TransformerSurrogate, has_scale},
    
};
use crate::{
    Error, ErrorKind, Result,
    kernels::Kernels,
    math::lbfgs,
    samplers::history_cache::HistoryCache,
    space::Space,
    tokenizer::vocabulary::{BINS, Token},
    trial::Observation,
};

/// Number of coefficients of the bias.
const COSINES: usize = 12;
/// Number of latest trials that an offset is fitted to.
const FITTED: usize = 64;
/// Number of latest trials whose log scores choose the number of steps.
const SCORED: usize = 32;
/// Number of places on the optimizer's path that are chosen from: a quarter, half, and the end.
const STOPS: usize = 3;
/// Least log score that a trial counts with, so that no single surprise decides.
const LEAST_LOG: f64 = -9.0;
/// Learning rate of AdamW, of parameters that move the logits by about 1 a unit.
const LEARNING_RATE: f64 = 0.02;

/// The optimizer of [`AdaptationOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdaptationOptimizer {
    /// L-BFGS with a line search for the strong Wolfe conditions.
    Lbfgs,
    /// AdamW (Loshchilov and Hutter 2019) on all trials at once.
    AdamW,
}

/// How the model's predictions are adapted to the study.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptationOptions {
    /// The optimizer.
    pub optimizer: AdaptationOptimizer,
    /// Its largest number of steps; the told trials choose between none, a quarter, half and all of
    /// them.
    pub max_steps: usize,
    /// The factor `λ` of the penalty `λ/2 · (|δ|² + |c|²)`, beside a sum over trials.
    pub l2_penalty: f64,
}

impl AdaptationOptions {
    /// Eight steps of L-BFGS.
    pub const LBFGS: Self =
        Self { optimizer: AdaptationOptimizer::Lbfgs, max_steps: 8, l2_penalty: 100.0 };
    /// Twenty-four steps of AdamW.
    pub const ADAM_W: Self =
        Self { optimizer: AdaptationOptimizer::AdamW, max_steps: 24, l2_penalty: 100.0 };

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    pub(super) fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::new(ErrorKind::InvalidValue, String::from(what)));
        if !(1..=1024).contains(&self.max_steps) {
            return bad("adaptation.max_steps must be between 1 and 1024");
        }
        if !(self.l2_penalty > 0.0 && self.l2_penalty.is_finite()) {
            return bad("adaptation.l2_penalty must be above 0");
        }
        Ok(())
    }
}

/// Log scores of one told trial, predicted from the trials before it: the logarithm of the
/// probability of its bin of the score, at least −9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptationScores {
    /// Without adaptation.
    pub unadapted: f64,
    /// After a quarter, half and all of the steps.
    pub adapted: [f64; STOPS],
    /// After as many steps as the trials before it choose.
    pub chosen: f64,
}

/// A told trial as it was predicted behind its own prefix.
#[derive(Clone, Debug)]
struct Predicted {
    /// The logits of the score's bins, divided by the temperature, `[1000]`.
    logits: Vec<f32>,
    /// The bin that came out.
    bin: usize,
}

/// What is known of a told trial so far.
#[derive(Clone, Debug, Default)]
struct Told {
    predicted: Option<Predicted>,
    /// The log score without adaptation, and at each stop.
    scores: Option<(f64, [f64; STOPS])>,
}

/// The adaptation of one study at a time.
#[derive(Debug)]
pub(super) struct Adaptation {
    options: AdaptationOptions,
    cache: HistoryCache,
    /// What each parameter adds to the logits, `[hidden + COSINES, 1000]`.
    basis: Vec<f32>,
    told: Vec<Told>,
    /// The offsets fitted last, and to how many trials.
    fit: Option<(usize, [Vec<f32>; STOPS])>,
}

impl Adaptation {
    pub fn new(options: AdaptationOptions) -> Self {
        let cache = HistoryCache::default();
        Self { options, cache, basis: Vec::new(), told: Vec::new(), fit: None }
    }

    /// Adapts the surrogate to the told trials, or leaves it as it was trained where that predicts
    /// them better.
    ///
    /// # Errors
    ///
    /// What the model says.
    pub fn adapt(
        &mut self,
        surrogate: &mut TransformerSurrogate,
        space: &Space,
        history: &[Observation],
    ) -> Result<()> {
        surrogate.offset.clear();
        self.score(surrogate, space, history, SCORED)?;
        // Nothing looks further back.
        let done = history.len().saturating_sub(SCORED + FITTED);
        self.told[..done].iter_mut().for_each(|told| told.predicted = None);
        if let Some(stop) = self.choice(history.len()) {
            let temperature = surrogate.sampling.temperature;
            let offsets = self.offsets(surrogate.model.kernels(), history.len());
            surrogate.offset.extend(offsets[stop].iter().map(|offset| offset * temperature));
        }
        Ok(())
    }

    /// Log scores of the last `count` told trials, oldest first; `None` where scores have no unit
    /// before the trial.
    ///
    /// # Errors
    ///
    /// What the model says.
    pub fn one_step_ahead(
        &mut self,
        surrogate: &mut TransformerSurrogate,
        space: &Space,
        history: &[Observation],
        count: usize,
    ) -> Result<Vec<Option<AdaptationScores>>> {
        surrogate.offset.clear();
        // The first of them are chosen by scores of earlier ones.
        self.score(surrogate, space, history, count.saturating_add(SCORED))?;
        let first = history.len().saturating_sub(count);
        let scores = (first..history.len()).map(|index| {
            let (unadapted, adapted) = self.told[index].scores?;
            let chosen = self.choice(index).map_or(unadapted, |stop| adapted[stop]);
            Some(AdaptationScores { unadapted, adapted, chosen })
        });
        Ok(scores.collect())
    }

    /// Predicts and scores the last `count` trials, as far as that has not been done.
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
            let Some(predicted) = self.told[index].predicted.clone() else { continue };
            if self.told[index].scores.is_none() {
                let unadapted = log_score(kernels, &predicted, None);
                let fitted = self.offsets(kernels, index);
                let adapted = fitted.each_ref().map(|o| log_score(kernels, &predicted, Some(o)));
                self.told[index].scores = Some((unadapted, adapted));
            }
        }
        Ok(())
    }

    /// Predicts a trial behind its own prefix.
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

    /// Where to stop on the path of a fit to `trials` trials, by the log scores of these; `None`
    /// before the first step.
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

    /// The offsets at each stop of the fit to the first `trials` trials.
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

/// What each parameter adds to the logits of the score's bins, `[hidden + COSINES, 1000]`, with
/// columns of the output layer in units of their root mean square.
fn basis(surrogate: &mut TransformerSurrogate) -> Result<Vec<f32>> {
    let TransformerSurrogate { model, workspace, .. } = surrogate;
    let mut basis = model.head_columns(workspace, 0..BINS as Token)?;
    let square = basis.iter().map(|weight| f64::from(weight * weight)).sum::<f64>();
    let size = libm::sqrt(square / basis.len() as f64).max(1e-12);
    model.kernels().scale(&mut basis, (1.0 / size) as f32);
    for frequency in 1..=COSINES {
        let step = PI * frequency as f64 / (BINS - 1) as f64;
        let cosine = |bin| (SQRT_2 * libm::cos(step * (bin as f64 + 0.5))) as f32;
        basis.extend((0..BINS - 1).map(cosine).chain([0.0]));
    }
    Ok(basis)
}

/// The logarithm of the probability of what came out.
fn log_score(kernels: Kernels, predicted: &Predicted, offset: Option<&Vec<f32>>) -> f64 {
    let mut logits = predicted.logits.clone();
    if let Some(offset) = offset {
        kernels.add(&mut logits, offset);
    }
    (-surprise(kernels, &mut logits, predicted.bin).0).max(LEAST_LOG)
}

/// The negative log-likelihood of a bin; leaves in `logits` the powers of which a softmax is made,
/// whose sum comes second.
fn surprise(kernels: Kernels, logits: &mut [f32], bin: usize) -> (f64, f32) {
    let highest = kernels.max(logits);
    let logit = logits[bin];
    let sum = kernels.exp_and_sum(logits, highest);
    (libm::log(f64::from(sum)) - f64::from(logit - highest), sum)
}

/// The penalized negative log-likelihood of some told trials.
struct Objective<'a> {
    kernels: Kernels,
    basis: &'a [f32],
    told: Vec<&'a Predicted>,
}

impl Objective<'_> {
    /// The offset of some parameters, `[1000]`.
    fn offset(&self, parameters: &[f64]) -> Vec<f32> {
        let mut offset = vec![0.0; BINS];
        for (row, parameter) in self.basis.chunks_exact(BINS).zip(parameters) {
            self.kernels.add_parts(&mut offset, row, &[*parameter as f32]);
        }
        offset
    }

    /// The negative log-likelihood, and its gradient.
    fn likelihood(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let offset = self.offset(parameters);
        // Expected less observed counts of each bin.
        let (mut excess, mut row) = (vec![0.0; BINS], Vec::with_capacity(BINS));
        let mut total = 0.0;
        for told in &self.told {
            row.clear();
            row.extend_from_slice(&told.logits);
            self.kernels.add(&mut row, &offset);
            let (surprise, sum) = surprise(self.kernels, &mut row, told.bin);
            total += surprise;
            self.kernels.add_parts(&mut excess, &row, &[1.0 / sum]);
            excess[told.bin] -= 1.0;
        }
        for (slope, row) in gradient.iter_mut().zip(self.basis.chunks_exact(BINS)) {
            *slope = f64::from(self.kernels.dot(row, &excess));
        }
        total
    }

    /// The offsets at a quarter, half and the end of the optimizer's path from 0.
    fn minimize(&self, options: &AdaptationOptions) -> [Vec<f32>; STOPS] {
        let mut path = Vec::new();
        let mut parameters = vec![0.0; self.basis.len() / BINS];
        if !self.told.is_empty() {
            let after = |parameters: &[f64]| path.push(parameters.to_vec());
            match options.optimizer {
                AdaptationOptimizer::Lbfgs => {
                    let function = |x: &[f64], gradient: &mut [f64]| {
                        let value = self.likelihood(x, gradient);
                        let penalty = options.l2_penalty;
                        gradient.iter_mut().zip(x).for_each(|(slope, x)| *slope += penalty * x);
                        value + 0.5 * penalty * x.iter().map(|x| x * x).sum::<f64>()
                    };
                    lbfgs::minimize(&mut parameters, options.max_steps, function, after);
                }
                AdaptationOptimizer::AdamW => self.adam_w(&mut parameters, options, after),
            }
        }
        [4, 2, 1].map(|share| {
            let steps = options.max_steps.div_ceil(share).min(path.len());
            steps.checked_sub(1).map_or_else(|| vec![0.0; BINS], |last| self.offset(&path[last]))
        })
    }

    /// AdamW (Loshchilov and Hutter 2019, algorithm 2) on the mean over trials, with the decay that
    /// corresponds to the penalty.
    fn adam_w(
        &self,
        parameters: &mut [f64],
        options: &AdaptationOptions,
        mut after: impl FnMut(&[f64]),
    ) {
        let count = self.told.len() as f64;
        let decay = (LEARNING_RATE * options.l2_penalty / count).min(1.0);
        let mut gradient = vec![0.0; parameters.len()];
        let mut moments = vec![(0.0, 0.0); parameters.len()];
        let (mut first, mut second) = (1.0, 1.0);
        for _ in 0..options.max_steps {
            self.likelihood(parameters, &mut gradient);
            (first, second) = (first * 0.9, second * 0.999);
            for ((x, slope), moment) in parameters.iter_mut().zip(&gradient).zip(&mut moments) {
                let slope = slope / count;
                moment.0 += 0.1 * (slope - moment.0);
                moment.1 += 0.001 * (slope * slope - moment.1);
                let (mean, square) = (moment.0 / (1.0 - first), moment.1 / (1.0 - second));
                *x -= decay * *x + LEARNING_RATE * mean / (libm::sqrt(square) + 1e-8);
            }
            after(parameters);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::{
        model::{Config, Model, Precision},
        space::Parameter,
    };

    fn model() -> Arc<Model> {
        let config = Config {
            hidden_size: 32,
            layers: 1,
            heads: 2,
            feed_forward_size: 32,
            ..Config::pico()
        };
        let config = Config { slots: 64, ..config.with_trial_rows() };
        Arc::new(Model::random(config, 5, Precision::F32).unwrap())
    }

    fn surrogate() -> TransformerSurrogate {
        TransformerSurrogate::new(model(), 1.3, 1)
    }

    fn space() -> Space {
        Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
    }

    /// Every ninth trial fails, and the others come out in a narrow band of scores.
    fn history(space: &Space, trials: usize) -> Vec<Observation> {
        let of = |index: usize| {
            let unit = [0.37 * index as f64 % 1.0, 0.59 * index as f64 % 1.0];
            let loss = (index % 9 != 4).then_some(1.0 + 0.1 * unit[0]);
            let loss = if index == 0 { Some(0.0) } else { loss };
            Observation { configuration: space.from_unit(&unit), loss }
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
        let mut surrogate = surrogate();
        let basis = basis(&mut surrogate).unwrap();
        let columns = surrogate.model.head_columns(&mut surrogate.workspace, 0..1000).unwrap();
        let ratio = columns[7] / basis[7];
        let hidden = surrogate.model.config().hidden_size;
        // Both questions' states lie side by side, one shifted by hand.
        let state: Vec<f32> = (0..hidden).map(|i| libm::sinf(i as f32)).collect();
        let shift: Vec<f32> = (0..hidden).map(|i| 0.3 * libm::cosf(3.0 * i as f32)).collect();
        let logits = |state: &[f32]| -> Vec<f32> {
            let rows = columns.chunks_exact(BINS).zip(state);
            rows.fold(vec![0.0; BINS], |sum, (row, x)| {
                sum.iter().zip(row).map(|(sum, weight)| sum + x * weight).collect()
            })
        };
        let shifted: Vec<f32> = state.iter().zip(&shift).map(|(a, b)| a + b).collect();
        let told = Vec::new();
        let objective = Objective { kernels: surrogate.model.kernels(), basis: &basis, told };
        let parameters: Vec<f64> = shift.iter().map(|shift| f64::from(shift * ratio)).collect();
        let offset = objective.offset(&parameters);
        let (plain, want) = (logits(&state), logits(&shifted));
        for bin in 0..BINS {
            assert!((plain[bin] + offset[bin] - want[bin]).abs() < 1e-4, "bin {bin}");
        }
        assert!(offset.iter().any(|offset| offset.abs() > 0.01));
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

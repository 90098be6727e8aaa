//! One-step-ahead predictions: each finished trial predicted from the trials before it.

use alloc::vec::Vec;

use super::{
    Encoding, GpPrediction, GpSampler, Scratch, covariance_cache::covariance_of, has_two_losses,
    is_projected, targets,
};
use crate::samplers::Request;

impl GpSampler {
    /// Prequential predictions: for each of the last `count` trials, oldest first, what
    /// [`predict`](Self::predict) returns for it given the trials before it. The sum of their
    /// [`log_bin`](super::LossDistribution::log_bin) is a log score of the process on this study,
    /// comparable with that of any other one-step-ahead model.
    ///
    /// A prediction is causal in all its parts: the posterior, the target transform, and the
    /// hyperparameters, which are those of the fit at that number of trials. It depends on the
    /// earlier trials and on the configuration of the trial, and neither on its outcome nor on
    /// later trials. Pending trials are ignored, because the history does not record which trials
    /// were pending at the time. The prediction is `None` where `predict` fails: with fewer than
    /// two earlier trials that succeeded.
    ///
    /// Predictions are cached, so that a further trial costs one prediction: O(n²) with the cached
    /// covariance, O(n³) after a new fit. For a new history they are recomputed with one covariance
    /// per fit, whose leading blocks are the covariances of shorter histories; this needs earlier
    /// fits than a suggestion does. Beyond
    /// [`GpOptions::max_train_points`](super::GpOptions::max_train_points) trials each prediction
    /// has a covariance of its own.
    ///
    /// A. P. Dawid, Statistical Theory: The Prequential Approach, Journal of the Royal Statistical
    /// Society A 147 (1984).
    pub fn one_step_ahead(
        &mut self,
        request: &Request<'_>,
        count: usize,
    ) -> Vec<Option<GpPrediction>> {
        let Request { space, history, .. } = *request;
        if is_projected(space) {
            return self.one_step_ahead_projected(request, count);
        }
        let encoding = Encoding::new(space);
        self.sync(space, history);
        let first = history.len().saturating_sub(count);
        let mut scratch = Scratch::default();
        let predictions = (first..history.len()).map(|trial| {
            if let Some(kept) = self.one_step_ahead.get(&trial) {
                return *kept;
            }
            let prediction = self.predict_ahead(request, trial, &encoding, &mut scratch);
            self.one_step_ahead.insert(trial, prediction);
            prediction
        });
        let predictions = predictions.collect();
        self.one_step_ahead = self.one_step_ahead.split_off(&first);
        predictions
    }

    /// Predicts one trial, with the cached covariance if it covers all earlier trials.
    fn predict_ahead(
        &mut self,
        request: &Request<'_>,
        trial: usize,
        encoding: &Encoding<'_>,
        scratch: &mut Scratch,
    ) -> Option<GpPrediction> {
        let (earlier, history) = (&request.history[..trial], request.history);
        if !has_two_losses(earlier) {
            return None;
        }
        let options = self.options_for(request.space);
        let fit = self.fits.current(earlier, encoding, &options);
        let kept = targets::select_training_points(earlier, options.max_train_points);
        let (targets, transform) = targets::standardize(&kept, fit.warp);
        let mut row = Vec::with_capacity(encoding.columns());
        encoding.push(&history[trial].configuration, &mut row);
        let own;
        let covariance = if kept.len() == trial {
            self.covariance.extended(&fit, earlier.iter(), encoding, scratch)?
        } else {
            own = covariance_of(&fit, &kept, encoding, scratch)?;
            &own
        };
        let eligible = targets::eligible(&kept);
        let weights = covariance.weights(&targets, |index| eligible[index]);
        let (noise_variance, incumbent) = (covariance.noise_variance(), weights.incumbent);
        let mut prediction = None;
        covariance.predict(&row, &weights, scratch, |mean, deviation| {
            prediction =
                Some(GpPrediction { mean, deviation, noise_variance, incumbent, transform });
        });
        prediction
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        samplers::{Sampler, gp::GpOptions},
        space::{Configuration, Parameter, Space},
        trial::Observation,
    };

    fn space() -> Space {
        Space::new(vec![
            Parameter::float("x", -2.0, 2.0),
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::float("y", 0.0, 1.0).when("kind", ["b"]),
        ])
        .unwrap()
    }

    /// Every ninth trial fails.
    fn history(space: &Space, trials: u64) -> Vec<Observation> {
        let mut sampler = GpSampler::default();
        let mut history = Vec::new();
        for number in 0..trials {
            let request = Request { space, history: &history, pending: &[], number, seed: 6 };
            let configuration = sampler.suggest(&request).unwrap();
            let unit = space.to_unit(&configuration);
            let loss = libm::exp(3.0 * (unit[0] - 0.3) * (unit[0] - 0.3)) + unit[1] * unit[2];
            history.push(Observation::new(configuration, (number % 9 != 1).then_some(loss)));
        }
        history
    }

    fn request<'a>(space: &'a Space, history: &'a [Observation]) -> Request<'a> {
        Request { space, history, pending: &[], number: history.len() as u64, seed: 6 }
    }

    /// The slow twin: a new sampler for each trial.
    fn one_by_one(
        space: &Space,
        history: &[Observation],
        options: &GpOptions,
    ) -> Vec<Option<GpPrediction>> {
        let of = |trial: usize| {
            let mut sampler = GpSampler::new(options.clone()).unwrap();
            let candidate: [Configuration; 1] = [history[trial].configuration.clone()];
            let predicted = sampler.predict(&request(space, &history[..trial]), &candidate);
            predicted.ok().map(|predictions| predictions[0])
        };
        (0..history.len()).map(of).collect()
    }

    #[test]
    fn each_prediction_is_that_of_a_new_sampler_before_the_trial() {
        let space = space();
        let history = history(&space, 45);
        let few = GpOptions { max_train_points: 20, ..GpOptions::default() };
        for options in [GpOptions::default(), few] {
            let slow = one_by_one(&space, &history, &options);
            assert_eq!(slow.iter().position(Option::is_some), Some(3), "the second fails");
            let fresh = || GpSampler::new(options.clone()).unwrap();
            assert_eq!(fresh().one_step_ahead(&request(&space, &history), 99), slow);
            assert_eq!(fresh().one_step_ahead(&request(&space, &history), 10), slow[35..]);
            // A trial at a time, with suggestions in between, and a step back.
            let mut sampler = fresh();
            for trials in (1..=history.len()).chain([30, 44]) {
                let request = request(&space, &history[..trials]);
                let scores = sampler.one_step_ahead(&request, 7);
                assert_eq!(scores, slow[trials.saturating_sub(7)..trials]);
                assert_eq!(
                    sampler.suggest(&request).unwrap(),
                    fresh().suggest(&request).unwrap(),
                    "what is kept does not change suggestions"
                );
            }
        }
    }

    #[test]
    fn later_outcomes_change_no_bit_of_an_earlier_prediction() {
        let space = space();
        let history = history(&space, 40);
        let predictions =
            GpSampler::default().one_step_ahead(&request(&space, &history), history.len());
        for from in [4, 17, 32, 39] {
            let mut flipped = history.clone();
            for trial in &mut flipped[from..] {
                // What was good is bad and the other way round; what failed did not.
                trial.loss = trial.loss.map_or(Some(-70.0), |loss| Some(1e3 - 9.0 * loss));
            }
            for mut sampler in [GpSampler::default(), {
                let mut sampler = GpSampler::default();
                sampler.one_step_ahead(&request(&space, &history), history.len());
                sampler
            }] {
                let changed = sampler.one_step_ahead(&request(&space, &flipped), history.len());
                assert_eq!(changed[..=from], predictions[..=from], "from {from}");
                assert!(from + 1 >= history.len() || changed[from + 1] != predictions[from + 1]);
            }
        }
    }
}

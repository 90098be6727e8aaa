//! What the process expected of the trials that are told, each before it was.

use alloc::vec::Vec;

use super::{Encoding, GpPrediction, GpSampler, Scratch, has_two, targets};
use crate::samplers::Request;

impl GpSampler {
    /// Of each of the last `count` trials of the history what [`predict`](Self::predict) says of it
    /// given the trials before it alone, the oldest first: their prequential predictions. The sum
    /// of their [`log_bin`](super::LossDistribution::log_bin) is a score of the process as a model
    /// of this study, comparable with any other model's that predicts one step ahead.
    ///
    /// Everything in a prediction is causal: the posterior, the transform of the losses, and the
    /// hyperparameters, which are those of the fit in force at that number of trials. So a
    /// prediction depends on the earlier trials and on the trial's own configuration, and in no bit
    /// on its outcome or on what was told later. Pending trials are left out, since which were
    /// pending at the time is not known. `None` stands where `predict` has nothing to say: fewer
    /// than two of the earlier trials succeeded.
    ///
    /// Predictions are kept, so that one more trial costs one more of them: O(n²) where its
    /// covariance is kept too, O(n³) after a new fit. A sampler that is new to a history works them
    /// out again, with a covariance for each fit, all of whose leading blocks serve; that needs the
    /// fits that were in force then, beyond those that a suggestion needs. Behind more than
    /// [`GpOptions::most_trials`](super::GpOptions::most_trials) trials each takes a covariance of
    /// its own.
    ///
    /// A. P. Dawid, Statistical Theory: The Prequential Approach, Journal of the Royal Statistical
    /// Society A 147 (1984).
    pub fn one_step_ahead(
        &mut self,
        request: &Request<'_>,
        count: usize,
    ) -> Vec<Option<GpPrediction>> {
        let Request { space, history, .. } = *request;
        let encoding = Encoding::new(space);
        self.follow(space, history);
        let first = history.len().saturating_sub(count);
        let mut scratch = Scratch::default();
        let predictions = (first..history.len()).map(|trial| {
            if let Some(kept) = self.ahead.get(&trial) {
                return *kept;
            }
            let prediction = self.ahead_of(request, trial, &encoding, &mut scratch);
            self.ahead.insert(trial, prediction);
            prediction
        });
        let predictions = predictions.collect();
        self.ahead = self.ahead.split_off(&first);
        predictions
    }

    /// The prediction of one trial, with the covariance that is kept where that holds all earlier
    /// trials.
    fn ahead_of(
        &mut self,
        request: &Request<'_>,
        trial: usize,
        encoding: &Encoding<'_>,
        scratch: &mut Scratch,
    ) -> Option<GpPrediction> {
        let (earlier, history) = (&request.history[..trial], request.history);
        if !has_two(earlier) {
            return None;
        }
        let fit = self.fits.in_force(earlier, encoding, &self.options);
        let kept = targets::keep(earlier, self.options.most_trials);
        let (targets, transform) = targets::standardised(&kept, fit.warp);
        let mut row = Vec::with_capacity(encoding.columns());
        encoding.push(&history[trial].configuration, &mut row);
        let own;
        let covariance = if kept.len() == trial {
            self.covariance(&fit, earlier, encoding, scratch)?
        } else {
            own = super::covariance_of(&fit, &kept, encoding, scratch)?;
            &own
        };
        let weights = covariance.weights(&targets);
        let (noise, best) = (covariance.noise(), weights.best);
        let mut prediction = None;
        covariance.predict(&row, &weights, scratch, |mean, deviation| {
            prediction = Some(GpPrediction { mean, deviation, noise, best, transform });
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
            history.push(Observation { configuration, loss: (number % 9 != 1).then_some(loss) });
        }
        history
    }

    fn request<'a>(space: &'a Space, history: &'a [Observation]) -> Request<'a> {
        Request { space, history, pending: &[], number: history.len() as u64, seed: 6 }
    }

    /// The slow twin: a new sampler for each trial, asked before it.
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
    fn each_prediction_is_what_would_have_been_said_before_the_trial() {
        let space = space();
        let history = history(&space, 45);
        let few = GpOptions { most_trials: 20, ..GpOptions::default() };
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

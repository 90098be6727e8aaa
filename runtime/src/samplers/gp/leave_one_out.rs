//! Leave-one-out predictions: each finished trial predicted from all others.

use alloc::vec::Vec;

use super::{Encoding, GpPrediction, GpSampler, is_projected};
use crate::{samplers::Request, trial::Observation};

impl GpSampler {
    /// Leave-one-out predictions: for each trial, what the process predicts from the others, under
    /// the hyperparameters and the target transform of all. A trial that is not among the training
    /// points of a long history is predicted from these. Pending trials are ignored.
    ///
    /// `None` with fewer than two trials that succeeded, with covariances that cannot be factored,
    /// and in spaces so large that a projection is modeled.
    ///
    /// O(n³): one inverse of the covariance. C. E. Rasmussen & C. K. I. Williams, Gaussian
    /// Processes for Machine Learning (2006), section 5.4.2.
    pub fn leave_one_out(&mut self, request: &Request<'_>) -> Option<Vec<GpPrediction>> {
        if is_projected(request.space) {
            return None;
        }
        let encoding = Encoding::new(request.space);
        let request = Request { pending: &[], ..*request };
        let conditioned = self.condition(&request, &encoding)?;
        let (posterior, transform) = (&conditioned.posterior, conditioned.transform);
        let (noise_variance, incumbent) = (posterior.noise_variance(), posterior.incumbent());
        let mut left_out = Vec::with_capacity(conditioned.kept.len());
        posterior.leave_one_out_each(&conditioned.targets, |mean, deviation| {
            left_out.push(GpPrediction { mean, deviation, noise_variance, incumbent, transform });
        });
        let mut kept = conditioned.kept.iter().zip(left_out).peekable();
        let mut row = Vec::with_capacity(encoding.columns());
        let of =
            |trial: &Observation| match kept.next_if(|(other, _)| core::ptr::eq(**other, trial)) {
                Some((_, prediction)) => prediction,
                None => {
                    row.clear();
                    encoding.push(&trial.configuration, &mut row);
                    conditioned.predict(&row)[0]
                }
            };
        Some(request.history.iter().map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        samplers::gp::GpOptions,
        space::{Parameter, Space},
    };

    fn space() -> Space {
        Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]).unwrap()
    }

    fn history(space: &Space, trials: u32) -> Vec<Observation> {
        (0..trials)
            .map(|number| {
                let unit = [0.618, 0.7549].map(|step| (0.5 + step * f64::from(number)) % 1.0);
                let loss = libm::sin(7.0 * unit[0]) + (unit[1] - 0.3) * (unit[1] - 0.3);
                Observation::new(space.from_unit(&unit), (number % 9 != 4).then_some(loss))
            })
            .collect()
    }

    fn request<'a>(space: &'a Space, history: &'a [Observation]) -> Request<'a> {
        Request { space, history, pending: &[], number: 0, seed: 1 }
    }

    /// The slow twin factors the covariance of the others, with the hyperparameters and the targets
    /// of all.
    #[test]
    fn each_trial_is_predicted_as_if_it_was_not_told() {
        let space = space();
        let history = history(&space, 12);
        let options = GpOptions { n_startup_trials: 99, ..GpOptions::default() };
        let mut sampler = GpSampler::new(options).unwrap();
        let encoding = Encoding::new(&space);
        let left_out = sampler.leave_one_out(&request(&space, &history)).unwrap();
        let conditioned = sampler.condition(&request(&space, &history), &encoding).unwrap();
        let targets = conditioned.targets.clone();
        let fit = sampler.fits.current(&history, &encoding, &sampler.options.clone());
        for (index, prediction) in left_out.iter().enumerate() {
            let others: Vec<&Observation> = (0..history.len())
                .filter(|other| *other != index)
                .map(|other| &history[other])
                .collect();
            let mut losses = targets.clone();
            losses.remove(index);
            let mut scratch = super::super::Scratch::default();
            let covariance =
                super::super::covariance_of(&fit, &others, &encoding, &mut scratch).unwrap();
            let posterior = super::super::Posterior::new(covariance, &losses, |_| true);
            let mut row = Vec::new();
            encoding.push(&history[index].configuration, &mut row);
            let (mean, deviation) = posterior.predict(&row, &mut scratch);
            assert!((prediction.mean - mean).abs() < 1e-8, "{index}");
            assert!((prediction.deviation - deviation).abs() < 1e-8, "{index}");
        }
    }

    #[test]
    fn a_trial_that_is_not_modeled_is_predicted() {
        let space = space();
        let history = history(&space, 40);
        let options = GpOptions { max_train_points: 20, ..GpOptions::default() };
        let mut sampler = GpSampler::new(options).unwrap();
        let left_out = sampler.leave_one_out(&request(&space, &history)).unwrap();
        assert_eq!(left_out.len(), history.len());
        assert!(left_out.iter().all(|it| it.mean.is_finite() && it.deviation > 0.0));
        assert!(sampler.leave_one_out(&request(&space, &history[..1])).is_none());
    }
}

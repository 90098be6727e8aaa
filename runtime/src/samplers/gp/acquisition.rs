//! What a search maximizes.

use super::{
    feasibility::Feasibility,
    improvement::log_expected_improvement,
    posterior::{Posterior, Scratch},
};

/// The logarithm of the expected improvement, or, under constraints, of the constrained one: the
/// expected improvement on the best feasible trial times the probability that all constraints hold.
/// While no trial is feasible it is the logarithm of that probability alone.
///
/// M. Schonlau, W. J. Welch, D. R. Jones, Global versus Local Search in Constrained Optimization of
/// Computer Models (1998); J. R. Gardner, M. J. Kusner, Z. Xu, K. Q. Weinberger, J. P. Cunningham,
/// Bayesian Optimization with Inequality Constraints, ICML 2014; M. A. Gelbart, J. Snoek, R. P.
/// Adams, Bayesian Optimization with Unknown Constraints, UAI 2014, for the search for a first
/// feasible trial.
#[derive(Clone, Copy)]
pub(super) struct Acquisition<'a> {
    pub(super) loss: &'a Posterior,
    pub(super) feasibility: Option<&'a Feasibility>,
}

impl Acquisition<'_> {
    /// Whether there is a loss to improve on.
    fn improves(&self) -> bool {
        self.feasibility.is_none_or(Feasibility::has_feasible)
    }

    /// The value at a point, `[columns]`.
    pub(super) fn value(&self, row: &[f64], scratch: &mut Scratch) -> f64 {
        let mut value = 0.0;
        self.value_each(row, scratch, |_, found| value = found);
        value
    }

    /// Calls `each` with the number and the value of each of `rows`, `[points, columns]`, in order.
    pub(super) fn value_each(
        &self,
        rows: &[f64],
        scratch: &mut Scratch,
        mut each: impl FnMut(usize, f64),
    ) {
        let logarithms =
            self.feasibility.map(|feasibility| feasibility.log_probabilities(rows, scratch));
        if !self.improves() {
            let logarithms = logarithms.into_iter().flatten().enumerate();
            return logarithms.for_each(|(number, value)| each(number, value));
        }
        let mut number = 0;
        self.loss.predict_each(rows, scratch, |mean, deviation| {
            let value = log_expected_improvement(mean, deviation, self.loss.incumbent()).0;
            let feasible = logarithms.as_ref().map(|logarithms| logarithms[number]);
            each(number, feasible.map_or(value, |feasible| value + feasible));
            number += 1;
        });
    }

    /// The value at a point, with its gradient by the numerical coordinates in `gradient`,
    /// `[columns]`; 0 for categories.
    pub(super) fn value_with_gradient(
        &self,
        row: &[f64],
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let mut value = 0.0;
        gradient.fill(0.0);
        if self.improves() {
            value = self.loss.log_expected_improvement_with_gradient(row, gradient, scratch);
        }
        if let Some(feasibility) = self.feasibility {
            value += feasibility.add_log_probability_with_gradient(row, gradient, scratch);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{
        math::normal,
        samplers::{
            Request, Sampler, SobolSampler,
            gp::{Encoding, FeasibilityModel, GpOptions, GpSampler},
        },
        space::{Configuration, Parameter, Space},
        trial::Observation,
    };

    fn space() -> Space {
        let kind = Parameter::categorical("kind", ["a", "b"]);
        let floats = ["x", "y"].map(|name| Parameter::float(name, -1.0, 1.0));
        Space::new(floats.into_iter().chain([kind]).collect()).unwrap()
    }

    /// The first constraint is measured by every trial that did not fail, the second by each.
    fn history(space: &Space, shift: f64) -> Vec<Observation> {
        let trial = |number| {
            let request = Request { space, history: &[], pending: &[], number, seed: 5 };
            let configuration = SobolSampler.suggest(&request).unwrap();
            let of = |index| configuration.get(index).unwrap();
            let (x, y, kind) = (of(0), of(1), of(2));
            let constraints = vec![x * x + y - 0.3 * kind + shift, 50.0 * (x - y) + shift];
            let failed = number % 7 == 3;
            let trial = Observation::new(configuration, (!failed).then_some(x + y * y));
            if failed { trial } else { trial.with_constraints(constraints) }
        };
        (0..26).map(trial).collect()
    }

    #[test]
    fn the_gradient_matches_finite_differences() {
        let space = space();
        // With feasible trials, and without any.
        for shift in [0.0, 300.0] {
            let history = history(&space, shift);
            let request =
                Request { space: &space, history: &history, pending: &[], number: 26, seed: 5 };
            let encoding = Encoding::new(&space);
            let conditioned = GpSampler::default().condition(&request, &encoding).unwrap();
            let feasibility = FeasibilityModel::default()
                .condition(&request, &encoding, &GpOptions::default())
                .unwrap();
            assert_eq!(feasibility.has_feasible(), shift == 0.0);
            let acquisition =
                Acquisition { loss: &conditioned.posterior, feasibility: Some(&feasibility) };
            let mut scratch = Scratch::default();
            for row in [[0.45, 0.52, 1.0], [0.1, 0.35, 0.0], [0.83, 0.21, 1.0]] {
                let mut gradient = [9.0; 3];
                let value = acquisition.value_with_gradient(&row, &mut gradient, &mut scratch);
                assert!((value - acquisition.value(&row, &mut scratch)).abs() < 1e-12);
                for column in 0..2 {
                    let mut at = |offset: f64| {
                        let mut moved = row;
                        moved[column] += offset;
                        acquisition.value(&moved, &mut scratch)
                    };
                    let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                    let error = (slope - gradient[column]).abs();
                    assert!(error < 1e-3 * (1.0 + slope.abs()), "{slope} {gradient:?}");
                }
                assert_eq!(gradient[2], 0.0);
            }
        }
    }

    /// The slow twin: points one at a time, the improvement and each probability by themselves.
    #[test]
    fn the_value_is_the_improvement_times_the_probabilities() {
        let space = space();
        let history = history(&space, 0.0);
        let request =
            Request { space: &space, history: &history, pending: &[], number: 26, seed: 5 };
        let candidates: Vec<Configuration> = (30..41)
            .map(|number| SobolSampler.suggest(&Request { number, ..request }).unwrap())
            .collect();
        let mut sampler = GpSampler::default();
        let ranking = sampler.choose(&request, &candidates).unwrap();
        let predictions = sampler.predict(&request, &candidates).unwrap();
        let mut model = FeasibilityModel::default();
        let encoding = Encoding::new(&space);
        let feasibility = model.condition(&request, &encoding, &GpOptions::default()).unwrap();
        let moments = |row: &[f64]| feasibility.moments(row);
        for ((candidate, prediction), value) in
            candidates.iter().zip(&predictions).zip(&ranking.values)
        {
            let mut row = Vec::new();
            encoding.push(candidate, &mut row);
            let probability: f64 = moments(&row)
                .into_iter()
                .map(|(mean, deviation, bound)| normal::cdf((bound - mean) / deviation))
                .product();
            let wanted = prediction.expected_improvement() * probability;
            assert!((value - wanted).abs() <= 1e-9 * wanted, "{value:e}, not {wanted:e}");
        }
        // Improvements are on the best feasible trial, not on the best of all.
        let best = |feasible: bool| {
            let trials = history.iter().filter(|trial| !feasible || trial.is_feasible());
            trials.filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min)
        };
        let incumbent = predictions[0].incumbent();
        let (feasible, any) = (best(true), best(false));
        assert!(
            (incumbent - feasible).abs() < 0.5 * (feasible - any),
            "{incumbent} {feasible} {any}"
        );
    }
}

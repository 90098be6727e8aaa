//! What the constraints of a study mean to the transformer, which knows losses alone.
//!
//! With the feature `classical` a Gaussian process for each constraint says how probable it is that
//! all hold. Without it the losses of infeasible trials are [replaced](super::infeasible).

use alloc::{borrow::Cow, vec::Vec};

use crate::{samplers::Request, space::Configuration, trial::Observation};

#[cfg(feature = "classical")]
pub(super) use with_processes::{ConditionedConstraints, ConstraintModel};
#[cfg(not(feature = "classical"))]
pub(super) use without_processes::{ConditionedConstraints, ConstraintModel};

#[cfg(feature = "classical")]
mod with_processes {
    use super::*;
    use crate::samplers::gp::{FeasibilityModel, FeasibilityRater, GpOptions};

    /// The processes of the constraints.
    #[derive(Debug, Default)]
    pub(crate) struct ConstraintModel(FeasibilityModel);

    /// The processes conditioned on a history, if it has constraints.
    pub(crate) struct ConditionedConstraints<'a>(Option<FeasibilityRater<'a>>);

    impl ConstraintModel {
        /// The history as the transformer reads it.
        pub fn history<'a>(&self, history: &'a [Observation]) -> Cow<'a, [Observation]> {
            Cow::Borrowed(history)
        }

        /// The model of a request.
        pub fn condition<'a>(&mut self, request: &Request<'a>) -> ConditionedConstraints<'a> {
            ConditionedConstraints(self.0.rater(request, &GpOptions::default()))
        }
    }

    impl ConditionedConstraints<'_> {
        /// What candidates are ranked by, given their expected improvements.
        pub fn rate(&self, candidates: &[Configuration], improvements: Vec<f64>) -> Vec<f64> {
            match &self.0 {
                Some(rater) => rater.rate(candidates, &improvements),
                None => improvements,
            }
        }

        /// The expected improvements times the probability that all constraints hold; that
        /// probability alone while no trial is feasible.
        pub fn weigh(&self, candidates: &[Configuration], improvements: &mut [f64]) {
            let Some(rater) = &self.0 else { return };
            let probabilities = rater.log_probabilities(candidates);
            for (value, logarithm) in improvements.iter_mut().zip(probabilities) {
                let factor = if rater.has_feasible() { *value } else { 1.0 };
                *value = factor * libm::exp(logarithm);
            }
        }

        /// The probability that all constraints hold; `None` in a study without constraints.
        pub fn probability(&self, candidate: &Configuration) -> Option<f64> {
            let logarithms = self.0.as_ref()?.log_probabilities(core::slice::from_ref(candidate));
            Some(libm::exp(logarithms[0]))
        }
    }
}

#[cfg(not(feature = "classical"))]
mod without_processes {
    use core::marker::PhantomData;

    use super::*;
    use crate::samplers::optiformer::infeasible::penalized;

    /// No model.
    #[derive(Debug, Default)]
    pub(crate) struct ConstraintModel {}

    /// No model.
    pub(crate) struct ConditionedConstraints<'a>(PhantomData<&'a ()>);

    impl ConstraintModel {
        /// The history as the transformer reads it.
        pub fn history<'a>(&self, history: &'a [Observation]) -> Cow<'a, [Observation]> {
            penalized(history).map_or(Cow::Borrowed(history), Cow::Owned)
        }

        /// Nothing.
        pub fn condition<'a>(&mut self, _: &Request<'a>) -> ConditionedConstraints<'a> {
            ConditionedConstraints(PhantomData)
        }
    }

    impl ConditionedConstraints<'_> {
        /// The expected improvements, which the losses of infeasible trials have gone into.
        pub fn rate(&self, _: &[Configuration], improvements: Vec<f64>) -> Vec<f64> {
            improvements
        }

        /// Leaves the improvements as they are.
        pub fn weigh(&self, _: &[Configuration], _: &mut [f64]) {}

        /// `None`.
        pub fn probability(&self, _: &Configuration) -> Option<f64> {
            None
        }
    }
}

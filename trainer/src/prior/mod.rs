//! What the model learns from, for people: a sample of the generated functions measured, checked
//! and drawn.
//!
//! A sample holds functions with a trajectory each; [`checks`] says what share of them is what, and
//! whether the set is sound and diverse, as the first step of the smoke test asks of its few;
//! [`page`] draws some of them.

mod chart;
pub mod checks;
pub mod measures;
pub mod page;
mod picture;

use measures::Measures;
use optiformer::Result;
use rayon::prelude::*;

use crate::{
    dataset::record::Record,
    generators::{FunctionOptions, SampledFunction, diversity::LandscapeFeatures},
    trajectories::{self, TeacherMixture},
};

/// One function of a sample, a trajectory on it, and what was measured.
pub struct ProfiledFunction {
    /// The function, its survey and its optimum.
    pub drawn: SampledFunction,
    /// A trajectory.
    pub record: Record,
    /// How smooth, linear and lopsided it is.
    pub features: LandscapeFeatures,
    /// What its parameters do.
    pub measures: Measures,
}

/// The functions from number 0 on of a seed.
///
/// # Errors
///
/// What a teacher says.
pub fn sample(
    options: &FunctionOptions,
    teachers: &TeacherMixture,
    functions: u64,
    trials: usize,
    seed: u64,
) -> Result<Vec<ProfiledFunction>> {
    (0..functions)
        .into_par_iter()
        .map(|index| {
            let drawn = SampledFunction::draw(options, seed, index);
            let record = trajectories::record(options, teachers, trials, seed, index)?;
            let features = LandscapeFeatures::of(&drawn);
            let measures = Measures::of(&drawn);
            Ok(ProfiledFunction { drawn, record, features, measures })
        })
        .collect()
}

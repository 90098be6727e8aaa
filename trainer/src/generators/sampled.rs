//! Functions drawn for training: of a random structure, informative, with a known optimum.

use rand::{RngExt, SeedableRng};

use super::{
    Function, FunctionOptions, Landscape,
    failure_region::FailureRegion,
    family::{draw_family, draw_landscape},
    integrity::ProbeSet,
    noise::Noise,
    optimum::Optimum,
    structure::Structure,
    switch::Switched,
};
use crate::random::SeededRng;

/// A function that passed the [integrity check](super::integrity), and what is known of it.
pub struct SampledFunction {
    /// The function.
    pub function: Function,
    /// Its values at uniform points.
    pub probes: ProbeSet,
    /// The best point that a search found.
    pub optimum: Optimum,
    /// The generator of random numbers, behind what the function was drawn from.
    pub rng: SeededRng,
}

impl SampledFunction {
    /// Function number `index` of a seed. Functions that fail the integrity check are drawn again.
    pub fn draw(options: &FunctionOptions, seed: u64, index: u64) -> Self {
        let mut rng = SeededRng::seed_from_u64(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03),
        );
        loop {
            let function = draw_unchecked(options, &mut rng);
            let probes = ProbeSet::of(&function, &mut rng);
            if probes.check_values().is_err() {
                continue;
            }
            let Some(optimum) = Optimum::search(&function, &probes, &mut rng) else {
                continue;
            };
            if probes.check_optimum(optimum.loss).is_err() {
                continue;
            }
            let function = if rng.random_bool(options.noisy) {
                let dimensions = function.structure.kinds.len();
                function.with_noise(Noise::draw(probes.spread(), dimensions, &mut rng))
            } else {
                function
            };
            return Self { function, probes, optimum, rng };
        }
    }
}

/// A noiseless function that no check has seen yet.
fn draw_unchecked(options: &FunctionOptions, rng: &mut SeededRng) -> Function {
    let structure = Structure::draw(options, rng);
    let dimensions = structure.kinds.len();
    let family = draw_family(options.learners, rng);
    let landscape: Box<dyn Landscape> = match structure.switch {
        Some(switch) => Box::new(Switched::draw(&structure, switch, family, options.learners, rng)),
        None => draw_landscape(family, dimensions, rng),
    };
    let function = Function::over(structure, family, landscape, rng);
    if rng.random_bool(options.failing) {
        function.with_failure_region(FailureRegion::draw(dimensions, rng))
    } else {
        function
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{FunctionFamily, ParameterKind};

    fn drawn(count: u64) -> impl Iterator<Item = SampledFunction> {
        (0..count).map(|index| SampledFunction::draw(&FunctionOptions::default(), 7, index))
    }

    #[test]
    fn whatever_is_drawn_is_legal() {
        for SampledFunction { function, mut rng, .. } in drawn(60) {
            for _ in 0..20 {
                let uniform = function.uniform(&mut rng);
                function.space.validate(&function.configuration(&uniform)).unwrap();
                let near = function.near(&uniform, 0.5, &mut rng);
                let configuration = function.configuration(&near);
                function.space.validate(&configuration).unwrap();
                assert_eq!(function.values(&configuration), near);
                assert!(function.evaluate(&near).is_none_or(f64::is_finite));
            }
        }
    }

    #[test]
    fn the_mixture_is_what_it_says() {
        let (mut parameters, mut continuous, mut noisy, mut failing) = (0, 0, 0, 0);
        let mut families = std::collections::BTreeMap::new();
        for SampledFunction { function, .. } in drawn(600) {
            parameters += function.structure.kinds.len();
            continuous += function
                .structure
                .kinds
                .iter()
                .filter(|kind| **kind == ParameterKind::Continuous)
                .count();
            noisy += usize::from(function.is_noisy());
            failing += usize::from(function.has_failure_region());
            *families.entry(function.family).or_insert(0) += 1;
        }
        // Three standard deviations of a share of 600 are at most 6 %; the integrity check shifts
        // shares a little.
        let share = |count: usize, of: usize| count as f64 / of as f64;
        assert!((share(continuous, parameters) - 0.55).abs() < 0.07);
        assert!((share(noisy, 600) - 0.4).abs() < 0.07);
        assert!((share(failing, 600) - 0.1).abs() < 0.05);
        assert_eq!(families.len(), FunctionFamily::ALL.len());
        assert!(families.values().all(|count| *count > 30), "{families:?}");
    }

    #[test]
    fn noise_has_the_deviation_it_says_and_crashes_have_no_value() {
        let mut noisy = 0;
        let mut crashed = 0;
        for SampledFunction { function, mut rng, probes, .. } in drawn(240) {
            let values = function.uniform(&mut rng);
            let Some(exact) = function.evaluate(&values) else {
                crashed += 1;
                assert_eq!(function.observe(&values, &mut rng), None);
                continue;
            };
            let mut observe = || function.observe(&values, &mut rng).unwrap();
            if !function.is_noisy() {
                assert_eq!(observe(), exact);
                continue;
            }
            let squares: f64 = (0..2000).map(|_| (observe() - exact).powi(2)).sum();
            let expected = function.noise().deviation.powi(2);
            assert!(function.noise().deviation <= 0.1 * probes.spread());
            if function.noise().slope.is_none() && !function.is_heavy_tailed() {
                noisy += 1;
                assert!((squares / 2000.0 / expected - 1.0).abs() < 0.2);
            }
        }
        assert!(noisy > 10 && crashed > 0, "{noisy} {crashed}");
    }
}

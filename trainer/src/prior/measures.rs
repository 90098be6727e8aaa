//! What the parameters of a function do, measured at points alone: nothing is asked of the
//! generator that drew it.

use crate::generators::{Function, SampledFunction};

/// Number of surveyed points, evenly spread over the ranks, from which each parameter is moved.
const BASES: usize = 24;
/// Number of places that it is moved to.
const PLACES: usize = 9;

/// What was measured of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// For each parameter: the mean change of the loss, between the 5 % and 95 % quantiles and in
    /// units of their distance, when it alone moves across its range; 0 is irrelevant. `None` where
    /// it was not seen active.
    pub influence: Vec<Option<f64>>,
    /// For each ordered parameter that matters: whether the loss falls, or rises, all along its
    /// range from wherever one begins.
    pub monotone: Vec<bool>,
    /// The largest share of uniform points that have one and the same value.
    pub plateau: f64,
    /// Share of uniform points within a twentieth of the distance from optimum to median.
    pub good: f64,
    /// Share of uniform points at which trials fail.
    pub failing: f64,
}

impl Measures {
    /// Measures a function.
    pub fn of(drawn: &SampledFunction) -> Self {
        let SampledFunction { function, probes, optimum, .. } = drawn;
        let points = probes.points();
        let (low, high) = (probes.quantile(0.05), probes.quantile(0.95));
        let range = (high - low).max(f64::MIN_POSITIVE);
        let kinds = &function.structure.kinds;
        let mut influence = Vec::with_capacity(kinds.len());
        let mut monotone = Vec::with_capacity(kinds.len());
        for (index, kind) in kinds.iter().enumerate() {
            let (mut total, mut seen, mut changed) = (0.0, 0, false);
            let (mut rises, mut falls) = (false, false);
            for base in points.iter().step_by(points.len().div_ceil(BASES).max(1)) {
                if !function.structure.active(&base.1)[index] {
                    continue;
                }
                let losses = profile(function, &base.1, index, PLACES);
                let found = || losses.iter().flatten().map(|loss| loss.clamp(low, high));
                let bottom = found().fold(f64::INFINITY, f64::min);
                let top = found().fold(f64::NEG_INFINITY, f64::max);
                seen += 1;
                total += (top - bottom).max(0.0) / range;
                for pair in losses.windows(2) {
                    if let [Some(one), Some(other)] = pair {
                        rises |= other > one;
                        falls |= other < one;
                        changed |= one != other;
                    }
                }
            }
            let mean = if changed { (total / f64::from(seen)).max(f64::MIN_POSITIVE) } else { 0.0 };
            influence.push((seen > 0).then_some(mean));
            monotone.push(changed && !kind.is_categorical() && rises != falls);
        }
        let (mut run, mut longest) = (0, 0);
        let mut before = None;
        for (loss, _) in points {
            run = if before == Some(*loss) { run + 1 } else { 1 };
            longest = longest.max(run);
            before = Some(*loss);
        }
        let near = optimum.loss + 0.05 * (probes.quantile(0.5) - optimum.loss);
        let good = points.iter().filter(|(loss, _)| *loss <= near).count();
        let count = points.len().max(1) as f64;
        Self {
            influence,
            monotone,
            plateau: longest as f64 / count,
            good: good as f64 / count,
            failing: probes.failure_rate(),
        }
    }

    /// The parameters by their influence, the strongest first.
    pub fn strongest(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.influence.len()).collect();
        let of = |index: usize| self.influence[index].unwrap_or(0.0);
        order.sort_by(|one, other| of(*other).total_cmp(&of(*one)));
        order
    }
}

/// The noiseless losses when one parameter moves across its range (`places` of them, or all its
/// values when they are fewer) and the others stay; `None` where trials fail.
pub fn profile(
    function: &Function,
    values: &[f64],
    index: usize,
    places: usize,
) -> Vec<Option<f64>> {
    let mut moved = values.to_vec();
    places_of(function, index, places)
        .into_iter()
        .map(|value| {
            moved[index] = value;
            function.evaluate(&moved)
        })
        .collect()
}

/// Values of a parameter across its range, in order: `most` of them, or all there are.
pub fn places_of(function: &Function, index: usize, most: usize) -> Vec<f64> {
    let kind = function.structure.kinds[index];
    match kind.count() {
        Some(count) if usize::from(count) <= most || kind.is_categorical() => {
            (0..count).map(f64::from).collect()
        }
        _ => {
            let place = |step: usize| kind.nearest(step as f64 / (most - 1) as f64);
            (0..most).map(place).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::{
        generators::{Landscape, integrity::ProbeSet, optimum::Optimum, structure::Structure},
        problem::{Activation, FunctionFamily, ParameterKind},
        random::SeededRng,
    };

    struct Plain;

    impl Landscape for Plain {
        fn dimensions(&self) -> usize {
            5
        }

        fn evaluate(&self, unit: &[f64]) -> f64 {
            // x1 falls steadily, x2 has a bottom, x3 does nothing, x4 counts where the choice x0
            // makes it active.
            (unit[2] - 0.4).powi(2) - 3.0 * unit[1] + 0.1 * unit[4]
        }

        fn description(&self) -> String {
            String::from("plain")
        }
    }

    #[test]
    fn influence_and_monotony_are_what_they_are() {
        let mut rng = SeededRng::seed_from_u64(3);
        let mut kinds = vec![ParameterKind::Continuous; 5];
        kinds[0] = ParameterKind::Categorical(2);
        let mut structure = Structure::plain(kinds);
        structure.activations[4] = Some(Activation { parent: 0, values: 0b10 });
        let function =
            Function::over(structure, FunctionFamily::Symbolic, Box::new(Plain), &mut rng);
        let probes = ProbeSet::of(&function, &mut rng);
        let optimum = Optimum::search(&function, &probes, &mut rng).unwrap();
        let measures = Measures::of(&SampledFunction { function, probes, optimum, rng });
        // The choice matters by what it makes active.
        let matters: Vec<bool> =
            measures.influence.iter().map(|influence| influence.unwrap() > 0.0).collect();
        assert_eq!(matters, [true, true, true, false, true]);
        assert_eq!(measures.monotone, [false, true, false, false, true]);
        assert_eq!(measures.strongest()[0], 1);
        assert_eq!(measures.strongest()[4], 3);
        assert_eq!((measures.failing, measures.plateau < 0.02), (0.0, true));
    }
}

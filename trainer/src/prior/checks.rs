//! What share of a sample is what, and whether it is sound and diverse.

use rand::{RngExt, SeedableRng};

use super::ProfiledFunction;
use crate::{
    criteria::Criteria,
    generators::{
        MAX_DIMENSIONS,
        diversity::{CLASSES, effective_classes},
    },
    problem::{FunctionFamily, ParameterKind},
    random::{self, SeededRng},
};

/// The fewest functions whose shares say anything.
pub const FEWEST: u64 = 200;
/// Number of points at which functions are compared.
const POINTS: usize = 64;
/// Number of pairs that are compared.
const PAIRS: usize = 20_000;

/// A share or a figure of the sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleStatistic {
    /// What it is a share of: functions, parameters, trials.
    pub group: &'static str,
    /// What is counted.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Whether the figure is a share of the group.
    pub is_share: bool,
}

/// Whether something holds of one.
type Test<T> = fn(&T) -> bool;

/// What a sample is like.
pub fn statistics(sample: &[ProfiledFunction]) -> Vec<SampleStatistic> {
    let mut statistics = Vec::new();
    let mut share = |group, what: String, count: usize, of: usize| {
        let value = count as f64 / of.max(1) as f64;
        statistics.push(SampleStatistic { group, what, value, is_share: true });
    };
    let functions =
        |holds: &dyn Fn(&ProfiledFunction) -> bool| sample.iter().filter(|one| holds(one)).count();
    let all = sample.len();
    for family in FunctionFamily::ALL {
        let count = functions(&|one| one.drawn.function.family == family);
        share("functions", format!("of the family {family:?}"), count, all);
    }
    for (what, low, high) in
        [("one parameter", 1, 1), ("2 to 8 parameters", 2, 8), ("9 to 20 parameters", 9, 20)]
    {
        let within = |one: &ProfiledFunction| {
            (low..=high).contains(&one.drawn.function.structure.kinds.len())
        };
        share("functions", format!("with {what}"), functions(&within), all);
    }
    let named: [(&str, Test<ProfiledFunction>); 12] = [
        ("with conditional parameters", |one| one.drawn.function.structure.is_conditional()),
        ("whose landscape a choice decides", |one| one.drawn.function.structure.switch.is_some()),
        ("with noise", |one| one.drawn.function.is_noisy()),
        ("with heavy-tailed noise", |one| one.drawn.function.is_heavy_tailed()),
        ("with a region of failures", |one| one.drawn.function.has_failure_region()),
        ("with their optimum on a bound", |one| one.features.on_bound),
        ("with a parameter that does not matter", |one| {
            one.measures.influence.contains(&Some(0.0))
        }),
        ("with a parameter in which they are monotone", |one| {
            one.measures.monotone.contains(&true)
        }),
        ("with a plateau of a tenth of the space", |one| one.measures.plateau > 0.1),
        ("with a narrow optimum (5 % of the way: no point of 384)", |one| one.measures.good == 0.0),
        ("with a broad optimum (5 % of the way: a tenth of the points)", |one| {
            one.measures.good > 0.1
        }),
        ("that are rough (correlation at a tenth of the edge below ¾)", |one| {
            one.features.smoothness < 0.75
        }),
    ];
    for (what, holds) in named {
        share("functions", String::from(what), functions(&holds), all);
    }
    let kinds: Vec<ParameterKind> =
        sample.iter().flat_map(|one| one.drawn.function.structure.kinds.iter().copied()).collect();
    let named: [(&str, Test<ParameterKind>); 4] = [
        ("continuous", |kind| *kind == ParameterKind::Continuous),
        ("ints and steps", |kind| matches!(kind, ParameterKind::Levels(_))),
        ("ints on a logarithmic scale", |kind| matches!(kind, ParameterKind::LogLevels(_))),
        ("categorical", |kind| kind.is_categorical()),
    ];
    for (what, holds) in named {
        let count = kinds.iter().filter(|kind| holds(kind)).count();
        share("parameters", String::from(what), count, kinds.len());
    }
    let seen: Vec<f64> =
        sample.iter().flat_map(|one| one.measures.influence.iter().flatten().copied()).collect();
    let flat = seen.iter().filter(|influence| **influence == 0.0).count();
    share("parameters", String::from("that do not matter"), flat, seen.len());
    let monotone = sample.iter().flat_map(|one| &one.measures.monotone).filter(|is| **is).count();
    share("parameters", String::from("in which the function is monotone"), monotone, kinds.len());
    let activations = sample.iter().flat_map(|one| &one.drawn.function.structure.activations);
    let conditional = activations.flatten().count();
    share("parameters", String::from("with a condition"), conditional, kinds.len());
    let trials = || sample.iter().flat_map(|one| &one.record.trials);
    let failed = trials().filter(|trial| trial.failed).count();
    share("trials", String::from("that failed"), failed, trials().count());
    let mut figure = |what: &str, value| {
        let what = String::from(what);
        statistics.push(SampleStatistic { group: "diversity", what, value, is_share: false });
    };
    let features: Vec<_> = sample.iter().map(|one| one.features).collect();
    figure("effective classes of 64", effective_classes(&features));
    let Correlations { mean, high, duplicates } = Correlations::of(sample);
    figure("mean |rank correlation| of two functions", mean);
    figure("95 % quantile of it", high);
    figure("functions that are another's copy, %", percent(duplicates, all));
    let jumps: Vec<f64> = sample.iter().map(|one| one.record.jumps()).collect();
    let smooth = jumps.iter().filter(|jump| **jump < 0.15).count();
    let erratic = jumps.iter().filter(|jump| **jump > 0.3).count();
    figure("smooth trajectories (mean jump below 15 % of the range), %", percent(smooth, all));
    figure("erratic trajectories (mean jump above 30 % of it), %", percent(erratic, all));
    statistics
}

fn percent(count: usize, of: usize) -> f64 {
    100.0 * count as f64 / of.max(1) as f64
}

/// The integrity and diversity checks of the smoke test's first step, on a sample.
pub fn check(sample: &[ProfiledFunction], statistics: &[SampleStatistic], criteria: &mut Criteria) {
    let count = |holds: &dyn Fn(&ProfiledFunction) -> bool| {
        sample.iter().filter(|one| holds(one)).count() as f64
    };
    criteria.equals(
        1,
        "functions that are degenerate",
        count(&|one| {
            let probes = &one.drawn.probes;
            probes.check_values().is_err() || probes.check_optimum(one.drawn.optimum.loss).is_err()
        }),
        0.0,
    );
    criteria.equals(
        1,
        "trajectories whose trials all have one outcome",
        count(&|one| {
            let mut losses =
                one.record.trials.iter().filter(|trial| !trial.failed).map(|trial| trial.loss);
            let first = losses.next();
            losses.all(|loss| Some(loss) == first)
        }),
        0.0,
    );
    criteria.equals(
        1,
        "trajectories with an outcome that is not finite",
        count(&|one| one.record.trials.iter().any(|trial| !trial.loss.is_finite())),
        0.0,
    );
    criteria.equals(
        1,
        "optima that are not legal",
        count(&|one| {
            let ProfiledFunction { drawn, .. } = one;
            let configuration = drawn.function.configuration(&drawn.optimum.values);
            drawn.function.space.validate(&configuration).is_err()
        }),
        0.0,
    );
    criteria.equals(
        1,
        "noiseless trajectories that come below the optimum",
        count(&|one| {
            !one.drawn.function.is_noisy()
                && one
                    .record
                    .trials
                    .iter()
                    .any(|trial| !trial.failed && trial.loss < one.record.optimum_loss)
        }),
        0.0,
    );
    let of = |part: &str| {
        statistics
            .iter()
            .find(|statistic| statistic.what.contains(part))
            .map_or(f64::NAN, |statistic| statistic.value)
    };
    // Two planes of one parameter are copies of each other, but for a factor and an offset.
    criteria.at_most(1, "functions that are another's copy, %", of("another's copy"), 0.5);
    let rarest = statistics.iter().filter(|statistic| statistic.what.contains("of the family"));
    let rarest = rarest.map(|statistic| statistic.value).fold(1.0, f64::min);
    criteria.at_least(1, "share of the rarest family", rarest, 0.05);
    let mut between = |what: &'static str, part: &str, least: f64, most: f64| {
        let value = of(part);
        let measured = format!("{value:.3} in {least} to {most}");
        criteria.holds(1, what, measured, (least..=most).contains(&value));
    };
    between("functions of 2 to 8 parameters", "2 to 8 parameters", 0.7, 0.95);
    between("functions of more than 8 parameters", "9 to 20 parameters", 0.04, 0.25);
    between("continuous parameters", "continuous", 0.35, 0.7);
    between("categorical parameters", "categorical", 0.1, 0.35);
    between("ints on a logarithmic scale", "on a logarithmic scale", 0.02, 0.15);
    between("parameters that do not matter", "that do not matter", 0.15, 0.4);
    between("optima on a bound", "their optimum on a bound", 0.2, 0.75);
    between("functions with failures", "a region of failures", 0.04, 0.2);
    between("functions with conditions", "conditional parameters", 0.08, 0.3);
    between("functions with noise", "with noise", 0.3, 0.5);
    between("mean |rank correlation| of two functions", "mean |rank", 0.0, 0.4);
    criteria.at_least(1, "effective classes of 64", of("effective classes"), CLASSES as f64 / 6.0);
    criteria.at_least(1, "smooth trajectories, %", of("smooth trajectories"), 5.0);
    criteria.at_least(1, "erratic trajectories, %", of("erratic trajectories"), 5.0);
}

/// How alike functions of the same number of parameters are.
struct Correlations {
    mean: f64,
    high: f64,
    duplicates: usize,
}

impl Correlations {
    fn of(sample: &[ProfiledFunction]) -> Self {
        let mut rng = SeededRng::seed_from_u64(0x00C0_44E1);
        let points: Vec<Vec<f64>> =
            (0..POINTS).map(|_| random::point(MAX_DIMENSIONS, &mut rng)).collect();
        let outcomes: Vec<Vec<Option<f64>>> =
            sample.iter().map(|one| outcomes(one, &points)).collect();
        let size = |index: usize| sample[index].drawn.function.structure.kinds.len();
        let mut found = Vec::with_capacity(PAIRS);
        // Far from all draws are pairs: a bound on the search, not on what it finds.
        for _ in 0..20 * PAIRS {
            let pair = [(); 2].map(|()| rng.random_range(0..sample.len()));
            if found.len() < PAIRS && pair[0] != pair[1] && size(pair[0]) == size(pair[1]) {
                found.extend(rank_correlation(&outcomes[pair[0]], &outcomes[pair[1]]));
            }
        }
        found.iter_mut().for_each(|value| *value = value.abs());
        found.sort_unstable_by(f64::total_cmp);
        let duplicates = (0..sample.len())
            .filter(|index| {
                let structure = &sample[*index].drawn.function.structure;
                (0..*index).any(|other| {
                    sample[other].drawn.function.structure == *structure
                        && same(&outcomes[*index], &outcomes[other])
                })
            })
            .count();
        Self {
            mean: found.iter().sum::<f64>() / found.len().max(1) as f64,
            high: found.get(found.len() * 95 / 100).copied().unwrap_or(0.0),
            duplicates,
        }
    }
}

/// The values of a function at points of the cube, of which it takes as many coordinates as it has
/// parameters.
fn outcomes(one: &ProfiledFunction, points: &[Vec<f64>]) -> Vec<Option<f64>> {
    let function = &one.drawn.function;
    let kinds = &function.structure.kinds;
    points
        .iter()
        .map(|point| {
            let value = |(kind, place): (&ParameterKind, &f64)| kind.nearest(*place);
            let values: Vec<f64> = kinds.iter().zip(point).map(value).collect();
            function.evaluate(&values)
        })
        .collect()
}

/// Spearman's correlation over the points where both have values; `None` when these are too few, or
/// one is constant.
fn rank_correlation(one: &[Option<f64>], other: &[Option<f64>]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        one.iter().zip(other).filter_map(|(one, other)| Some(((*one)?, (*other)?))).collect();
    if pairs.len() < POINTS / 4 {
        return None;
    }
    let first: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
    let second: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let (first, second) = (ranks(&first), ranks(&second));
    let middle = (pairs.len() - 1) as f64 / 2.0;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in first.iter().zip(&second) {
        xx += (x - middle).powi(2);
        yy += (y - middle).powi(2);
        xy += (x - middle) * (y - middle);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// Ranks from 0; equal values share their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let same = |index: &&usize| values[**index] == values[order[from]];
        let to = from + order[from..].iter().take_while(same).count();
        for index in &order[from..to] {
            ranks[*index] = (from + to - 1) as f64 / 2.0;
        }
        from = to;
    }
    ranks
}

/// Whether two functions agree at every point but for an offset and a factor.
fn same(one: &[Option<f64>], other: &[Option<f64>]) -> bool {
    let normalized = |values: &[Option<f64>]| -> Vec<Option<f64>> {
        let found = || values.iter().flatten();
        let low = found().copied().fold(f64::INFINITY, f64::min);
        let high = found().copied().fold(f64::NEG_INFINITY, f64::max);
        values.iter().map(|value| value.map(|value| (value - low) / (high - low))).collect()
    };
    normalized(one).iter().zip(normalized(other)).all(|pair| match pair {
        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
        (one, other) => one.is_none() && other.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use crate::generators::FunctionOptions;

    #[test]
    fn ranks_and_their_correlation_are_right() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 0.0]), [2.5, 1.0, 2.5, 0.0]);
        let rising: Vec<Option<f64>> = (0..20).map(|x| Some(f64::from(x).exp())).collect();
        let falling: Vec<Option<f64>> = (0..20).map(|x| Some(-f64::from(x))).collect();
        assert_eq!(rank_correlation(&rising, &falling), Some(-1.0));
        assert_eq!(rank_correlation(&rising, &[None; 20]), None);
        assert_eq!(rank_correlation(&rising, &[Some(1.0); 20]), None);
        let scaled: Vec<Option<f64>> = falling.iter().map(|x| x.map(|x| 3.0 * x - 7.0)).collect();
        assert!(same(&falling, &scaled) && !same(&falling, &rising));
    }

    /// The whole check on the prior as it is; and a sample with ten copies in it is found out.
    #[test]
    fn the_prior_passes_and_a_copy_does_not() {
        let teachers = "random:1,oracle_guided:2".parse().unwrap();
        let mut drawn = sample(&FunctionOptions::default(), &teachers, 600, 40, 1).unwrap();
        let mut criteria = Criteria::default();
        check(&drawn, &statistics(&drawn), &mut criteria);
        assert!(criteria.all_passed(), "{criteria}");
        let same = sample(&FunctionOptions::default(), &teachers, 10, 40, 1).unwrap();
        drawn.extend(same);
        let mut criteria = Criteria::default();
        check(&drawn, &statistics(&drawn), &mut criteria);
        let failed = criteria.list().iter().filter(|criterion| !criterion.passed);
        assert_eq!(
            failed.map(|criterion| criterion.what).collect::<Vec<_>>(),
            ["functions that are another's copy, %"]
        );
    }
}

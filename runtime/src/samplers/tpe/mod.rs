//! The tree-structured Parzen estimator.

mod density;
mod kernel_set;
mod options;
mod parzen;

pub use options::TpeOptions;

use alloc::vec::Vec;

use rand::RngExt;

use self::{
    density::Density,
    kernel_set::KernelSet,
    parzen::{Interval, ParzenEstimator},
};
use super::{
    RandomSampler, Ranking, Request, Sampler,
    history_cache::common_prefix,
    merit::{Merit, TrialOrder},
    ranking,
};
use crate::{
    Result,
    space::{Configuration, Domain, Space},
};

/// Number of candidates of a choice that are rated at once, which bounds the memory.
const CHUNK: usize = 64;

/// The tree-structured Parzen estimator, with the defaults of Optuna 5.
///
/// The finished trials are split into a few good ones and the rest. Densities `l(x)` and `g(x)` are
/// fitted to the two groups. Among draws from `l`, the sampler suggests the one with the largest
/// `l(x) / g(x)`, which has the largest expected improvement.
///
/// - Under constraints the good trials are the first by Deb's rules: feasible ones by their losses,
///   then infeasible ones by how much they violate.
/// - Failed trials count as bad, ranked behind all that succeeded.
/// - Pending trials count as bad too (the constant liar), so parallel suggestions differ.
/// - Parameters with the same condition are modeled jointly, over the trials in which they were
///   active; good and bad are split within those. Parents are drawn before the children that they
///   activate. A parameter that was never active is drawn uniformly.
///
/// The kernels of the bad trials persist between suggestions: a trial that joins or leaves changes
/// only its neighbors' kernels. This cache is derived from the history and changes no suggestion.
///
/// J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, Algorithms for Hyper-Parameter Optimization,
/// NeurIPS 2011; S. Watanabe, Tree-Structured Parzen Estimator, arXiv:2304.11127 (2023).
#[derive(Clone, Debug, Default)]
pub struct TpeSampler {
    options: TpeOptions,
    good: ParzenEstimator,
    bad: Density,
    cache: Option<Cache>,
    workspace: Workspace,
}

/// State derived from the trials of one space.
#[derive(Clone, Debug)]
struct Cache {
    space: Space,
    /// The finished trials, then the pending ones: the rows of every group.
    rows: Vec<Configuration>,
    groups: Vec<Group>,
}

/// Parameters that are modeled jointly, and their kernels.
#[derive(Clone, Debug)]
struct Group {
    parameters: Vec<usize>,
    /// One row per trial; the members are the bad trials.
    kernel_set: KernelSet,
}

/// Buffers that are reused to save allocations; they carry no state between calls.
#[derive(Clone, Debug, Default)]
struct Workspace {
    /// Successful trials: merit and row.
    succeeded: Vec<(Merit, usize)>,
    /// Rows of the good trials, oldest first, and the same as a mask over rows.
    good_rows: Vec<usize>,
    is_good: Vec<bool>,
    intervals: Vec<Interval>,
    good_densities: Vec<f64>,
    bad_densities: Vec<f64>,
}

impl TpeSampler {
    /// A sampler with these options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue), naming the option.
    pub fn new(options: TpeOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, ..Self::default() })
    }

    /// The options of this sampler.
    pub fn options(&self) -> &TpeOptions {
        &self.options
    }

    /// The cache, brought up to the request; whoever takes it puts it back.
    fn synced(&mut self, request: &Request<'_>) -> Cache {
        let pending = if self.options.constant_liar { request.pending } else { &[] };
        let known = self.cache.take().filter(|cache| cache.space == *request.space);
        let mut cache = known.unwrap_or_else(|| Cache::new(&self.options, request.space));
        cache.sync(&self.options, request, pending);
        cache
    }

    /// Adds a group's log ratio of densities to the values of the candidates in which it is active.
    fn add_log_ratios(
        &mut self,
        request: &Request<'_>,
        Group { parameters, kernel_set }: &mut Group,
        candidates: &[Configuration],
        values: &mut [f64],
    ) {
        let parameter = |index: &usize| request.space.parameters()[*index].domain();
        let domains: Vec<&Domain> = parameters.iter().map(parameter).collect();
        let Self { options, good, bad, workspace, .. } = self;
        workspace.split(options, request, kernel_set);
        let Workspace { good_rows, intervals, good_densities, bad_densities, .. } = workspace;
        if good_rows.is_empty() && kernel_set.count() == 0 {
            return;
        }
        good.fit(options, &domains, good_rows.len(), |dimension, trial| {
            kernel_set.center(good_rows[trial], dimension)
        });
        let active: Vec<usize> = (0..candidates.len())
            .filter(|index| candidates[*index].get(parameters[0]).is_some())
            .collect();
        for chunk in active.chunks(CHUNK) {
            intervals.clear();
            for candidate in chunk {
                let places = parameters.iter().zip(&domains);
                intervals.extend(places.map(|(index, domain)| {
                    Interval::of_value(domain, candidates[*candidate].get(*index).unwrap_or(0.0))
                }));
            }
            good.log_density(intervals, good_densities);
            bad.log_density(options, kernel_set, intervals, bad_densities);
            let ratios = good_densities.iter().zip(&*bad_densities);
            for (candidate, (good, bad)) in chunk.iter().zip(ratios) {
                values[*candidate] += good - bad;
            }
        }
    }

    /// Samples the parameters of one group and writes them to `values`.
    fn suggest_group(
        &mut self,
        request: &Request<'_>,
        Group { parameters, kernel_set }: &mut Group,
        rng: &mut impl rand::Rng,
        values: &mut [Option<f64>],
    ) {
        let parameter = |index: &usize| request.space.parameters()[*index].domain();
        let domains: Vec<&Domain> = parameters.iter().map(parameter).collect();
        let Self { options, good, bad, workspace, .. } = self;
        workspace.split(options, request, kernel_set);
        let Workspace { good_rows, intervals, good_densities, bad_densities, .. } = workspace;
        if good_rows.is_empty() && kernel_set.count() == 0 {
            for (&index, domain) in parameters.iter().zip(&domains) {
                values[index] = Some(domain.from_unit(rng.random::<f64>()));
            }
            return;
        }
        good.fit(options, &domains, good_rows.len(), |dimension, trial| {
            kernel_set.center(good_rows[trial], dimension)
        });
        intervals.clear();
        for _ in 0..options.n_ei_candidates {
            good.sample(rng, &domains, intervals);
        }
        good.log_density(intervals, good_densities);
        bad.log_density(options, kernel_set, intervals, bad_densities);
        let ratios = good_densities.iter().zip(bad_densities);
        let (mut best, mut best_ratio) = (0, f64::NEG_INFINITY);
        for (candidate, (good, bad)) in ratios.enumerate() {
            if *good - *bad > best_ratio {
                (best, best_ratio) = (candidate, *good - *bad);
            }
        }
        let intervals = &intervals[best * parameters.len()..][..parameters.len()];
        for ((&index, domain), interval) in parameters.iter().zip(&domains).zip(intervals) {
            values[index] = Some(interval.value(domain));
        }
    }
}

impl Sampler for TpeSampler {
    fn name(&self) -> &'static str {
        "tpe"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        if request.history.len() < self.options.n_startup_trials {
            return RandomSampler.suggest(request);
        }
        let mut cache = self.synced(request);
        let mut rng = request.rng();
        let mut values = alloc::vec![None; request.space.len()];
        for group in &mut cache.groups {
            if request.space.is_active(group.parameters[0], &values) {
                self.suggest_group(request, group, &mut rng, &mut values);
            }
        }
        self.cache = Some(cache);
        Ok(Configuration::new(values))
    }

    /// Ranks by the logarithm of the ratio of the densities of good and bad trials, `l(x) / g(x)`,
    /// summed over the groups of parameters that are active in the candidate.
    fn choose(&mut self, request: &Request<'_>, candidates: &[Configuration]) -> Result<Ranking> {
        ranking::check(request, candidates)?;
        if !ranking::has_two_losses(request) {
            return Ok(Ranking::random(request, candidates.len()));
        }
        let mut cache = self.synced(request);
        let mut values = alloc::vec![0.0; candidates.len()];
        for group in &mut cache.groups {
            self.add_log_ratios(request, group, candidates, &mut values);
        }
        self.cache = Some(cache);
        Ok(Ranking::by_values(self.name(), values))
    }
}

impl Cache {
    fn new(options: &TpeOptions, space: &Space) -> Self {
        let group = |parameters: Vec<usize>| {
            let domain = |index: &usize| space.parameters()[*index].domain();
            let domains: Vec<&Domain> = parameters.iter().map(domain).collect();
            Group { kernel_set: KernelSet::new(&domains), parameters }
        };
        let groups = groups(space, options.multivariate).into_iter().map(group).collect();
        Self { space: space.clone(), rows: Vec::new(), groups }
    }

    /// Updates the rows to the request's trials, keeping the common prefix.
    fn sync(&mut self, options: &TpeOptions, request: &Request<'_>, pending: &[Configuration]) {
        let trials = || request.history.iter().map(|trial| &trial.configuration).chain(pending);
        let same = common_prefix(trials(), &self.rows);
        self.rows.truncate(same);
        self.rows.extend(trials().skip(same).cloned());
        for Group { parameters, kernel_set } in &mut self.groups {
            kernel_set.truncate(options, same);
            kernel_set.reserve(self.rows.len() - same);
            for trial in &self.rows[same..] {
                kernel_set.push(parameters.iter().map(|&index| match trial.get(index) {
                    None => f64::NAN,
                    Some(value) => {
                        let domain = self.space.parameters()[index].domain();
                        if domain.is_categorical() { value } else { domain.to_unit(value) }
                    }
                }));
            }
        }
    }
}

impl Workspace {
    /// Splits the trials in which the group was active: the good ones into `good_rows`, the bad
    /// ones as members of `kernel_set`.
    fn split(&mut self, options: &TpeOptions, request: &Request<'_>, kernel_set: &mut KernelSet) {
        let Self { succeeded, good_rows, is_good, .. } = self;
        let mut finished = 0;
        let order = TrialOrder::new(request.history);
        succeeded.clear();
        for (row, trial) in request.history.iter().enumerate() {
            if !kernel_set.center(row, 0).is_nan() {
                finished += 1;
                let merit = order.merit(trial);
                if !merit.is_failed() {
                    succeeded.push((merit, row));
                }
            }
        }
        let good = options.good_count(finished).min(succeeded.len());
        if good > 0 && good < succeeded.len() {
            let by_merit = |a: &(Merit, usize), b: &(Merit, usize)| {
                a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1))
            };
            succeeded.select_nth_unstable_by(good - 1, by_merit);
        }
        good_rows.clear();
        good_rows.extend(succeeded[..good].iter().map(|(_, row)| *row));
        good_rows.sort_unstable();
        is_good.clear();
        is_good.resize(kernel_set.rows(), false);
        good_rows.iter().for_each(|row| is_good[*row] = true);
        let active: Vec<bool> =
            (0..kernel_set.rows()).map(|row| !kernel_set.center(row, 0).is_nan()).collect();
        kernel_set.set_members(options, |row, _| active[row] && !is_good[row]);
    }
}

/// Groups of parameters with the same condition, parents before children.
fn groups(space: &Space, multivariate: bool) -> Vec<Vec<usize>> {
    let parameters = space.parameters();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let condition = parameter.condition();
        let known = groups
            .iter_mut()
            .find(|group| multivariate && parameters[group[0]].condition() == condition);
        match known {
            Some(group) => group.push(index),
            None => groups.push(alloc::vec![index]),
        }
    }
    groups
}

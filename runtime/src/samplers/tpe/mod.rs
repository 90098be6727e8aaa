//! The tree-structured Parzen estimator.

mod options;
mod parzen;

pub use options::TpeOptions;

use alloc::vec::Vec;

use rand::RngExt;

use self::parzen::{Cell, ParzenEstimator};
use super::{RandomSampler, Request, Sampler};
use crate::{
    Result,
    space::{Configuration, Domain, Space},
};

/// The tree-structured Parzen estimator, as Optuna 5 has it by default.
///
/// The finished trials are split into a few good ones and the rest. A density `l(x)` is fitted to the good ones
/// and `g(x)` to the others; of a number of draws from `l`, the one with the largest `l(x) / g(x)`, which is
/// the one with the largest expected improvement, is suggested.
///
/// - Failed trials are never good ones: they take part in `g`, ranked behind everything that succeeded.
/// - Pending trials take part in `g` (the constant liar), as if they had turned out badly.
/// - Parameters with the same condition are modelled together, over those trials in which they were active (split
///   anew into good and bad). Parents are drawn first, then the children that they activate. A parameter that
///   was never active before is drawn uniformly.
///
/// J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, Algorithms for Hyper-Parameter Optimization, NeurIPS 2011;
/// S. Watanabe, Tree-Structured Parzen Estimator, arXiv:2304.11127 (2023).
#[derive(Clone, Debug, Default)]
pub struct TpeSampler {
    options: TpeOptions,
    good: ParzenEstimator,
    bad: ParzenEstimator,
    buffers: Buffers,
}

/// What one suggestion needs, kept to spare allocations; nothing of it outlives a call.
#[derive(Clone, Debug, Default)]
struct Buffers {
    /// `[parameters, rows]`, where a row is a finished or (last) a pending trial: its place in the unit interval, its
    /// category, or NaN where the parameter is inactive.
    coordinates: Vec<f64>,
    /// Finished trials, best first.
    ranked: Vec<usize>,
    /// Rows of the group's good trials and of the others, oldest first.
    good_rows: Vec<usize>,
    bad_rows: Vec<usize>,
    /// Whether a row is good, by row.
    is_good: Vec<bool>,
    cells: Vec<Cell>,
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

    /// The options.
    pub fn options(&self) -> &TpeOptions {
        &self.options
    }

    /// Splits the trials in which `parameter` was active into good and bad ones.
    fn split(&mut self, request: &Request<'_>, parameter: usize) {
        let Buffers { coordinates, ranked, good_rows, bad_rows, is_good, .. } = &mut self.buffers;
        let (finished, rows) = (request.history.len(), is_good.len());
        let column = &coordinates[parameter * rows..][..rows];
        let is_active = |row: &usize| !column[*row].is_nan();
        let good = self.options.good_trials((0..finished).filter(is_active).count());
        is_good.fill(false);
        let succeeded = |row: &usize| request.history[*row].loss.is_some();
        for &row in ranked.iter().filter(|row| is_active(row) && succeeded(row)).take(good) {
            is_good[row] = true;
        }
        good_rows.clear();
        bad_rows.clear();
        for row in (0..rows).filter(is_active) {
            if is_good[row] { &mut *good_rows } else { &mut *bad_rows }.push(row);
        }
    }

    /// Draws the parameters of one group into `values`.
    fn suggest_group(
        &mut self,
        request: &Request<'_>,
        group: &[usize],
        generator: &mut impl rand::Rng,
        values: &mut [Option<f64>],
    ) {
        let domains: Vec<&Domain> =
            group.iter().map(|&index| request.space.parameters()[index].domain()).collect();
        self.split(request, group[0]);
        let Self { options, good, bad, buffers } = self;
        let Buffers { coordinates, good_rows, bad_rows, is_good, cells, .. } = buffers;
        let rows = is_good.len();
        if good_rows.is_empty() && bad_rows.is_empty() {
            for (&index, domain) in group.iter().zip(&domains) {
                values[index] = Some(domain.from_unit(generator.random::<f64>()));
            }
            return;
        }
        good.fit(options, &domains, good_rows.len(), |dimension, trial| {
            coordinates[group[dimension] * rows + good_rows[trial]]
        });
        bad.fit(options, &domains, bad_rows.len(), |dimension, trial| {
            coordinates[group[dimension] * rows + bad_rows[trial]]
        });
        cells.clear();
        for _ in 0..options.candidates {
            good.sample(generator, &domains, cells);
        }
        good.log_density(cells, &mut buffers.good_densities);
        bad.log_density(cells, &mut buffers.bad_densities);
        let ratios = buffers.good_densities.iter().zip(&buffers.bad_densities);
        let (mut best, mut best_ratio) = (0, f64::NEG_INFINITY);
        for (candidate, (good, bad)) in ratios.enumerate() {
            if good - bad > best_ratio {
                (best, best_ratio) = (candidate, good - bad);
            }
        }
        let cells = &cells[best * group.len()..][..group.len()];
        for ((&index, domain), cell) in group.iter().zip(&domains).zip(cells) {
            values[index] = Some(cell.value(domain));
        }
    }
}

impl Sampler for TpeSampler {
    fn name(&self) -> &'static str {
        "tpe"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        if request.history.len() < self.options.startup_trials {
            return RandomSampler.suggest(request);
        }
        let pending = if self.options.constant_liar { request.pending } else { &[] };
        self.buffers.read(request, pending);
        let mut generator = request.generator();
        let mut values = alloc::vec![None; request.space.len()];
        for group in groups(request.space, self.options.multivariate) {
            if request.space.is_active(group[0], &values) {
                self.suggest_group(request, &group, &mut generator, &mut values);
            }
        }
        Ok(Configuration::new(values))
    }
}

impl Buffers {
    /// Takes over the trials.
    fn read(&mut self, request: &Request<'_>, pending: &[Configuration]) {
        let history = request.history;
        self.coordinates.clear();
        for (index, parameter) in request.space.parameters().iter().enumerate() {
            let domain = parameter.domain();
            let configurations = history.iter().map(|trial| &trial.configuration).chain(pending);
            self.coordinates.extend(configurations.map(|trial| match trial.get(index) {
                None => f64::NAN,
                Some(value) if domain.is_categorical() => value,
                Some(value) => domain.to_unit(value),
            }));
        }
        self.is_good.clear();
        self.is_good.resize(history.len() + pending.len(), false);
        self.ranked.clear();
        self.ranked.extend(0..history.len());
        let loss = |row: usize| history[row].loss.unwrap_or(f64::INFINITY);
        self.ranked.sort_unstable_by(|&a, &b| loss(a).total_cmp(&loss(b)).then_with(|| a.cmp(&b)));
    }
}

/// The parameters that are modelled together: those that are active under the same condition. Parents come before
/// their children.
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

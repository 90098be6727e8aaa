//! The state of the search, derived from the history.

use alloc::vec::Vec;

use super::{
    super::{
        Request, Sampler, SobolSampler,
        merit::{TrialOrder, is_success},
    },
    CmaEsOptions,
    categorical::CategoricalDistribution,
    distribution::{Distribution, Ranked},
    layout::{Coordinate, Layout},
    margin,
    options::MAX_POPULATION,
    samples::{GenerationSampler, Sample, mix},
    strategy::Strategy,
};
use crate::{
    math::low_discrepancy::Kronecker,
    space::{Configuration, Space},
    trial::Observation,
};

/// Samples of one trial before a repeated configuration is accepted.
const MAX_ATTEMPTS: u32 = 8;

/// Number of values that are compared before a whole sample is drawn to compare it.
const COMPARED: usize = 8;

/// The search has converged when every standard deviation is below this fraction of the range
/// (TolX).
const TOL_X: f64 = 1e-10;

/// The search stops when the condition number of the covariance exceeds this (ConditionCov).
const MAX_CONDITION: f64 = 1e14;

/// One run of CMA-ES between two restarts, at the start of a generation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    layout: Layout,
    strategy: Strategy,
    distribution: Distribution,
    categorical: CategoricalDistribution,
    generation_sampler: GenerationSampler,
    /// The samples of the current generation, `[population]`; empty in a large space, where each is
    /// drawn when it is needed.
    rows: Vec<Sample>,
    /// Index in the history of the current generation's first trial.
    start: usize,
    /// Number of earlier runs.
    restarts: u64,
    /// Best feasible loss of each generation of this run.
    bests: Vec<Option<f64>>,
}

/// A trial as the search distribution sampled it.
struct SampledTrial {
    offset: Vec<f64>,
    choices: Vec<usize>,
    configuration: Configuration,
}

impl Search {
    /// A search that starts after the trials before `start`, around the `best` of them.
    pub fn new(
        options: &CmaEsOptions,
        request: &Request<'_>,
        start: usize,
        best: Option<usize>,
    ) -> Self {
        let layout = Layout::new(request.space);
        let before = &request.history[..start];
        let mean = match best {
            // A single Sobol point says little about where the optimum is.
            _ if is_own_first(request, before) => alloc::vec![0.5; layout.coordinates.len()],
            Some(best) => {
                let unit = request.space.to_unit(&before[best].configuration);
                layout.coordinates.iter().map(|coordinate| unit[coordinate.parameter]).collect()
            }
            None => fresh_mean(&layout, request.seed, start as u64),
        };
        // The best of more trials is nearer to the optimum.
        let n = layout.coordinates.len().max(1);
        let step = options.sigma0 * libm::pow(start.max(1) as f64, -1.0 / n as f64);
        let population = options.popsize.unwrap_or_else(|| Strategy::default_population(n));
        Self::begin(request, layout, (mean, step, population), (start, 0))
    }

    /// A run from `mean` after `restarts` others, whose first trial has index `start` in the
    /// history.
    fn begin(
        request: &Request<'_>,
        layout: Layout,
        (mean, step, population): (Vec<f64>, f64, usize),
        (start, restarts): (usize, u64),
    ) -> Self {
        let generation_sampler = GenerationSampler {
            seed: mix(mix(request.seed, start as u64), restarts),
            coordinates: layout.coordinates.len(),
            categorical: layout.categorical.len(),
            population,
        };
        let is_large = layout.is_large();
        let mut search = Self {
            rows: if is_large { Vec::new() } else { generation_sampler.generation() },
            generation_sampler,
            strategy: Strategy::new(layout.coordinates.len().max(1), population, is_large),
            distribution: Distribution::isotropic(mean, step, is_large),
            categorical: CategoricalDistribution::uniform(
                layout.categorical.iter().map(|(_, count)| *count),
            ),
            start,
            restarts,
            bests: Vec::new(),
            layout,
        };
        search.apply_margins(request.space);
        search
    }

    /// Population size λ.
    pub fn population(&self) -> usize {
        self.strategy.population
    }

    /// Index in the history of the current generation's first trial.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The configuration at a position of the generation, resampled while it is `taken`.
    pub fn propose(
        &self,
        space: &Space,
        position: usize,
        taken: impl Fn(&Configuration) -> bool,
    ) -> Configuration {
        let mut attempt = 0;
        loop {
            let sampled = self.sample_trial(space, position, attempt);
            attempt += 1;
            if attempt == MAX_ATTEMPTS || !taken(&sampled.configuration) {
                return sampled.configuration;
            }
        }
    }

    /// Whether the search samples this configuration in the current generation.
    pub fn generated(&self, space: &Space, configuration: &Configuration) -> bool {
        self.origin(space, configuration, 0).is_some()
    }

    /// Updates the distribution with the generation that begins at `start`, which is complete.
    pub fn advance(&mut self, options: &CmaEsOptions, request: &Request<'_>) {
        let population = self.population();
        let generation = &request.history[self.start..][..population];
        let losses = generation.iter().filter(|trial| is_success(trial)).filter_map(|it| it.loss);
        self.bests.push(losses.reduce(f64::min));
        self.start += population;
        if generation.iter().all(|trial| trial.loss.is_none()) {
            // Every trial failed: restart elsewhere with the same population.
            self.restart(options, request, population);
            return;
        }
        let mut ranked: Vec<(&Observation, SampledTrial)> = generation
            .iter()
            .enumerate()
            .map(|(position, trial)| (trial, self.sampled(request.space, trial, position)))
            .collect();
        let order = TrialOrder::new(&request.history[..self.start]);
        ranked.sort_by(|one, other| order.merit(one.0).total_cmp(&order.merit(other.0)));
        self.update_categorical(options, &ranked);
        let ranked: Vec<Ranked> = ranked
            .into_iter()
            .map(|(trial, sampled)| Ranked {
                offset: sampled.offset,
                succeeded: trial.loss.is_some(),
            })
            .collect();
        if !self.layout.coordinates.is_empty() {
            self.distribution.update(&ranked, &self.strategy);
            self.distribution.mean.iter_mut().for_each(|mean| *mean = mean.clamp(0.0, 1.0));
        }
        self.apply_margins(request.space);
        self.generation_sampler.seed = mix(self.generation_sampler.seed, self.start as u64);
        if !self.layout.is_large() {
            self.rows = self.generation_sampler.generation();
        }
        if self.has_converged(generation) {
            let grown = (population as f64 * options.inc_popsize) as usize;
            self.restart(options, request, grown.min(MAX_POPULATION));
        }
    }

    /// Restarts at another point of the space.
    fn restart(&mut self, options: &CmaEsOptions, request: &Request<'_>, population: usize) {
        let restarts = self.restarts + 1;
        let mean = fresh_mean(&self.layout, request.seed, restarts);
        let layout = self.layout.clone();
        let from = (mean, options.sigma0, population);
        *self = Self::begin(request, layout, from, (self.start, restarts));
    }

    fn sample_trial(&self, space: &Space, position: usize, attempt: u32) -> SampledTrial {
        let another;
        let Sample { normal, places } = if attempt == 0 && position < self.rows.len() {
            &self.rows[position]
        } else {
            another = self.generation_sampler.another(position, attempt);
            &another
        };
        let offset = self.distribution.offset(normal);
        // Points outside are clamped, so that an optimum on a bound is reached exactly.
        let point = self.distribution.point(&offset);
        let choices: Vec<usize> = places
            .iter()
            .enumerate()
            .map(|(index, place)| self.categorical.quantile(index, *place))
            .collect();
        let configuration = self.layout.configuration(space, &point, &choices);
        SampledTrial { offset, choices, configuration }
    }

    /// The sample that a configuration came from, searched for from `position` on.
    fn origin(
        &self,
        space: &Space,
        wanted: &Configuration,
        position: usize,
    ) -> Option<SampledTrial> {
        let population = self.population();
        // With continuous parameters a repeated configuration is rare; a second one at a corner
        // counts as foreign.
        let may_repeat = self.layout.coordinates.iter().all(|coordinate| coordinate.is_discrete);
        (0..population)
            .map(|turn| (position + turn) % population)
            .flat_map(|position| (0..MAX_ATTEMPTS).map(move |attempt| (position, attempt)))
            .filter(|(_, attempt)| *attempt == 0 || may_repeat)
            .filter(|(position, attempt)| {
                !self.layout.is_large() || self.begins_like(space, wanted, *position, *attempt)
            })
            .map(|(position, attempt)| self.sample_trial(space, position, attempt))
            .find(|sampled| sampled.configuration == *wanted)
    }

    /// Whether the first numbers of a sample give the values of a configuration. In a large space,
    /// where nothing mixes them, they are drawn alone.
    fn begins_like(
        &self,
        space: &Space,
        wanted: &Configuration,
        position: usize,
        attempt: u32,
    ) -> bool {
        let Sample { normal, places } =
            self.generation_sampler.beginning(position, attempt, COMPARED);
        let point = self.distribution.point(&self.distribution.offset(&normal));
        let is_numerical_like = |(Coordinate { parameter, .. }, place): (&Coordinate, &f64)| {
            let domain = space.parameters()[*parameter].domain();
            wanted.get(*parameter).is_none_or(|value| value == domain.from_unit(*place))
        };
        let is_choice_like = |(index, place): (usize, &f64)| {
            let choice = self.categorical.quantile(index, *place) as f64;
            wanted.get(self.layout.categorical[index].0).is_none_or(|value| value == choice)
        };
        self.layout.coordinates.iter().zip(&point).all(is_numerical_like)
            && places.iter().enumerate().all(is_choice_like)
    }

    /// A trial of the history as a sample: the one that produced it or, for a foreign trial, one
    /// that could have.
    ///
    /// A foreign trial counts by its place, at a clipped distance: N. Hansen, Injecting External
    /// Solutions Into CMA-ES, arXiv:1110.4181 (2011), equation (4).
    fn sampled(&self, space: &Space, trial: &Observation, position: usize) -> SampledTrial {
        if let Some(sampled) = self.origin(space, &trial.configuration, position) {
            return sampled;
        }
        let configuration = trial.configuration.clone();
        let unit = space.to_unit(&configuration);
        let mut offset: Vec<f64> = self
            .layout
            .coordinates
            .iter()
            .enumerate()
            .map(|(index, coordinate)| {
                if configuration.get(coordinate.parameter).is_none() {
                    return 0.0;
                }
                let (mean, place) = (self.distribution.mean[index], unit[coordinate.parameter]);
                let place = if coordinate.is_discrete {
                    // The most probable of the coordinates that map to this value.
                    let cell = self.layout.cell(space, index, place);
                    mean.clamp(cell.low, cell.high)
                } else {
                    place
                };
                (place - mean) / self.distribution.spread(index)
            })
            .collect();
        let n = offset.len() as f64;
        let (length, longest) =
            (self.distribution.length(&offset), libm::sqrt(n) + 2.0 * n / (n + 2.0));
        if length > longest {
            offset.iter_mut().for_each(|element| *element *= longest / length);
        }
        let categorical = self.layout.categorical.iter();
        let choices = categorical
            .map(|(parameter, _)| configuration.get(*parameter).unwrap_or(0.0) as usize)
            .collect();
        SampledTrial { offset, choices, configuration }
    }

    fn update_categorical(
        &mut self,
        options: &CmaEsOptions,
        ranked: &[(&Observation, SampledTrial)],
    ) {
        let margin = 1.0 / self.population() as f64 / self.layout.categorical.len().max(1) as f64;
        for (index, (parameter, _)) in self.layout.categorical.iter().enumerate() {
            let parents = ranked.iter().zip(&self.strategy.weights).take(self.strategy.parents);
            let chosen = parents
                .filter(|((trial, _), _)| {
                    trial.loss.is_some() && trial.configuration.get(*parameter).is_some()
                })
                .map(|((_, sampled), weight)| (sampled.choices[index], *weight));
            self.categorical.update(index, chosen, options.categorical_learning_rate, margin);
        }
    }

    /// Applies a margin of 1/(nλ) to each discrete coordinate.
    fn apply_margins(&mut self, space: &Space) {
        let n = self.layout.coordinates.len();
        let margin = 1.0 / (n.max(1) * self.population()) as f64;
        for index in 0..n {
            if self.layout.coordinates[index].is_discrete {
                let cell = self.layout.cell(space, index, self.distribution.mean[index]);
                margin::correct(&mut self.distribution, index, cell, margin);
            }
        }
    }

    /// Whether this run has converged: Hansen's TolX, ConditionCov and TolFun (tutorial, appendix
    /// B.3).
    fn has_converged(&self, generation: &[Observation]) -> bool {
        let n = self.layout.coordinates.len();
        let mut continuous =
            (0..n).filter(|index| !self.layout.coordinates[*index].is_discrete).peekable();
        if continuous.peek().is_some()
            && continuous.all(|index| self.distribution.deviation(index) < TOL_X)
        {
            return true;
        }
        if n > 0 && self.distribution.condition() > MAX_CONDITION {
            return true;
        }
        let wait = 10 + (30 * n).div_ceil(self.population());
        if self.bests.len() < wait {
            return false;
        }
        let recent = self.bests[self.bests.len() - wait..].iter().flatten();
        let feasible = generation.iter().filter(|trial| is_success(trial));
        let losses = recent.copied().chain(feasible.filter_map(|trial| trial.loss));
        let (least, most) = losses
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), loss| {
                (least.min(loss), most.max(loss))
            });
        // Without a feasible trial there is no loss to go by.
        least <= most && most - least <= 1e-12 * least.abs().max(most.abs())
    }
}

/// Whether the history before the search is the first trial of this sampler alone.
fn is_own_first(request: &Request<'_>, before: &[Observation]) -> bool {
    let first = Request { history: &[], pending: &[], number: 0, ..*request };
    match before {
        [only] => SobolSampler.suggest(&first).is_ok_and(|own| own == only.configuration),
        _ => false,
    }
}

/// A starting point different from those of earlier runs.
fn fresh_mean(layout: &Layout, seed: u64, index: u64) -> Vec<f64> {
    Kronecker::new(layout.coordinates.len(), mix(seed, 0)).point(index as u32).collect()
}

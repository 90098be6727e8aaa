//! The state of the search, as the history determines it.

use alloc::vec::Vec;

use super::{
    super::{Request, Sampler, SobolSampler, low_discrepancy},
    CmaEsOptions,
    categorical::CategoricalDistribution,
    distribution::{Distribution, Ranked},
    layout::Layout,
    margin,
    options::MAX_POPULATION,
    samples::{GenerationSampler, Sample, mix},
    strategy::Strategy,
};
use crate::{
    space::{Configuration, Space},
    trial::Observation,
};

/// How often another draw is made when the first was tried already.
const MAX_ATTEMPTS: u32 = 8;

/// The search has converged when no coordinate has a standard deviation above this, as a share of
/// its range.
const TOL_X: f64 = 1e-10;

/// The search has lost its numbers' precision when the squared ratio of its axes is above this.
const MAX_CONDITION: f64 = 1e14;

/// One run of CMA-ES between two starts, after some generations.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    layout: Layout,
    strategy: Strategy,
    distribution: Distribution,
    categorical: CategoricalDistribution,
    generation_sampler: GenerationSampler,
    /// The generation's first draws, `[population]`.
    rows: Vec<Sample>,
    /// Where in the history the generation begins that is being filled.
    start: usize,
    /// How many runs came before this one.
    restarts: u64,
    /// The best loss of each generation of this run.
    bests: Vec<Option<f64>>,
}

/// A trial as it was drawn.
struct SampledTrial {
    offset: Vec<f64>,
    choices: Vec<usize>,
    configuration: Configuration,
}

impl Search {
    /// A search that starts from the trials before `start`, whoever made them: around the `best` of
    /// them.
    pub fn new(
        options: &CmaEsOptions,
        request: &Request<'_>,
        start: usize,
        best: Option<usize>,
    ) -> Self {
        let layout = Layout::new(request.space);
        let before = &request.history[..start];
        let mean = match best {
            // One point of an even spread says little about where the optimum is.
            _ if is_own_first(request, before) => alloc::vec![0.5; layout.coordinates.len()],
            Some(best) => {
                let unit = request.space.to_unit(&before[best].configuration);
                layout.coordinates.iter().map(|coordinate| unit[coordinate.parameter]).collect()
            }
            None => fresh_mean(&layout, request.seed, start as u64),
        };
        // The more trials there are, the nearer to the optimum the best of them lies.
        let n = layout.coordinates.len().max(1);
        let step = options.sigma0 * libm::pow(start.max(1) as f64, -1.0 / n as f64);
        let population = options.popsize.unwrap_or_else(|| Strategy::default_population(n));
        Self::begin(request, layout, (mean, step, population), (start, 0))
    }

    /// A run from `mean` on, after `restarts` others, whose first trial is number `start` of the
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
        let mut search = Self {
            rows: generation_sampler.generation(),
            generation_sampler,
            strategy: Strategy::new(layout.coordinates.len().max(1), population),
            distribution: Distribution::new(mean, step),
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

    /// How many trials a generation has.
    pub fn population(&self) -> usize {
        self.strategy.population
    }

    /// Where in the history the generation begins that is being filled.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The trial that the search would make at a position of the generation, unless it is `taken`.
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

    /// Whether a trial is one of those that the search makes in this generation.
    pub fn generated(&self, space: &Space, configuration: &Configuration) -> bool {
        self.origin(space, configuration, 0).is_some()
    }

    /// Takes in the generation that begins at `start`, all of which is in the history.
    pub fn advance(&mut self, options: &CmaEsOptions, request: &Request<'_>) {
        let population = self.population();
        let generation = &request.history[self.start..][..population];
        let best = generation.iter().filter_map(|trial| trial.loss).reduce(f64::min);
        self.bests.push(best);
        self.start += population;
        if best.is_none() {
            // Nothing works here: elsewhere, with the same population.
            self.restart(options, request, population);
            return;
        }
        let mut ranked: Vec<(&Observation, SampledTrial)> = generation
            .iter()
            .enumerate()
            .map(|(position, trial)| (trial, self.sampled(request.space, trial, position)))
            .collect();
        let loss = |trial: &Observation| trial.loss.unwrap_or(f64::INFINITY);
        ranked.sort_by(|one, other| loss(one.0).total_cmp(&loss(other.0)));
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
        self.rows = self.generation_sampler.generation();
        if self.has_converged(generation) {
            let grown = (population as f64 * options.inc_popsize) as usize;
            self.restart(options, request, grown.min(MAX_POPULATION));
        }
    }

    /// Starts again at another place of the space.
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
        // What lies outside counts as the nearest bound, so that an optimum on a bound is met
        // exactly.
        let point = self.distribution.point(&offset);
        let choices: Vec<usize> = places
            .iter()
            .enumerate()
            .map(|(index, place)| self.categorical.quantile(index, *place))
            .collect();
        let configuration = self.layout.configuration(space, &point, &choices);
        SampledTrial { offset, choices, configuration }
    }

    /// The draw that a configuration came from, searched for from `position` on.
    fn origin(
        &self,
        space: &Space,
        wanted: &Configuration,
        position: usize,
    ) -> Option<SampledTrial> {
        let population = self.population();
        // Trials of a continuum seldom repeat each other; where they do, at a corner, the second
        // counts by its place.
        let may_repeat = self.layout.coordinates.iter().all(|coordinate| coordinate.is_discrete);
        (0..population)
            .map(|turn| (position + turn) % population)
            .flat_map(|position| (0..MAX_ATTEMPTS).map(move |attempt| (position, attempt)))
            .filter(|(_, attempt)| *attempt == 0 || may_repeat)
            .map(|(position, attempt)| self.sample_trial(space, position, attempt))
            .find(|sampled| sampled.configuration == *wanted)
    }

    /// A trial of the history as a draw: the one that it was, or, where it came from elsewhere, one
    /// that could have been it.
    ///
    /// A foreign trial counts by its place, and by no more than a long draw: N. Hansen, Injecting
    /// External Solutions Into CMA-ES, arXiv:1110.4181 (2011), equation (4).
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
                    // Of all places that give this value, the likeliest.
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

    /// Sees to it that discrete coordinates keep moving: a margin of 1/(nλ).
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

    /// Whether this run has nothing left to find: Hansen's TolX, ConditionCov and TolFun (tutorial,
    /// appendix B.3).
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
        let losses = recent.copied().chain(generation.iter().filter_map(|trial| trial.loss));
        let (least, most) = losses
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), loss| {
                (least.min(loss), most.max(loss))
            });
        most - least <= 1e-12 * least.abs().max(most.abs())
    }
}

/// Whether the history before the search is the first trial of this sampler and nothing else.
fn is_own_first(request: &Request<'_>, before: &[Observation]) -> bool {
    let first = Request { history: &[], pending: &[], number: 0, ..*request };
    match before {
        [only] => SobolSampler.suggest(&first).is_ok_and(|own| own == only.configuration),
        _ => false,
    }
}

/// A place to start at that no run started at before.
fn fresh_mean(layout: &Layout, seed: u64, index: u64) -> Vec<f64> {
    (0..layout.coordinates.len())
        .map(|dimension| low_discrepancy::coordinate(index as u32, dimension, mix(seed, 0)))
        .collect()
}

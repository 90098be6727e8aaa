//! What a Gaussian process makes of a study: importances, slices and a map of the objective.

use optiformer::{
    Result,
    samplers::{GpPrediction, GpSampler, Request},
    space::Configuration,
    trial::Observation,
};

use super::{
    sensitivity::{self, MAX_INPUTS, SobolIndices},
    study_data::StudyData,
};

/// Fewest finished trials from which a model is worth showing.
pub const FEWEST_TRIALS: usize = 8;
/// Predictions for the importances, over all parameters.
const BUDGET: usize = 12_000;
/// Points along a slice.
const SLICE_POINTS: usize = 41;
/// Most levels of a parameter that are predicted one by one.
pub const MAX_LEVELS: u64 = 24;

/// The process, conditioned on a study's trials.
pub struct Surrogate<'a> {
    data: &'a StudyData<'a>,
    history: Vec<Observation>,
    gp: GpSampler,
}

/// Importances of the parameters, in the space's order.
pub struct Importances {
    /// The indices of each parameter.
    pub indices: Vec<SobolIndices>,
    /// Share of the variance of the targets that the model calls noise.
    pub noise: f64,
}

/// A prediction in units of the objective.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// One standard deviation below and above, in the process's own scale.
    pub range: (f64, f64),
    /// The mean on the process's scale, smaller is better.
    pub target: f64,
}

impl<'a> Surrogate<'a> {
    /// The model of a study; `None` with too few trials, or where they do not determine one.
    pub fn new(data: &'a StudyData<'a>) -> Option<Self> {
        let history = data.history();
        let finished = history.iter().filter(|trial| trial.loss.is_some()).count();
        if finished < FEWEST_TRIALS || data.space().len() > MAX_INPUTS {
            return None;
        }
        let mut surrogate = Self { data, history, gp: GpSampler::default() };
        let probe = data.best()?.0.configuration.clone();
        surrogate.predict(&[probe]).ok()?;
        Some(surrogate)
    }

    /// The importances; `None` where the model is flat.
    pub fn importances(&mut self) -> Option<Importances> {
        let space = self.data.space();
        let inputs = space.len();
        let samples = (BUDGET / (inputs + 2)).clamp(64, 1024).next_power_of_two() as u32;
        let mut noise = f64::NAN;
        let indices = sensitivity::sobol_indices(inputs, samples, |points| {
            let candidates: Vec<Configuration> =
                points.iter().map(|point| space.from_unit(point)).collect();
            let predictions = self.predict(&candidates)?;
            if let Some(first) = predictions.first() {
                noise = first.observed().deviation().powi(2) - first.latent().deviation().powi(2);
            }
            Ok::<_, optiformer::Error>(predictions.iter().map(|it| it.latent().mean()).collect())
        });
        let indices = indices.ok()??;
        Some(Importances { indices, noise: noise.clamp(0.0, 1.0) })
    }

    /// The prediction along a parameter, the others as in the best trial: `(value, estimate)`.
    pub fn slice(&mut self, parameter: usize) -> Vec<(f64, Estimate)> {
        let Some((best, _)) = self.data.best() else { return Vec::new() };
        let space = self.data.space();
        let mut unit = space.to_unit(&best.configuration);
        let candidates: Vec<Configuration> = self
            .places(parameter, SLICE_POINTS)
            .into_iter()
            .map(|place| {
                unit[parameter] = place;
                space.from_unit(&unit)
            })
            .filter(|candidate| candidate.get(parameter).is_some())
            .collect();
        let estimates = self.estimates(&candidates);
        candidates
            .iter()
            .zip(estimates)
            .filter_map(|(candidate, estimate)| Some((candidate.get(parameter)?, estimate)))
            .collect()
    }

    /// The prediction over two parameters at given coordinates, the others as in the best trial:
    /// `[rows.len() · columns.len()]`; empty where it fails or one of them becomes inactive.
    pub fn map(
        &mut self,
        (across, columns): (usize, &[f64]),
        (up, rows): (usize, &[f64]),
    ) -> Vec<Estimate> {
        let Some((best, _)) = self.data.best() else { return Vec::new() };
        let space = self.data.space();
        let mut unit = space.to_unit(&best.configuration);
        let mut candidates = Vec::with_capacity(rows.len() * columns.len());
        for row in rows {
            for column in columns {
                (unit[across], unit[up]) = (*column, *row);
                let candidate = space.from_unit(&unit);
                if candidate.get(across).is_none() || candidate.get(up).is_none() {
                    return Vec::new();
                }
                candidates.push(candidate);
            }
        }
        self.estimates(&candidates)
    }

    /// Coordinates at which a parameter is looked at: the middles of its levels where they are
    /// few, else `count` from end to end.
    pub fn places(&self, parameter: usize, count: usize) -> Vec<f64> {
        let domain = self.data.space().parameters()[parameter].domain();
        match domain.levels() {
            Some(levels) if levels <= MAX_LEVELS => {
                (0..levels).map(|level| domain.to_unit(domain.level(level))).collect()
            }
            _ => (0..count).map(|index| index as f64 / (count - 1) as f64).collect(),
        }
    }

    /// Predictions in units of the objective; empty where the model fails.
    fn estimates(&mut self, candidates: &[Configuration]) -> Vec<Estimate> {
        let direction = self.data.direction();
        let estimate = |prediction: &GpPrediction| {
            let latent = prediction.latent();
            let objective = |deviations: f64| {
                direction.loss(latent.loss(latent.mean() + deviations * latent.deviation()))
            };
            Estimate {
                median: objective(0.0),
                range: (objective(-1.0), objective(1.0)),
                target: latent.mean(),
            }
        };
        let predictions = self.predict(candidates).unwrap_or_default();
        let estimates: Vec<Estimate> = predictions.iter().map(estimate).collect();
        let finite = |it: &Estimate| {
            [it.median, it.range.0, it.range.1, it.target].iter().all(|value| value.is_finite())
        };
        if estimates.iter().all(finite) { estimates } else { Vec::new() }
    }

    fn predict(&mut self, candidates: &[Configuration]) -> Result<Vec<GpPrediction>> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request {
            space: self.data.space(),
            history: &self.history,
            pending: &[],
            number: self.history.len() as u64,
            seed: self.data.snapshot().seed(),
        };
        self.gp.predict(&request, candidates)
    }
}

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use optiformer::{
        Configuration, Direction, Outcome, Parameter, Space, Study,
        samplers::{Sampler, SobolSampler},
        study::JournalSnapshot,
    };

    use super::*;
    use crate::report::study_data::StudyFile;

    /// A study of a function of three parameters in [0, 1] at 60 even points.
    fn file(direction: Direction, function: impl Fn(&[f64]) -> f64) -> StudyFile {
        let names = ["a", "b", "c"];
        let space =
            Space::new(names.map(|name| Parameter::float(name, 0.0, 1.0)).to_vec()).unwrap();
        let mut study = Study::new(space.clone(), direction, Box::new(SobolSampler), 0);
        for number in 0..60 {
            let request = Request { space: &space, history: &[], pending: &[], number, seed: 0 };
            let configuration: Configuration = SobolSampler.suggest(&request).unwrap();
            let values: Vec<f64> = configuration.values().iter().map(|it| it.unwrap()).collect();
            study.add(configuration, Outcome::Value(function(&values))).unwrap();
        }
        let journal = study.to_journal();
        let snapshot = JournalSnapshot::from_bytes(journal.as_bytes()).unwrap();
        StudyFile::new(Path::new("study.jsonl"), snapshot)
    }

    #[test]
    fn the_model_finds_the_shares_of_a_known_function() {
        for direction in [Direction::Minimize, Direction::Maximize] {
            // The parts of the variance are 1, 4 and 0 twelfths.
            let file = file(direction, |x| x[0] + 2.0 * x[1]);
            let data = file.view(0);
            let importances = Surrogate::new(&data).unwrap().importances().unwrap();
            for (indices, share) in importances.indices.iter().zip([0.2, 0.8, 0.0]) {
                assert!((indices.first - share).abs() < 0.05, "{indices:?} {share}");
                assert!((indices.total - share).abs() < 0.05, "{indices:?} {share}");
            }
            assert!(importances.noise < 0.01, "{}", importances.noise);
        }
        // Of a product of centered factors neither explains anything alone.
        let file = file(Direction::Minimize, |x| (x[0] - 0.5) * (x[1] - 0.5));
        let data = file.view(0);
        let importances = Surrogate::new(&data).unwrap().importances().unwrap();
        for indices in &importances.indices[..2] {
            assert!(indices.first < 0.15 && indices.total > 0.85, "{indices:?}");
        }
        assert!(importances.indices[2].total < 0.05, "{:?}", importances.indices);
    }

    #[test]
    fn predictions_are_in_units_of_the_objective() {
        let file = file(Direction::Maximize, |x| 100.0 - 50.0 * (x[0] - 0.5).powi(2));
        let data = file.view(0);
        let mut surrogate = Surrogate::new(&data).unwrap();
        let slice = surrogate.slice(0);
        assert_eq!(slice.len(), SLICE_POINTS);
        for (value, estimate) in slice {
            let truth = 100.0 - 50.0 * (value - 0.5).powi(2);
            assert!((estimate.median - truth).abs() < 0.5, "{value} {estimate:?} {truth}");
            assert!(estimate.range.0 >= estimate.median && estimate.median >= estimate.range.1);
        }
    }
}

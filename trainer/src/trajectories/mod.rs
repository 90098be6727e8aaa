//! Studies of generated functions: who proposes, and what is recorded.
//!
//! Teachers are samplers of the runtime. Beside them, *designed* histories mix uniform points,
//! steps from the best trials at scales that shrink, and points at random distances from the
//! optimum, as a late study by a good optimizer has them: what the model is asked about when it
//! ranks candidates. Half of the teachers' studies have such trials strewn in, too.

mod oracle_guided;

use std::str::FromStr;

use optiformer::{
    Error, ErrorKind, Result,
    samplers::{self, Request},
    trial::Observation,
};
use oracle_guided::OracleGuidedPolicy;
use rand::RngExt;

use crate::{
    dataset::record::{INACTIVE, Record, RecordedTrial, Teacher},
    generators::{
        Function, FunctionOptions, SampledFunction, optimum::Optimum, structure::Structure,
    },
    problem::ParameterKind,
    random::SeededRng,
};

/// Weights of the teachers, written `tpe:4,random:1,oracle_guided:5`.
#[derive(Clone, Debug, PartialEq)]
pub struct TeacherMixture {
    weights: Vec<(Teacher, f64)>,
}

impl FromStr for TeacherMixture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidValue, what));
        let mut weights = Vec::new();
        for part in text.split(',') {
            let (name, weight) = part.split_once(':').unwrap_or((part, "1"));
            let name = name.trim();
            let known = |teacher: &Teacher| {
                *teacher == Teacher::OracleGuided || samplers::NAMES.contains(&teacher.name())
            };
            let mut all = Teacher::ALL.into_iter().filter(known);
            let Some(teacher) = all.clone().find(|teacher| teacher.name() == name) else {
                let names: Vec<&str> = all.by_ref().map(Teacher::name).collect();
                return refuse(format!("teacher \"{name}\": known are {}", names.join(", ")));
            };
            match weight.trim().parse::<f64>() {
                Ok(weight) if weight.is_finite() && weight > 0.0 => weights.push((teacher, weight)),
                _ => {
                    return refuse(format!(
                        "teacher \"{name}\": weight \"{weight}\" is not above 0"
                    ));
                }
            }
        }
        Ok(Self { weights })
    }
}

impl TeacherMixture {
    /// The mixture as checkpoints name it.
    ///
    /// A run goes on from a checkpoint with equal settings alone, so that this text is a format of
    /// its own, which a renamed type or variant leaves as it is.
    pub(crate) fn settings(&self) -> String {
        let name = |teacher: Teacher| match teacher {
            Teacher::Random => "Random",
            Teacher::Tpe => "Tpe",
            Teacher::OracleGuided => "Designed",
            Teacher::Sobol => "Sobol",
            Teacher::Gp => "Gp",
            Teacher::CmaEs => "CmaEs",
            Teacher::LocalSearch => "LocalSearch",
        };
        let weights = self.weights.iter();
        let weights = weights.map(|(teacher, weight)| format!("({}, {weight:?})", name(*teacher)));
        format!("Teachers {{ weights: [{}] }}", weights.collect::<Vec<_>>().join(", "))
    }

    /// One of the teachers, by weight.
    pub(crate) fn draw(&self, rng: &mut SeededRng) -> Teacher {
        let total: f64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.random::<f64>() * total;
        for (teacher, weight) in &self.weights {
            left -= weight;
            if left < 0.0 {
                return *teacher;
            }
        }
        self.weights[self.weights.len() - 1].0
    }
}

/// A trial of a history, before it is recorded.
pub(crate) struct Trial {
    pub values: Vec<f64>,
    pub loss: Option<f64>,
    pub teacher: Teacher,
}

/// The trajectory of `trials` trials on function number `index`. Depends on its arguments alone.
///
/// # Errors
///
/// What a teacher says.
pub fn record(
    options: &FunctionOptions,
    teachers: &TeacherMixture,
    trials: usize,
    seed: u64,
    index: u64,
) -> Result<Record> {
    let SampledFunction { function, mut optimum, mut rng, .. } =
        SampledFunction::draw(options, seed, index);
    let teacher = match teachers.draw(&mut rng) {
        Teacher::OracleGuided => None,
        teacher => Some(teacher),
    };
    let history = study(&function, &optimum, teacher, trials, &mut rng)?;
    // A trial may have found what the search did not.
    for trial in &history {
        optimum.improve(&function, &trial.values, &mut rng);
    }
    Ok(Record {
        family: function.family,
        optimum: coordinates(&function.structure, &optimum.values),
        optimum_loss: optimum.loss as f32,
        trials: history
            .iter()
            .map(|trial| RecordedTrial {
                coordinates: coordinates(&function.structure, &trial.values),
                loss: trial.loss.unwrap_or(0.0) as f32,
                failed: trial.loss.is_none(),
                teacher: trial.teacher,
            })
            .collect(),
        kinds: function.structure.kinds,
        activations: function.structure.activations,
    })
}

/// Values as a record has them.
fn coordinates(structure: &Structure, values: &[f64]) -> Vec<f32> {
    let active = structure.active(values);
    let coordinate = |((kind, value), active): ((&ParameterKind, &f64), bool)| {
        if active { kind.coordinate(*value) as f32 } else { INACTIVE }
    };
    structure.kinds.iter().zip(values).zip(active).map(coordinate).collect()
}

/// A study by a sampler of the runtime with designed trials strewn in, or by design alone.
pub(crate) fn study(
    function: &Function,
    optimum: &Optimum,
    teacher: Option<Teacher>,
    trials: usize,
    rng: &mut SeededRng,
) -> Result<Vec<Trial>> {
    let mut policy = OracleGuidedPolicy::draw(rng);
    let mut sampler = teacher.map(|teacher| samplers::by_name(teacher.name())).transpose()?;
    let strewn = match teacher {
        None => 1.0,
        Some(_) if rng.random_bool(0.5) => rng.random_range(0.05..0.4),
        Some(_) => 0.0,
    };
    let seed = rng.random();
    let mut history: Vec<Trial> = Vec::with_capacity(trials);
    let mut told = Vec::with_capacity(if sampler.is_some() { trials } else { 0 });
    for number in 0..trials {
        let (values, teacher) = match (&mut sampler, teacher) {
            (Some(sampler), Some(teacher)) if !rng.random_bool(strewn) => {
                let request = Request {
                    space: &function.space,
                    history: &told,
                    pending: &[],
                    number: number as u64,
                    seed,
                };
                (function.values(&sampler.suggest(&request)?), teacher)
            }
            _ => {
                let progress = number as f64 / trials as f64;
                (policy.next(function, &optimum.values, progress, rng), Teacher::OracleGuided)
            }
        };
        let loss = function.observe(&values, rng);
        policy.tell(&values, loss);
        if sampler.is_some() {
            told.push(Observation::new(function.configuration(&values), loss));
        }
        history.push(Trial { values, loss, teacher });
    }
    Ok(history)
}

#[cfg(test)]
mod tests;

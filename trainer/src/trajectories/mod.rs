//! Studies of generated functions: who proposes, and what is recorded.
//!
//! Teachers are samplers of the runtime. Beside them, *designed* histories mix uniform points,
//! steps from the best trials at scales that shrink, and points at random distances from the
//! optimum, as a late study by a good optimiser has them: what the model is asked about when it
//! ranks candidates. Half of the teachers' studies have such trials strewn in, too.

mod designed;

use std::str::FromStr;

use optiformer::{
    Error, ErrorKind, Result,
    samplers::{self, Request},
    trial::Observation,
};
use rand::RngExt;

use crate::{
    dataset::shard::{INACTIVE, Kind, Record, RecordedTrial, Source},
    generators::{
        function::{Drawn, Function, FunctionOptions},
        optimum::Optimum,
        random::Generator,
        structure::Structure,
    },
};
use designed::Design;

/// Weights of the teachers, written `tpe:4,random:1,designed:5`.
#[derive(Clone, Debug, PartialEq)]
pub struct Teachers {
    weights: Vec<(Source, f64)>,
}

impl FromStr for Teachers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidValue, what));
        let mut weights = Vec::new();
        for part in text.split(',') {
            let (name, weight) = part.split_once(':').unwrap_or((part, "1"));
            let name = name.trim();
            let known = |source: &Source| {
                *source == Source::Designed || samplers::NAMES.contains(&source.name())
            };
            let mut all = Source::ALL.into_iter().filter(known);
            let Some(source) = all.clone().find(|source| source.name() == name) else {
                let names: Vec<&str> = all.by_ref().map(Source::name).collect();
                return refuse(format!("teacher \"{name}\": known are {}", names.join(", ")));
            };
            match weight.trim().parse::<f64>() {
                Ok(weight) if weight.is_finite() && weight > 0.0 => weights.push((source, weight)),
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

impl Teachers {
    /// One of the teachers, by weight.
    pub(crate) fn draw(&self, generator: &mut Generator) -> Source {
        let total: f64 = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = generator.random::<f64>() * total;
        for (source, weight) in &self.weights {
            left -= weight;
            if left < 0.0 {
                return *source;
            }
        }
        self.weights[self.weights.len() - 1].0
    }
}

/// A trial of a history, before it is recorded.
pub(crate) struct Trial {
    pub values: Vec<f64>,
    pub loss: Option<f64>,
    pub source: Source,
}

/// The trajectory of so many trials on function number `index`. Depends on its arguments alone.
///
/// # Errors
///
/// What a teacher says.
pub fn record(
    options: &FunctionOptions,
    teachers: &Teachers,
    trials: usize,
    seed: u64,
    index: u64,
) -> Result<Record> {
    let Drawn { function, mut optimum, mut generator, .. } = Function::draw(options, seed, index);
    let teacher = match teachers.draw(&mut generator) {
        Source::Designed => None,
        source => Some(source),
    };
    let history = study(&function, &optimum, teacher, trials, &mut generator)?;
    // A trial may have found what the search did not.
    for trial in &history {
        optimum.improve(&function, &trial.values, &mut generator);
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
                source: trial.source,
            })
            .collect(),
        kinds: function.structure.kinds,
        activations: function.structure.activations,
    })
}

/// Values as a record has them.
fn coordinates(structure: &Structure, values: &[f64]) -> Vec<f32> {
    let active = structure.active(values);
    let coordinate = |((kind, value), active): ((&Kind, &f64), bool)| {
        if active { kind.coordinate(*value) as f32 } else { INACTIVE }
    };
    structure.kinds.iter().zip(values).zip(active).map(coordinate).collect()
}

/// A study by a sampler of the runtime with designed trials strewn in, or by design alone.
pub(crate) fn study(
    function: &Function,
    optimum: &Optimum,
    teacher: Option<Source>,
    trials: usize,
    generator: &mut Generator,
) -> Result<Vec<Trial>> {
    let mut design = Design::draw(generator);
    let mut sampler = teacher.map(|source| samplers::by_name(source.name())).transpose()?;
    let strewn = match teacher {
        None => 1.0,
        Some(_) if generator.random_bool(0.5) => generator.random_range(0.05..0.4),
        Some(_) => 0.0,
    };
    let seed = generator.random();
    let mut history: Vec<Trial> = Vec::with_capacity(trials);
    let mut told = Vec::with_capacity(if sampler.is_some() { trials } else { 0 });
    for number in 0..trials {
        let (values, source) = match (&mut sampler, teacher) {
            (Some(sampler), Some(source)) if !generator.random_bool(strewn) => {
                let request = Request {
                    space: &function.space,
                    history: &told,
                    pending: &[],
                    number: number as u64,
                    seed,
                };
                (function.values(&sampler.suggest(&request)?), source)
            }
            _ => {
                let progress = number as f64 / trials as f64;
                (design.next(function, &optimum.values, progress, generator), Source::Designed)
            }
        };
        let loss = function.observe(&values, generator);
        design.tell(&values, loss);
        if sampler.is_some() {
            told.push(Observation { configuration: function.configuration(&values), loss });
        }
        history.push(Trial { values, loss, source });
    }
    Ok(history)
}

#[cfg(test)]
mod tests;

//! Studies of generated functions: who proposes, and what is recorded.
//!
//! Teachers are samplers of the runtime. Beside them, *designed* histories mix uniform points, steps from the incumbent at
//! scales from coarse to fine, and points near the optimum, as a late study by a good optimiser has them: what the model is asked
//! about when it ranks candidates.

use std::str::FromStr;

use optiformer::{
    Error, ErrorKind, Result,
    samplers::{self, Request},
    space::Configuration,
    trial::Observation,
};
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{
    dataset::shard::{Kind, Record, RecordedTrial, Source},
    generators::{
        function::{Function, FunctionOptions},
        random::log_uniform,
    },
};

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
            let source = match name.trim() {
                "random" => Source::Random,
                "tpe" => Source::Tpe,
                "designed" => Source::Designed,
                other => {
                    return refuse(format!(
                        "teacher \"{other}\": known are tpe, random and designed"
                    ));
                }
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
    fn draw(&self, generator: &mut Xoshiro256PlusPlus) -> Source {
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
    let (function, mut generator) = Function::draw(options, seed, index);
    let source = teachers.draw(&mut generator);
    let known = function.optimum(std::iter::empty(), &mut generator);
    let history = match source {
        Source::Designed => designed(&function, &known.0, trials, &mut generator),
        Source::Tpe => taught(&function, "tpe", trials, &mut generator)?,
        Source::Random => taught(&function, "random", trials, &mut generator)?,
    };
    // A trial may have found what the search did not.
    let best = history
        .iter()
        .filter_map(|trial| Some((&trial.configuration, function.evaluate(&trial.configuration)?)))
        .min_by(|one, other| one.1.total_cmp(&other.1))
        .filter(|(_, value)| *value < known.1);
    let (optimum, optimum_loss) = match best {
        Some((configuration, value)) => (configuration.clone(), value),
        None => known,
    };
    Ok(Record {
        family: function.family,
        optimum: coordinates(&function, &optimum),
        optimum_loss: optimum_loss as f32,
        trials: history
            .iter()
            .map(|trial| RecordedTrial {
                coordinates: coordinates(&function, &trial.configuration),
                loss: trial.loss.unwrap_or(0.0) as f32,
                failed: trial.loss.is_none(),
                source,
            })
            .collect(),
        kinds: function.kinds,
    })
}

fn coordinates(function: &Function, configuration: &Configuration) -> Vec<f32> {
    let unit = function.space.to_unit(configuration);
    (function.kinds.iter().zip(configuration.values()).zip(unit))
        .map(|((kind, value), unit)| match kind {
            Kind::Categorical(_) => value.unwrap_or(0.0) as f32,
            _ => unit as f32,
        })
        .collect()
}

/// A study by a sampler of the runtime.
fn taught(
    function: &Function,
    name: &str,
    trials: usize,
    generator: &mut Xoshiro256PlusPlus,
) -> Result<Vec<Observation>> {
    let mut sampler = samplers::by_name(name)?;
    let seed = generator.random();
    let mut history = Vec::with_capacity(trials);
    for number in 0..trials as u64 {
        let request =
            Request { space: &function.space, history: &history, pending: &[], number, seed };
        let configuration = sampler.suggest(&request)?;
        let loss = function.observe(&configuration, generator);
        history.push(Observation { configuration, loss });
    }
    Ok(history)
}

/// A history made of uniform points, steps from the incumbent and points near the optimum, in a mixture of its own.
fn designed(
    function: &Function,
    optimum: &Configuration,
    trials: usize,
    generator: &mut Xoshiro256PlusPlus,
) -> Vec<Observation> {
    let uniform = generator.random_range(0.1..1.0);
    let near_optimum = generator.random_range(0.0..0.4);
    let mut history: Vec<Observation> = Vec::with_capacity(trials);
    let mut incumbent: Option<(usize, f64)> = None;
    for _ in 0..trials {
        let chance = generator.random::<f64>();
        let scale = log_uniform(0.002, 0.4, generator);
        let configuration = match incumbent {
            Some((best, _)) if chance >= uniform => {
                if generator.random_bool(near_optimum) {
                    function.near(optimum, scale, generator)
                } else {
                    function.near(&history[best].configuration, scale, generator)
                }
            }
            _ => function.uniform(generator),
        };
        let loss = function.observe(&configuration, generator);
        if let Some(loss) = loss
            && incumbent.is_none_or(|(_, best)| loss < best)
        {
            incumbent = Some((history.len(), loss));
        }
        history.push(Observation { configuration, loss });
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trajectories_repeat_and_hold_their_optimum() {
        let options = FunctionOptions::default();
        let teachers: Teachers = "tpe:1,random:1,designed:2".parse().unwrap();
        let mut sources = std::collections::BTreeSet::new();
        for index in 0..24 {
            let one = record(&options, &teachers, 20, 3, index).unwrap();
            assert_eq!(one, record(&options, &teachers, 20, 3, index).unwrap());
            assert_eq!(one.trials.len(), 20);
            sources.insert(one.trials[0].source);
        }
        assert_eq!(sources.len(), 3);
    }

    #[test]
    fn mixtures_are_checked() {
        for bad in ["", "cma:1", "tpe:-1", "tpe:x", "tpe:0", "random,,"] {
            assert!(bad.parse::<Teachers>().is_err(), "{bad}");
        }
    }
}

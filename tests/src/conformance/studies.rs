//! Studies played call by call.

use std::sync::Arc;

use optiformer::{
    Error, ErrorKind, Result,
    model::Model,
    samplers::{self, AutoOptions, AutoSampler, Sampler},
    space::{Parameter, Space},
    study::Direction,
    unstable::kernels::Kernels,
};
use serde_json::{Map, Value, json};

use super::{
    measured,
    objective::{loss, space, spaces},
    record::{Recorder, failure, layout},
};

/// The samplers that ask the transformer, whose arithmetic depends on the instruction set.
pub const LEARNED: [&str; 2] = ["optiformer", "auto"];

const CLASSICAL: [&str; 6] = ["random", "sobol", "tpe", "gp", "cma_es", "local_search"];

/// All studies as a document, those of [`LEARNED`] with these seeds.
pub fn document(seed_of: impl Fn(&str) -> Result<u64>) -> Result<String> {
    let mut studies = Vec::new();
    for (name, space) in spaces() {
        for (index, sampler) in CLASSICAL.into_iter().enumerate() {
            let direction = if index % 2 == 0 { Direction::Minimize } else { Direction::Maximize };
            let shape = Shape { space: name, sampler, direction, seed: 17 + index as u64 };
            studies.push(shape.play(&space, samplers::by_name(sampler)?, 16));
        }
    }
    studies.extend(learned_studies(&Model::shared_pico()?, seed_of)?);
    studies.push(hand_made()?);
    studies.push(finite()?);
    studies.push(refused_sampler());
    studies.extend(measured::studies()?);
    Ok(layout("studies", "steps", &studies))
}

/// The studies of [`LEARNED`], with a model's weights and kernels, and the seed that each name has.
///
/// Predictions differ in the last bits from one instruction set to another; the studies are so
/// short that there are seeds for which all choose the same trials, which [`shared_seed`] finds.
///
/// # Errors
///
/// None with a model that fits the samplers.
pub fn learned_studies(
    model: &Arc<Model>,
    seed_of: impl Fn(&str) -> Result<u64>,
) -> Result<Vec<Map<String, Value>>> {
    let mut studies = Vec::new();
    for (name, _) in spaces() {
        for sampler in LEARNED {
            let seed = seed_of(&format!("{sampler} in the space of {name}"))?;
            studies.push(learned(model, name, sampler, seed)?);
        }
    }
    Ok(studies)
}

fn learned(
    model: &Arc<Model>,
    name: &'static str,
    sampler: &'static str,
    seed: u64,
) -> Result<Map<String, Value>> {
    // `auto` asks the transformer for the seventh trial and those after it.
    let (direction, trials) =
        if sampler == "auto" { (Direction::Minimize, 9) } else { (Direction::Maximize, 5) };
    let made: Box<dyn Sampler + Send> = match sampler {
        "auto" => Box::new(AutoSampler::new(Some(Arc::clone(model)), AutoOptions::default())?),
        _ => samplers::transformer(Arc::clone(model), 1)?,
    };
    Ok(Shape { space: name, sampler, direction, seed }.play(&space(name), made, trials))
}

/// Names and seeds of studies that take another way in WebAssembly, whose kernels no CPU has here;
/// `ffi/js/test/conformance.test.js` finds them.
const OTHERWISE_IN_WASM: [(&str, u64); 3] = [
    ("auto in the space of floats", 3),
    ("auto in the space of conditional", 0),
    ("auto in the space of conditional", 2),
];

/// The first seed for which every instruction set of this CPU makes the same study called `name`.
///
/// # Errors
///
/// As [`learned_studies`], and [`ErrorKind::Unsupported`] where there is none below a hundred.
pub fn shared_seed(name: &str) -> Result<u64> {
    let models: Vec<Arc<Model>> = Kernels::available()
        .map(|kernels| Ok(Arc::new(Model::pico()?.with_kernels(kernels))))
        .collect::<Result<_>>()?;
    let (sampler, space) = name.split_once(" in the space of ").expect("a name of these studies");
    let sampler = LEARNED.into_iter().find(|known| *known == sampler).expect("one of these");
    let space = spaces().into_iter().find(|(known, _)| *known == space).expect("one of these").0;
    for seed in (0..100).filter(|seed| !OTHERWISE_IN_WASM.contains(&(name, *seed))) {
        let first = learned(&models[0], space, sampler, seed)?;
        if models[1..]
            .iter()
            .map(|model| learned(model, space, sampler, seed))
            .all(|study| study.is_ok_and(|study| study == first))
        {
            return Ok(seed);
        }
    }
    Err(Error::new(ErrorKind::Unsupported, format!("{name}: instruction sets disagree")))
}

/// What a study is made of.
struct Shape {
    space: &'static str,
    sampler: &'static str,
    direction: Direction,
    seed: u64,
}

impl Shape {
    fn scenario(&self, space: &Space, steps: Vec<Value>) -> Map<String, Value> {
        let maximizes = self.direction == Direction::Maximize;
        let document: Value = serde_json::from_str(&space.to_json()).expect("a space is JSON");
        let Value::Object(mut scenario) = json!({
            "name": format!("{} in the space of {}", self.sampler, self.space),
            "space": document,
            "direction": if maximizes { "maximize" } else { "minimize" },
            "sampler": self.sampler,
            // A text: JSON readers of many languages take numbers for doubles.
            "seed": self.seed.to_string(),
        }) else {
            unreachable!("the literal is an object");
        };
        scenario.insert("steps".into(), steps.into());
        scenario
    }

    /// Trials of which up to three are pending, and which finish in another order than they began.
    fn play(
        &self,
        space: &Space,
        sampler: Box<dyn Sampler + Send>,
        trials: usize,
    ) -> Map<String, Value> {
        let sign = if self.direction == Direction::Maximize { -1.0 } else { 1.0 };
        let mut study = Recorder::new(space.clone(), self.direction, sampler, self.seed);
        study.best();
        let mut waiting = Vec::new();
        for number in 0..trials {
            let Some((id, configuration)) = study.ask() else { break };
            // Predictions of the transformer differ in the last bits from one CPU to another.
            if !LEARNED.contains(&self.sampler) && number % 3 == 0 {
                study.explain(id);
            }
            waiting.push((id, loss(space, &configuration).map(|loss| sign * loss)));
            while waiting.len() > number % 3 {
                let (id, value) = waiting.remove(number % waiting.len());
                match value {
                    Some(value) => study.tell(id, value),
                    None => study.tell_failed(id),
                }
            }
        }
        study.best();
        study.counts();
        self.scenario(space, study.into_steps())
    }
}

/// Trials from elsewhere, enqueued ones, objectives that are not finite, and every refusal.
fn hand_made() -> Result<Map<String, Value>> {
    let space = space("conditional");
    let shape = Shape {
        space: "enqueued, added and refused trials",
        sampler: "tpe",
        direction: Direction::Minimize,
        seed: u64::MAX,
    };
    let sampler = samplers::by_name(shape.sampler)?;
    let mut study = Recorder::new(space.clone(), shape.direction, sampler, shape.seed);
    let none = f64::NAN;
    study.enqueue(&[1.0, none, 0.5, 0.0, 0.25, 0.1]);
    study.enqueue(&[2.0, none, none, none, none, 1.0]);
    // Out of bounds, not whole, active without a value, inactive with one, no value of two: the
    // third and the last are only refused as trials, for the sampler fills in what is enqueued.
    for row in [
        [2.0, none, none, none, none, 1.5],
        [0.0, 2.5, none, none, none, 0.5],
        [1.0, none, 0.5, 0.0, none, 0.1],
        [2.0, 3.0, none, none, none, 0.5],
        [2.0, none, none, none, none, none],
    ] {
        study.enqueue(&row);
        study.add(&row, 1.0);
    }
    study.add(&[0.0, 7.0, none, none, none, 0.5], 0.125);
    study.add(&[0.0, 12.0, none, none, none, 0.0], f64::NAN);
    study.ask();
    study.ask();
    study.counts();
    study.tell(1, 3.5);
    study.tell(3, -0.1);
    study.tell(3, 5.0);
    study.tell_failed(3);
    study.tell(99, 1.0);
    study.tell_failed(4);
    study.best();
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e308, -1e-310, 0.1 + 0.2] {
        if let Some((id, _)) = study.ask() {
            study.tell(id, value);
        }
    }
    study.best();
    study.counts();
    for _ in 0..3 {
        study.ask();
    }
    Ok(shape.scenario(&space, study.into_steps()))
}

/// A space of six configurations, all of which are tried before any comes again.
fn finite() -> Result<Map<String, Value>> {
    let space =
        Space::new(vec![Parameter::int("n", 1, 3), Parameter::categorical("flag", ["no", "yes"])])?;
    let shape = Shape {
        space: "six configurations",
        sampler: "gp",
        direction: Direction::Minimize,
        seed: 5,
    };
    Ok(shape.play(&space, samplers::by_name(shape.sampler)?, 9))
}

/// A sampler that does not exist.
fn refused_sampler() -> Map<String, Value> {
    let space = space("floats");
    let shape =
        Shape { space: "floats", sampler: "anealing", direction: Direction::Minimize, seed: 0 };
    let mut scenario = shape.scenario(&space, Vec::new());
    let error = samplers::by_name(shape.sampler).err().expect("there is no such sampler");
    scenario.insert("error".into(), failure(error.into()));
    scenario
}

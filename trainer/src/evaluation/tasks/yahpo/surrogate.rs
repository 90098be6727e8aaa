//! A surrogate: a network, and how a configuration is put to it.

use std::path::Path;

use optiformer::{
    Result,
    space::{Configuration, Space},
};
use tract_onnx::prelude::*;

use super::{super::malformed, ScenarioFiles, scenario::Scenario};

type YahpoNetwork = TypedRunnableModel<TypedModel>;

/// A network, and how a configuration is put to it.
pub(super) struct YahpoSurrogate {
    network: YahpoNetwork,
    /// What the network gets where nothing is put: the fidelities, and 0.
    numbers: Vec<f32>,
    /// The codes of `#na#`.
    categories: Vec<i32>,
    /// Where the parameters go.
    places: Vec<InputColumn>,
    /// The codes of the parameters' choices.
    choices: Vec<Vec<i32>>,
}

/// Where the network finds a number or a category.
#[derive(Clone, Copy)]
enum InputColumn {
    Number(usize),
    Category(usize),
}

impl YahpoSurrogate {
    /// Reads the network, and finds its inputs in the space.
    pub fn open(
        scenario: &Scenario,
        folder: &Path,
        files: &ScenarioFiles,
        space: &Space,
    ) -> Result<Self> {
        let mut numbers = Vec::with_capacity(scenario.numbers.len());
        for name in scenario.numbers {
            // What is searched comes later, and 0 stands for what is inactive.
            let greatest = files.parameter(name)?.upper.unwrap_or(0.0) as f32;
            numbers.push(if scenario.fidelities.contains(name) { greatest } else { 0.0 });
        }
        let absent = scenario.categories.iter().map(|name| files.code(name, "#na#"));
        let categories = absent.collect::<Result<Vec<i32>>>()?;
        let network = network(folder, categories.len(), numbers.len(), scenario.outputs)?;
        let mut places = Vec::with_capacity(space.len());
        let mut choices: Vec<Vec<i32>> = Vec::with_capacity(space.len());
        for parameter in space.parameters() {
            let name = parameter.name();
            let at = |names: &[&str]| names.iter().position(|other| *other == name);
            let place = at(scenario.numbers).map(InputColumn::Number);
            let place = place.or_else(|| at(scenario.categories).map(InputColumn::Category));
            let place = place.ok_or_else(|| {
                let what = format!("the network does not take parameter \"{name}\"");
                malformed(&files.path, what)
            })?;
            places.push(place);
            let its = files.parameter(name)?.choices.iter();
            choices.push(its.map(|choice| files.code(name, choice)).collect::<Result<_>>()?);
        }
        Ok(Self { network, numbers, categories, places, choices })
    }

    /// One of the network's outputs.
    pub fn value(
        &self,
        configuration: &Configuration,
        instance: (usize, i32),
        output: usize,
    ) -> Option<f64> {
        let (mut numbers, mut categories) = (self.numbers.clone(), self.categories.clone());
        categories[instance.0] = instance.1;
        for (index, place) in self.places.iter().enumerate() {
            match (configuration.get(index), place) {
                (Some(value), InputColumn::Number(at)) => numbers[*at] = value as f32,
                (Some(value), InputColumn::Category(at)) => {
                    categories[*at] = self.choices[index][value as usize];
                }
                (None, _) => {}
            }
        }
        let values = run(&self.network, categories, numbers).ok()?;
        values.get(output).map(|value| f64::from(*value))
    }
}

fn network(
    folder: &Path,
    categories: usize,
    numbers: usize,
    outputs: usize,
) -> Result<YahpoNetwork> {
    let path = folder.join("model.onnx");
    let load = || {
        let model = tract_onnx::onnx().model_for_path(&path)?;
        let inputs =
            model.input_outlets()?.iter().map(|input| model.node(input.node).name.as_str());
        let inputs: Vec<&str> = inputs.collect();
        if inputs != ["x_cat", "x_cont"] {
            let what = format!("the inputs are {inputs:?}, not x_cat and x_cont");
            return Err(TractError::msg(what));
        }
        let network = model
            .with_input_fact(0, i32::fact([1, categories]).into())?
            .with_input_fact(1, f32::fact([1, numbers]).into())?
            .into_optimized()?
            .into_runnable()?;
        // A trial of a wrong network would only be taken for a failed one.
        let found = run(&network, vec![0; categories], vec![0.0; numbers])?.len();
        if found != outputs {
            let what = format!("{found} outputs, not {outputs}; is it of another release?");
            return Err(TractError::msg(what));
        }
        Ok(network)
    };
    load().map_err(|error: TractError| malformed(&path, format!("{error:#}")))
}

/// The network's outputs.
fn run(network: &YahpoNetwork, categories: Vec<i32>, numbers: Vec<f32>) -> TractResult<Vec<f32>> {
    let categories = tract_ndarray::Array2::from_shape_vec((1, categories.len()), categories)?;
    let numbers = tract_ndarray::Array2::from_shape_vec((1, numbers.len()), numbers)?;
    let inputs = tvec!(Tensor::from(categories).into(), Tensor::from(numbers).into());
    Ok(network.run(inputs)?[0].as_slice::<f32>()?.to_vec())
}

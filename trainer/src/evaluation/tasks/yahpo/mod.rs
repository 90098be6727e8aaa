//! Surrogates of YAHPO-Gym: networks that were fitted to many real tuning runs, and answer in their
//! place.
//!
//! F. Pfisterer, L. Schneider, J. Moosbauer, M. Binder, B. Bischl, YAHPO Gym – An Efficient
//! Multi-Objective Multi-Fidelity Benchmark for Hyperparameter Optimization, AutoML-Conf 2022. The
//! networks take the categories' codes and the numbers, in the order that the benchmark's
//! definition has; what is inactive is the code of `#na#`, or 0.

mod scenario;
mod surrogate;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use optiformer::{
    Result,
    space::{Parameter, Space},
};
use serde::Deserialize;
use serde_json::Value;

use self::{
    scenario::{EARLIER, OFFICIAL, Scenario, TEST_DATA_SETS},
    surrogate::YahpoSurrogate,
};
use super::{directory, malformed, missing, read_json};
use crate::problem::Problem;

const SOURCE: &str =
    "https://github.com/slds-lmu/yahpo_data (yahpo_2021: of its releases of that year)";

/// The scenario of [`EARLIER`] that is not trained on.
const ELASTIC_NETS: &str = "rbv2_glmnet";
/// The measures of quality of the release of 2021: their place among a network's outputs, and
/// whether they are to be maximized.
const MEASURES: [(&str, (usize, bool)); 4] =
    [("mmce", (0, false)), ("f1", (1, true)), ("auc", (2, true)), ("logloss", (3, false))];

/// What a scenario's folder has.
const FILES: [&str; 3] = ["config_space.json", "encoding.json", "model.onnx"];

/// `config_space.json`.
#[derive(Deserialize)]
struct YahpoDescription {
    hyperparameters: Vec<Hyperparameter>,
    conditions: Vec<Condition>,
    #[serde(default)]
    forbiddens: Vec<Value>,
}

#[derive(Deserialize)]
struct Hyperparameter {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    log: bool,
    lower: Option<f64>,
    upper: Option<f64>,
    #[serde(default)]
    choices: Vec<String>,
}

#[derive(Deserialize)]
struct Condition {
    child: String,
    parent: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    value: Value,
}

impl Hyperparameter {
    fn parameter(&self) -> std::result::Result<Parameter, String> {
        let (name, low, high) = (&self.name, self.lower, self.upper);
        let bounds = || {
            low.zip(high).ok_or_else(|| format!("parameter \"{name}\": lower or upper is missing"))
        };
        let parameter = match self.kind.as_str() {
            "uniform_float" => bounds().map(|(low, high)| Parameter::float(name, low, high))?,
            "uniform_int" => {
                bounds().map(|(low, high)| Parameter::int(name, low as i64, high as i64))?
            }
            "categorical" => Parameter::categorical(name, self.choices.clone()),
            other => return Err(format!("parameter \"{name}\": type \"{other}\" is unknown")),
        };
        Ok(if self.log { parameter.log() } else { parameter })
    }
}

type Codes = HashMap<String, HashMap<String, i32>>;

/// The problems of `DATA/yahpo`, or those of `DATA/yahpo_2021` when `earlier`.
///
/// Of a scenario's instances some are taken, evenly from their list.
///
/// # Errors
///
/// [`ErrorKind::Io`](optiformer::ErrorKind::Io) for files that are missing,
/// [`ErrorKind::InvalidValue`](optiformer::ErrorKind::InvalidValue) for ones that hold something
/// else, naming file and field.
pub fn problems(data: Option<&Path>, earlier: bool) -> Result<Vec<Problem>> {
    let (suite, folder, scenarios): (_, _, &[Scenario]) = if earlier {
        ("yahpo-2021", "yahpo_2021", &EARLIER)
    } else {
        ("yahpo", "yahpo", &OFFICIAL)
    };
    let folder = directory(suite, data)?.join(folder);
    let mut problems = Vec::new();
    for scenario in scenarios {
        problems.extend(of_scenario(scenario, &folder.join(scenario.folder), Fidelities::Held)?);
    }
    Ok(problems)
}

/// Problems to train on: three of the four kinds of models in `DATA/yahpo_2021`, each by four
/// measures of quality, and with the parameters that say how much is computed.
///
/// Elastic nets are left out, since there are some among the problems for testing, and so that a
/// kind of model is left for validation that was not trained on. So are the data sets of all
/// problems for testing and validation, whatever the kind of model is there.
///
/// # Errors
///
/// As [`problems`].
pub fn training_problems(data: Option<&Path>) -> Result<Vec<Problem>> {
    let folder = directory("yahpo-2021", data)?.join("yahpo_2021");
    let open = |scenario: &'static Scenario| {
        OpenScenario::open(scenario, &folder.join(scenario.folder), Fidelities::Searched)
    };
    let scenarios = EARLIER.iter().map(open).collect::<Result<Vec<_>>>()?;
    let mut kept_apart: HashSet<&str> = TEST_DATA_SETS.into();
    for scenario in &scenarios {
        kept_apart.extend(scenario.chosen().map(|index| scenario.instances[index].as_str()));
    }
    let mut problems = Vec::new();
    for opened in scenarios.iter().filter(|opened| opened.scenario.folder != ELASTIC_NETS) {
        let instances = opened.instances.iter().filter(|it| !kept_apart.contains(it.as_str()));
        for instance in instances {
            for (measure, objective) in MEASURES {
                let problem = opened.problem(instance, objective)?;
                let name = format!("{}-{measure}", problem.name);
                problems.push(Problem { name, ..problem });
            }
        }
    }
    Ok(problems)
}

/// The problems of `DATA/yahpo` with their fidelity, a number of epochs or a share of the training
/// data, as the fidelity of their spaces.
///
/// # Errors
///
/// As [`problems`].
pub fn fidelity_problems(data: Option<&Path>) -> Result<Vec<Problem>> {
    let folder = directory("yahpo", data)?.join("yahpo");
    let mut problems = Vec::new();
    for scenario in &OFFICIAL {
        problems.extend(of_scenario(
            scenario,
            &folder.join(scenario.folder),
            Fidelities::Declared,
        )?);
    }
    Ok(problems)
}

fn of_scenario(scenario: &Scenario, folder: &Path, fidelities: Fidelities) -> Result<Vec<Problem>> {
    let opened = OpenScenario::open(scenario, folder, fidelities)?;
    opened
        .chosen()
        .map(|index| opened.problem(&opened.instances[index], scenario.objective))
        .collect()
}

/// A scenario's network, space and instances.
struct OpenScenario<'a> {
    scenario: &'a Scenario,
    space: Space,
    surrogate: Arc<YahpoSurrogate>,
    /// The names of the data sets.
    instances: Vec<String>,
    files: ScenarioFiles,
}

impl<'a> OpenScenario<'a> {
    fn open(scenario: &'a Scenario, folder: &Path, fidelities: Fidelities) -> Result<Self> {
        if FILES.iter().any(|file| !folder.join(file).is_file()) {
            return Err(missing(folder, &FILES.join(", "), SOURCE));
        }
        let files = ScenarioFiles {
            path: folder.join("config_space.json"),
            description: read_json(&folder.join("config_space.json"))?,
            codes_path: folder.join("encoding.json"),
            codes: read_json(&folder.join("encoding.json"))?,
        };
        let space = space(scenario, &files.description, fidelities)
            .map_err(|what| malformed(&files.path, what))?;
        let surrogate = Arc::new(YahpoSurrogate::open(scenario, folder, &files, &space)?);
        let instances = files.parameter(scenario.instance)?.choices.clone();
        Ok(Self { scenario, space, surrogate, instances, files })
    }

    /// The indices of the instances that are searched, evenly from their list.
    fn chosen(&self) -> impl Iterator<Item = usize> {
        let (count, wanted) = (self.instances.len(), self.scenario.instances);
        let wanted = wanted.min(count);
        (0..wanted).map(move |index| index * count / wanted)
    }

    /// The problem of an instance: one of the network's outputs, and whether it is to be maximized.
    fn problem(&self, instance: &str, (output, maximize): (usize, bool)) -> Result<Problem> {
        let Self { scenario, files, .. } = self;
        let place = scenario.categories.iter().position(|name| *name == scenario.instance);
        let place = place.expect("the instance is one of the categories");
        let code = files.code(scenario.instance, instance)?;
        let surrogate = Arc::clone(&self.surrogate);
        let sign = if maximize { -1.0 } else { 1.0 };
        Ok(Problem {
            name: format!("{}-{instance}", scenario.folder),
            space: self.space.clone(),
            objective: Arc::new(move |configuration| {
                let value = surrogate.value(configuration, (place, code), output)?;
                value.is_finite().then_some(sign * value)
            }),
            optimum: None,
        })
    }
}

/// What the files of a scenario say of its parameters.
struct ScenarioFiles {
    path: PathBuf,
    description: YahpoDescription,
    codes_path: PathBuf,
    codes: Codes,
}

impl ScenarioFiles {
    fn parameter(&self, name: &str) -> Result<&Hyperparameter> {
        let found = self.description.hyperparameters.iter().find(|one| one.name == name);
        found.ok_or_else(|| malformed(&self.path, format!("there is no parameter \"{name}\"")))
    }

    /// The number that the network knows a choice by.
    fn code(&self, name: &str, choice: &str) -> Result<i32> {
        self.codes.get(name).and_then(|codes| codes.get(choice)).copied().ok_or_else(|| {
            malformed(&self.codes_path, format!("\"{name}\" has no code for \"{choice}\""))
        })
    }
}

/// What becomes of the parameters that say how much is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fidelities {
    /// Held at their greatest value.
    Held,
    /// The fidelity of the space; a scenario with several is refused.
    Declared,
    /// Searched like the others.
    Searched,
}

/// What is searched: all but the instance and the fidelities that are held.
fn space(
    scenario: &Scenario,
    of: &YahpoDescription,
    fidelities: Fidelities,
) -> std::result::Result<Space, String> {
    if !of.forbiddens.is_empty() {
        return Err(String::from("\"forbiddens\" is not empty, and nothing here heeds it"));
    }
    let mut parameters = Vec::new();
    for hyperparameter in &of.hyperparameters {
        let name = hyperparameter.name.as_str();
        let is_fidelity = scenario.fidelities.contains(&name);
        if name == scenario.instance || is_fidelity && fidelities == Fidelities::Held {
            continue;
        }
        let mut parameter = hyperparameter.parameter()?;
        if is_fidelity && fidelities == Fidelities::Declared {
            parameter = parameter.fidelity();
        }
        let mut conditions = of.conditions.iter().filter(|condition| condition.child == name);
        if let Some(condition) = conditions.next() {
            if conditions.next().is_some() {
                return Err(format!("\"{name}\" has several conditions"));
            }
            let Condition { parent, kind, value, .. } = condition;
            let choice = match (kind.as_str(), value) {
                ("EQ", Value::String(choice)) => choice.as_str(),
                _ => return Err(format!("the condition of \"{name}\" is of an unknown kind")),
            };
            parameter = parameter.when(parent, [choice]);
        }
        parameters.push(parameter);
    }
    Space::new(parameters).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    #[test]
    fn missing_files_are_named() {
        for (data, expected) in
            [(None, "--data"), (Some("/nowhere"), "/nowhere/yahpo/lcbench: config_space.json")]
        {
            let error = problems(data.map(Path::new), false).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_scenario_that_is_not_what_it_should_be_is_an_error() {
        let folder = env::temp_dir().join(format!("optiformer-yahpo-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let space = r#"{"hyperparameters":[
            {"name":"task_id","type":"categorical","choices":["1","2"]},
            {"name":"alpha","type":"uniform_float","lower":0,"upper":1},
            {"name":"s","type":"uniform_float","log":true,"lower":0.1,"upper":10},
            {"name":"trainsize","type":"uniform_float","lower":0.03,"upper":1}],"conditions":[]}"#;
        let codes = r##"{"task_id":{"#na#":0,"1":1,"2":2}}"##;
        let condition = r#"{"child":"s","parent":"alpha","type":"EQ","value":"1"}"#;
        let twice = format!("[{condition},{condition}]");
        let within = format!("[{}]", condition.replace("EQ", "IN").replace("value", "values"));
        let scenario = &OFFICIAL[1];
        let cases = [
            (space.replace("uniform_float", "normal"), codes.to_string(), "type \"normal\""),
            (
                space.replace("\"upper\":10", "\"most\":10"),
                codes.to_string(),
                "\"s\": lower or upper",
            ),
            (space.replace("alpha", "beta"), codes.to_string(), "no parameter \"alpha\""),
            (space.to_string(), codes.replace("#na#", "none"), "no code for \"#na#\""),
            (space.replace("[]", "[],\"forbiddens\":[1]"), codes.to_string(), "\"forbiddens\""),
            (space.replace("[]", &twice), codes.to_string(), "\"s\" has several conditions"),
            (space.replace("[]", &within), codes.to_string(), "condition of \"s\""),
            (space[..60].to_string(), codes.to_string(), "config_space.json: EOF"),
            (space.to_string(), codes.to_string(), "model.onnx: "),
        ];
        fs::write(folder.join("model.onnx"), "no network").unwrap();
        for (space, codes, expected) in cases {
            fs::write(folder.join("config_space.json"), space).unwrap();
            fs::write(folder.join("encoding.json"), codes).unwrap();
            let error = of_scenario(scenario, &folder, Fidelities::Held).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    /// No kind of model and no data set of the problems for testing, and no data set of those for
    /// validation, is trained on.
    #[test]
    fn problems_to_train_on_are_apart() {
        let Some(data) = env::var_os("OPTIFORMER_DATA") else {
            eprintln!("skipped: OPTIFORMER_DATA is not set");
            return;
        };
        let data = Some(Path::new(&data));
        let names = |problems: Vec<Problem>| -> Vec<String> {
            problems.into_iter().map(|problem| problem.name).collect()
        };
        let trained = names(training_problems(data).unwrap());
        assert_eq!(trained.iter().collect::<HashSet<_>>().len(), trained.len());
        assert!(trained.len() > 300, "{}", trained.len());
        let data_set = |name: &String| name.split('-').nth(1).unwrap().to_string();
        let trained_on: HashSet<String> = trained.iter().map(data_set).collect();
        let validation = names(problems(data, true).unwrap());
        let nets = |names: &[String]| names.iter().any(|name| name.contains("glmnet"));
        assert!(nets(&validation) && !nets(&trained));
        let elastic_nets = names(problems(data, false).unwrap());
        let elastic_nets = elastic_nets.iter().filter(|name| name.contains("glmnet"));
        for name in validation.iter().chain(elastic_nets) {
            assert!(!trained_on.contains(&data_set(name)), "{name}");
        }
        assert!(TEST_DATA_SETS.iter().all(|number| !trained_on.contains(*number)));
    }

    /// Outputs of onnxruntime 1.31, where the files are there: `OPTIFORMER_DATA` names their
    /// directory.
    #[test]
    fn the_networks_say_what_another_runtime_has_them_say() {
        let Some(data) = env::var_os("OPTIFORMER_DATA") else {
            eprintln!("skipped: OPTIFORMER_DATA is not set");
            return;
        };
        let lcbench = r#"{"batch_size":89,"learning_rate":0.003,"max_dropout":0.4,"max_units":255,"momentum":0.5,
            "num_layers":3,"weight_decay":0.05}"#;
        let svm = r#"{"cost":2,"kernel":"polynomial","num.impute.selected.cpo":"impute.median","tolerance":0.01,"degree":4}"#;
        let ranger = r#"{"min.node.size":50,"mtry.power":1,"num.impute.selected.cpo":"impute.hist","num.trees":1000,
            "respect.unordered.factors":"order","sample.fraction":0.6,"splitrule":"gini"}"#;
        for (earlier, name, values, expected) in [
            (false, "lcbench-3945", lcbench, -93.716_09),
            (false, "iaml_glmnet-40981", r#"{"alpha":0.5,"s":0.3}"#, 0.219_811_53),
            (true, "rbv2_svm-1040", svm, 4.261_813_6e-3),
            (true, "rbv2_ranger-1040", ranger, 5.990_459_6e-3),
        ] {
            let problems = problems(Some(Path::new(&data)), earlier).unwrap();
            let problem = problems.iter().find(|one| one.name == name).unwrap();
            let values = serde_json::from_str(values).unwrap();
            let configuration = problem.space.configuration_from_json(&values).unwrap();
            let value = (problem.objective)(&configuration).unwrap();
            assert!((value - expected).abs() < 1e-4 * f64::abs(expected), "{name}: {value}");
        }
    }
}

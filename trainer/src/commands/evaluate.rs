//! `optiformer-trainer evaluate`: samplers against each other on problems that nobody trained on.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use askama::{Template, filters::Safe};
use clap::Args;
use optiformer::{
    Error, ErrorKind, Result,
    model::{Model, Precision},
};

use crate::evaluation::{
    page::{Page, Section},
    peers,
    pictures::pictures,
    record::{Run, Runs},
    report,
    runner::EvaluationPlan,
    samplers,
    scores::Scores,
    suites::{self, Split, Suite},
};

/// Runs samplers on problems in paired runs and writes a report.
///
/// Every run is added to the file of runs as soon as it is finished: Ctrl-C loses at most the runs
/// under way, and the same command goes on. A longer list of samplers, suites or seeds adds to what
/// is there.
#[derive(Args, Debug)]
pub struct Evaluate {
    /// The weights to judge; the embedded pico weights when not given.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// What the model computes in: f32, f16 or int8.
    #[arg(long, default_value = "int8", value_parser = Precision::by_name)]
    precision: Precision,
    /// Which suites, separated by commas. For testing: functions, and with --data yahpo, tables and
    /// digits. For validation: generated, and with --data yahpo-2021.
    #[arg(long, value_delimiter = ',', default_value = "functions")]
    suite: Vec<String>,
    /// The directory with the real tuning problems.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which samplers, separated by commas: any of the runtime's; optiformer-policy (the policy
    /// alone), optiformer-whole (no zoom), or optiformer:spread=64:zoom=false with any of its
    /// options; of others, optuna-tpe, optuna-gp, optuna-cma_es, optuna-qmc, skopt-gp, hebo.
    #[arg(long, value_delimiter = ',', default_value = "auto,optiformer,gp,tpe,random")]
    samplers: Vec<String>,
    /// The Python program that has the packages of other people's samplers.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// Only these functions, separated by commas.
    #[arg(long, value_delimiter = ',')]
    functions: Vec<String>,
    /// Numbers of parameters of the functions, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "2,3,5,10,20")]
    dimensions: Vec<usize>,
    /// How many generated functions.
    #[arg(long, default_value_t = 60)]
    problems: usize,
    /// Trials of a run.
    #[arg(long, default_value_t = 100)]
    trials: usize,
    /// Budgets at which samplers are compared, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "25,50,100")]
    budgets: Vec<usize>,
    /// Runs of each sampler on each problem, each with an instance of its own where there are
    /// several.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Against which samplers the others' wins are counted; those that are there of the usual ones
    /// when not given.
    #[arg(long, value_delimiter = ',')]
    baselines: Vec<String>,
    /// Threads; 0 for all cores. The outcome does not depend on it, the times do.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// The file of runs; when not given, runs are not kept.
    #[arg(long, value_name = "FILE")]
    runs: Option<PathBuf>,
    /// Runs nothing: the report is made from the file of runs.
    #[arg(long, requires = "runs")]
    report_only: bool,
    /// Where to write the report: a page with pictures when the name ends in .html, the regret over
    /// all problems of the first set as a picture when it ends in .svg, else Markdown;
    /// to standard output when not given.
    #[arg(long, value_name = "FILE")]
    output: Vec<PathBuf>,
}

impl Evaluate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// An unreadable model, an unknown sampler, suite or function, missing data, a peer that is not
    /// installed, a budget beyond the trials, a file that cannot be read or written.
    pub fn run(&self, interrupted: &AtomicBool) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidValue, what));
        if self.dimensions.contains(&0) || self.dimensions.is_empty() {
            return refuse(String::from("--dimensions must be at least 1"));
        }
        if self.trials == 0 || self.seeds == 0 {
            return refuse(String::from("--trials and --seeds must be at least 1"));
        }
        let budgets: Vec<usize> =
            self.budgets.iter().copied().filter(|b| (1..=self.trials).contains(b)).collect();
        if budgets.is_empty() {
            return refuse(format!("--budgets: none is between 1 and --trials {}", self.trials));
        }
        let (model, weights) = self.model()?;
        for name in self.samplers.iter().filter(|name| !peers::is_peer(name)) {
            samplers::sampler(name, Some(&model))?;
        }
        let suites = self.suite.iter().map(|name| self.suite(name)).collect::<Result<Vec<_>>>()?;
        let mut runs = Runs::open(self.runs.as_deref())?;
        if !self.report_only {
            rayon::ThreadPoolBuilder::new()
                .num_threads(self.threads)
                .build_global()
                .map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
            let plan = EvaluationPlan {
                suites: &suites,
                samplers: &self.samplers,
                model: &model,
                weights: &weights,
                python: self.python.clone(),
                trials: self.trials,
                seeds: self.seeds,
            };
            let missing = plan.run(&mut runs, interrupted)?;
            if missing > 0 {
                eprintln!("interrupted with {missing} runs to go; the same command goes on");
                if self.runs.is_none() {
                    return Ok(());
                }
            }
        }
        self.report(&runs, &suites, &budgets)
    }

    /// The model, and what tells it from others.
    fn model(&self) -> Result<(Arc<Model>, String)> {
        // Runs in another precision are other runs.
        let suffix = match self.precision {
            Precision::Int8 => String::new(),
            other => format!("-{}", other.name()),
        };
        Ok(match &self.model {
            Some(path) => {
                let digest = crc32fast::hash(&std::fs::read(path)?);
                (Arc::new(Model::open_in(self.precision, path)?), format!("{digest:08x}{suffix}"))
            }
            None => (Arc::new(Model::pico_in(self.precision)?), format!("embedded{suffix}")),
        })
    }

    fn suite(&self, name: &str) -> Result<Suite> {
        let functions: Vec<&str> = self.functions.iter().map(String::as_str).collect();
        match name {
            "functions" => suites::functions(&self.dimensions, &functions),
            "generated" => Ok(suites::generated(self.problems, &self.dimensions)),
            other => suites::real(other, self.data.as_deref()),
        }
    }

    fn report(&self, runs: &Runs, suites: &[Suite], budgets: &[usize]) -> Result<()> {
        let sections = self.sections(runs, suites, budgets)?;
        if self.output.is_empty() {
            println!("{}", markdown(&sections));
        }
        for path in &self.output {
            let text = match path.extension().and_then(|extension| extension.to_str()) {
                Some("html") => html(&sections)?,
                Some("svg") => {
                    let pictures = sections.first().map(|section| &section.pictures);
                    let first = pictures.and_then(|pictures| pictures.first());
                    first.map(|picture| picture.0.clone()).unwrap_or_default()
                }
                _ => markdown(&sections),
            };
            write(path, &text)?;
        }
        Ok(())
    }

    /// Sections for the validation and the test set, and for each of their suites.
    fn sections(&self, runs: &Runs, suites: &[Suite], budgets: &[usize]) -> Result<Vec<Section>> {
        let baselines = self.baselines();
        let mut sections = Vec::new();
        for split in [Split::Validation, Split::Test] {
            let suites = suites.iter().filter(|suite| suite.split == split);
            let names: Vec<&str> = suites.map(|suite| suite.name.as_str()).collect();
            let of = |names: &[&str]| -> Vec<Run> {
                let runs = runs.all.iter().filter(|run| names.contains(&run.suite.as_str()));
                runs.cloned().collect()
            };
            let all = of(&names);
            let scores = Scores::new(&all, &self.samplers, self.trials);
            if scores.runs().is_empty() {
                continue;
            }
            sections.push(Section {
                heading: String::from(report::heading(split)),
                summary: report::summary(&scores),
                pictures: pictures(&scores)?.into_iter().map(Safe).collect(),
                tables: report::tables(&scores, &baselines, budgets),
            });
            // What holds for all need not hold for each kind.
            for name in names.iter().filter(|_| names.len() > 1) {
                let of_suite = of(&[name]);
                let scores = Scores::new(&of_suite, &self.samplers, self.trials);
                if scores.runs().is_empty() {
                    continue;
                }
                let mut tables = report::tables(&scores, &baselines, budgets);
                tables.pop();
                sections.push(Section {
                    heading: format!("Of these, {name}"),
                    summary: report::summary(&scores),
                    pictures: Vec::new(),
                    tables,
                });
            }
        }
        Ok(sections)
    }

    /// The samplers that the others are compared with.
    fn baselines(&self) -> Vec<String> {
        if !self.baselines.is_empty() {
            return self.baselines.clone();
        }
        let usual = ["random", "optuna-tpe", "optuna-gp", "optuna-cma_es", "tpe", "gp"];
        let is_there = |name: &&str| self.samplers.iter().any(|sampler| sampler == name);
        usual.into_iter().filter(is_there).map(String::from).collect()
    }
}

const TITLE: &str = "Samplers, judged";

fn html(sections: &[Section]) -> Result<String> {
    Page { title: TITLE, sections }
        .render()
        .map_err(|error| Error::new(ErrorKind::Unsupported, format!("cannot write HTML: {error}")))
}

fn markdown(sections: &[Section]) -> String {
    let of = |section: &Section| {
        let tables: String = section.tables.iter().map(|table| table.markdown()).collect();
        format!("## {}\n\n{}\n\n{tables}", section.heading, section.summary)
    };
    sections.iter().map(of).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot write {}: {error}", path.display()))
    })
}

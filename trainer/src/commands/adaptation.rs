//! `optiformer-trainer adaptation`: log scores with and without test-time adaptation.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use optiformer::{
    Error, ErrorKind, Result,
    model::{Model, Precision},
};

use crate::evaluation::{
    adaptation::{self, FROM, Totals},
    suites::{self, Split},
};

/// Compares test-time adaptations by their one-step-ahead predictions of told trials.
///
/// Prints mean log scores (nats per trial, larger is better) on studies of the transformer without
/// adaptation, as a Markdown table. Test suites are refused.
#[derive(Args, Debug)]
pub struct Adaptation {
    /// The weights file; without it, the embedded weights.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// What the model computes in: f32, f16 or int8.
    #[arg(long, default_value = "int8", value_parser = Precision::by_name)]
    precision: Precision,
    /// Which adaptations, separated by commas: lbfgs or adamw with a number of steps.
    #[arg(long, value_delimiter = ',', default_value = "lbfgs8,adamw24,adamw48")]
    adaptations: Vec<String>,
    /// Factors of the L2 penalty, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    penalties: Vec<f64>,
    /// Which suites, separated by commas: generated, and with --data yahpo-2021.
    #[arg(long, value_delimiter = ',', default_value = "generated")]
    suite: Vec<String>,
    /// The directory with the real tuning problems.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many generated functions.
    #[arg(long, default_value_t = 40)]
    problems: usize,
    /// Studies of each problem.
    #[arg(long, default_value_t = 2)]
    seeds: u64,
    /// Trials of a study.
    #[arg(long, default_value_t = 50)]
    trials: usize,
}

impl Adaptation {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// An unreadable weights file, an unknown adaptation or suite, one for testing, missing data.
    pub fn run(&self) -> Result<()> {
        let model = Arc::new(match &self.weights {
            Some(path) => Model::open_in(self.precision, path)?,
            None => Model::pico_in(self.precision)?,
        });
        let mut adaptations = Vec::new();
        for name in &self.adaptations {
            for penalty in &self.penalties {
                let mut options = adaptation::by_name(name)?;
                options.l2_penalty = *penalty;
                adaptations.push((format!("{name}, λ = {penalty}"), options));
            }
        }
        for name in &self.suite {
            let suite = match name.as_str() {
                "generated" => suites::generated(self.problems, &[2, 3, 5, 10, 20]),
                other => suites::real(other, self.data.as_deref())?,
            };
            if suite.split != Split::Validation {
                let context = format!("suite \"{name}\" is for testing, not for choosing");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
            let mut totals = Totals::new();
            for seed in 0..self.seeds {
                for problem in &(suite.make)(seed) {
                    let study = (self.trials, seed);
                    adaptation::judge(&model, problem, study, &adaptations, &mut totals)?;
                }
            }
            print(name, &totals);
        }
        Ok(())
    }
}

fn print(suite: &str, totals: &Totals) {
    println!(
        "\n| {suite} | from trial | none | ¼ of the steps | ½ | all | chosen | studies that gain / lose | ms a trial |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for ((name, group), total) in totals {
        let means = total.sums.map(|sum| format!("{:.3}", sum / total.trials.max(1) as f64));
        let [gain, lose] = total.studies;
        let all = &totals[&(name.clone(), 0)];
        let milliseconds = 1e3 * all.seconds / all.trials.max(1) as f64;
        let (from, means) = (FROM[*group], means.join(" | "));
        println!("| {name} | {from} | {means} | {gain} / {lose} | {milliseconds:.2} |");
    }
}

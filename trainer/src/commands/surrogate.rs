//! `optiformer-trainer surrogate`: the transformer beside the Gaussian process as predictors.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use optiformer::{
    Error, ErrorKind, Result,
    model::{Model, Precision, Sequence},
};

use super::progress_bar;
use crate::{
    episodes::SpaceKind,
    evaluation::{
        suites,
        surrogate::{self, GROUPS, Stratum, SurrogateQualities, TOLD, problems},
    },
};

/// Judges a weights file by how well it predicts scores, beside `gp` on the same histories.
///
/// Prints negative log-likelihood (nats a query) and R² by kind of space, number of parameters and
/// number of told trials, as a Markdown table. The functions are not those of training. With
/// `--suite`, the problems of a suite take their place, and histories are studies of them by four
/// samplers.
#[derive(Args, Debug)]
pub struct Surrogate {
    /// The weights file; without it, the embedded weights.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// What the model computes in: f32, f16 or int8.
    #[arg(long, default_value = "int8", value_parser = Precision::by_name)]
    precision: Precision,
    /// Functions of each kind of space and number of parameters; with `--suite generated`, of all.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    functions: u64,
    /// Assignments of slots and codes over which the transformer's probabilities are averaged; the
    /// samplers use one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    permutations: u64,
    /// Seed of the functions, other than that of training; a suite has seeds of its own.
    #[arg(long, default_value_t = 0x5EED)]
    seed: u64,
    /// Problems for validation in place of functions: generated or yahpo-2021.
    #[arg(long, value_parser = ["generated", "yahpo-2021"])]
    suite: Option<String>,
    /// The directory with the files of real problems.
    #[arg(long, value_name = "DIR", requires = "suite")]
    data: Option<PathBuf>,
    /// Seeds of the studies of each of a suite's problems, each by four samplers.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
}

impl Surrogate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// An unreadable weights file, or one of another sequence; missing or malformed data; what a
    /// sampler says.
    pub fn run(&self) -> Result<()> {
        let model = Arc::new(match &self.weights {
            Some(path) => Model::open_in(self.precision, path)?,
            None => Model::pico_in(self.precision)?,
        });
        if model.config().sequence() != Sequence::Trials {
            let context = "the weights read a token a value; only those that read a row a trial \
                           can be judged as a surrogate";
            return Err(Error::new(ErrorKind::Unsupported, context));
        }
        match &self.suite {
            Some(suite) => self.judge_problems(&model, suite),
            None => self.judge_functions(&model),
        }
    }

    /// Prints a row for each problem and each number of told trials.
    fn judge_problems(&self, model: &Arc<Model>, suite: &str) -> Result<()> {
        let suite = match suite {
            "generated" => suites::generated(self.functions as usize, &[2, 3, 4, 5, 6, 7, 8]),
            name => suites::real(name, self.data.as_deref())?,
        };
        let problems = (suite.make)(0);
        let bar = progress_bar(problems.len(), "problems");
        let (seeds, permutations) = (self.seeds, self.permutations as usize);
        let qualities =
            problems::compare_problems(model, &problems, seeds, permutations, || bar.inc(1))?;
        bar.finish_and_clear();
        print_head();
        let of = |wanted: &dyn Fn(usize, usize) -> bool| -> Vec<SurrogateQualities> {
            let chosen = qualities.iter().filter(|((index, told), _)| wanted(*index, *told));
            chosen.flat_map(|(_, qualities)| qualities.clone()).collect()
        };
        for (index, problem) in problems.iter().enumerate() {
            let parameters = problem.space.len().to_string();
            print_row(&problem.name, &parameters, "all", &of(&|one, _| one == index));
        }
        for wanted in TOLD {
            print_row("all", "all", &wanted.to_string(), &of(&|_, told| told == wanted));
        }
        print_row("all", "all", "all", &of(&|_, _| true));
        Ok(())
    }

    /// Prints a row for each stratum, and sums.
    fn judge_functions(&self, model: &Arc<Model>) -> Result<()> {
        let (functions, permutations) = (self.functions as usize, self.permutations as usize);
        let bar = progress_bar(functions * GROUPS.len() * SpaceKind::ALL.len(), "functions");
        let strata =
            surrogate::compare_all(model, functions, permutations, self.seed, || bar.inc(1))?;
        bar.finish_and_clear();
        print_head();
        for (stratum, pairs) in &strata {
            let (kind, told) = (stratum.kind.name(), stratum.told);
            print_row(kind, &group_name(stratum.group), &told.to_string(), pairs);
        }
        for kind in SpaceKind::ALL {
            print_sum(kind.name(), "all", "all", &strata, |stratum| stratum.kind == kind);
        }
        for told in TOLD {
            print_sum("all", "all", &told.to_string(), &strata, |stratum| stratum.told == told);
        }
        print_sum("all", "all", "all", &strata, |_| true);
        println!();
        let both = if model.config().prediction_slots > 0 {
            "transformer that reads gp"
        } else {
            "mean of transformer and gp"
        };
        for (index, name) in [(0, "transformer"), (2, both)] {
            let better = strata.values().filter(|qualities| {
                let total = surrogate::total(*qualities);
                total[index].log_loss() < total[1].log_loss()
            });
            let rows = strata.len();
            println!("NLL of the {name} below that of gp in {} of {rows} rows.", better.count());
        }
        Ok(())
    }
}

fn print_head() {
    println!(
        "| space | parameters | told | NLL transformer | NLL gp | NLL both | R² transformer \
         | R² gp | R² both |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
}

fn group_name(group: usize) -> String {
    match group {
        0 => GROUPS[0].to_string(),
        group => format!("{}–{}", GROUPS[group - 1] + 1, GROUPS[group]),
    }
}

fn print_sum(
    kind: &str,
    group: &str,
    told: &str,
    strata: &std::collections::BTreeMap<Stratum, Vec<SurrogateQualities>>,
    of: impl Fn(&Stratum) -> bool,
) {
    let pairs: Vec<SurrogateQualities> = strata
        .iter()
        .filter(|(stratum, _)| of(stratum))
        .flat_map(|(_, pairs)| pairs.clone())
        .collect();
    print_row(kind, group, told, &pairs);
}

fn print_row(kind: &str, group: &str, told: &str, pairs: &[SurrogateQualities]) {
    let total = surrogate::total(pairs);
    let [transformer, gp, both] = total.map(|quality| quality.log_loss());
    print!("| {kind} | {group} | {told} | {transformer:.3} | {gp:.3} | {both:.3} |");
    let [transformer, gp, both] = total.map(|quality| quality.r_squared());
    println!(" {transformer:.3} | {gp:.3} | {both:.3} |");
}

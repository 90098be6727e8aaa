//! `optiformer-trainer surrogate`: the transformer beside the Gaussian process as predictors.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use optiformer::{
    Error, ErrorKind, Result,
    model::{Model, Precision, Sequence},
};

use crate::{
    episodes::SpaceKind,
    evaluation::surrogate::{self, GROUPS, Stratum, SurrogateQualities, TOLD},
};

/// Judges a weights file by how well it predicts scores, beside `gp` on the same histories.
///
/// Prints negative log-likelihood (nats a query) and R² by kind of space, number of parameters and
/// number of told trials, as a Markdown table. The functions are not those of training.
#[derive(Args, Debug)]
pub struct Surrogate {
    /// The weights file; without it, the embedded weights.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// What the model computes in: f32, f16 or int8.
    #[arg(long, default_value = "int8", value_parser = Precision::by_name)]
    precision: Precision,
    /// Functions of each kind of space and number of parameters.
    #[arg(long, default_value_t = 30)]
    functions: usize,
    /// Assignments of slots and codes over which the transformer's probabilities are averaged; the
    /// samplers use one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    permutations: u64,
    /// Seed of the functions, other than that of training.
    #[arg(long, default_value_t = 0x5EED)]
    seed: u64,
}

impl Surrogate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// An unreadable weights file, or one of another sequence.
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
        let all = (self.functions * GROUPS.len() * SpaceKind::ALL.len()) as u64;
        let bar = ProgressBar::new(all).with_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} functions, {eta} left")
                .expect("the template is well-formed"),
        );
        let (functions, permutations) = (self.functions, self.permutations as usize);
        let strata =
            surrogate::compare_all(&model, functions, permutations, self.seed, || bar.inc(1))?;
        bar.finish_and_clear();
        println!(
            "| space | parameters | told | NLL transformer | NLL gp | NLL both | R² transformer \
             | R² gp | R² both |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
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

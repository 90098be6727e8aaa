//! What the runs say, in tables.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    record::Run,
    scores::Scores,
    statistics::{median, wilcoxon, win_rate, win_rate_interval},
    suites::Split,
};

/// A table with a heading and a remark.
#[derive(Clone, Debug)]
pub struct Table {
    /// The heading.
    pub title: String,
    /// What to know before reading it.
    pub remark: String,
    /// Column names.
    pub header: Vec<String>,
    /// Rows of cells, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut page = format!("### {}\n\n", self.title);
        if !self.remark.is_empty() {
            let _ = writeln!(page, "{}\n", self.remark);
        }
        let _ = writeln!(page, "| {} |", self.header.join(" | "));
        let _ = writeln!(page, "|{}", "---|".repeat(self.header.len()));
        for row in &self.rows {
            let _ = writeln!(page, "| {} |", row.join(" | "));
        }
        page.push('\n');
        page
    }
}

/// What one set of problems is called, and what it is for.
pub fn heading(split: Split) -> &'static str {
    match split {
        Split::Test => "Test set: nothing was trained or chosen on these problems",
        Split::Validation => "Validation set: settings were chosen on problems like these",
    }
}

/// What was run: suites, problems, seeds, versions.
pub fn summary(scores: &Scores<'_>) -> String {
    let count = |key: &dyn Fn(&Run) -> String| {
        scores.runs().iter().map(|run| key(run)).collect::<BTreeSet<String>>()
    };
    let suites: Vec<String> = count(&|run| run.suite.clone()).into_iter().collect();
    let seeds = count(&|run| run.seed.to_string()).len();
    let versions: Vec<String> =
        count(&|run| format!("{}: {}", run.sampler, run.version)).into_iter().collect();
    format!(
        "{} problems ({}), {seeds} seeds, {} trials. {}.",
        scores.problems().len(),
        suites.join(", "),
        scores.trials(),
        versions.join("; ")
    )
}

/// Mean normalized regret, area, rank and time of each sampler.
pub fn overview(scores: &Scores<'_>, budgets: &[usize]) -> Table {
    let ranks: Vec<Vec<f64>> = budgets.iter().map(|trials| scores.ranks(*trials)).collect();
    let mut header = vec![String::from("sampler")];
    header.extend(budgets.iter().map(|trials| format!("regret @{trials}")));
    header.push(String::from("area"));
    header.extend(budgets.iter().map(|trials| format!("rank @{trials}")));
    header.push(String::from("ms a suggestion"));
    let rows = scores.samplers().iter().enumerate().map(|(number, sampler)| {
        let mut row = vec![sampler.clone()];
        row.extend(budgets.iter().map(|trials| format!("{:.4}", scores.mean(sampler, *trials))));
        row.push(format!("{:.4}", scores.area(sampler)));
        row.extend(ranks.iter().map(|ranks| format!("{:.2}", ranks[number])));
        row.push(format!("{:.3}", 1e3 * scores.seconds(sampler)));
        row
    });
    Table {
        title: String::from("All samplers"),
        remark: String::from(
            "Regret: mean over problems of (best loss − least loss) / (ordinary loss − least loss). Area: its mean over all trials. \
             Rank: mean over runs, 1 is best, equal ones share. Time: median over runs of a run's median.",
        ),
        header,
        rows: rows.collect(),
    }
}

/// How often each sampler beats `baseline`.
pub fn wins(scores: &Scores<'_>, baseline: &str, budgets: &[usize]) -> Table {
    let mut header = vec![String::from("sampler")];
    for trials in budgets {
        header.push(format!("runs @{trials}"));
        header.push(format!("problems @{trials}"));
    }
    let others = scores.samplers().iter().filter(|name| *name != baseline);
    let rows = others.map(|sampler| {
        let mut row = vec![sampler.clone()];
        for trials in budgets {
            let problems = scores.pairs(sampler, baseline, *trials);
            let all = problems.concat();
            let (low, high) = win_rate_interval(&problems, 0);
            row.push(format!(
                "{:.0} % [{:.0}, {:.0}] p={:.0e}",
                100.0 * win_rate(&all),
                100.0 * low,
                100.0 * high,
                wilcoxon(&all)
            ));
            row.push(format!("{:.0} %", 100.0 * win_rate(&medians(&problems))));
        }
        row
    });
    Table {
        title: format!("Against {baseline}"),
        remark: String::from(
            "Runs: share of paired runs (same instance, same seed) with the smaller regret, equal ones counting half; 95 % interval by bootstrap over problems; \
             p by Wilcoxon's signed-rank test, two-sided. Problems: share of problems with the smaller median.",
        ),
        header,
        rows: rows.collect(),
    }
}

/// Each problem's pair of medians.
fn medians(problems: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let side = |pairs: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| {
        median(&pairs.iter().map(pick).collect::<Vec<_>>())
    };
    problems.iter().map(|pairs| (side(pairs, |pair| pair.0), side(pairs, |pair| pair.1))).collect()
}

/// The median of the best losses on each problem.
pub fn details(scores: &Scores<'_>, trials: usize) -> Table {
    let mut header = vec![String::from("problem")];
    header.extend(scores.samplers().iter().cloned());
    let rows = scores.problems().into_iter().map(|(suite, problem)| {
        let mut row = vec![format!("{suite} {problem}")];
        row.extend(scores.samplers().iter().map(|sampler| {
            let runs = scores.runs().iter().filter(|run| {
                run.suite == suite && run.problem == problem && run.sampler == *sampler
            });
            // Instances of a function have different least values: what is left above them is
            // comparable.
            let left = runs.map(|run| run.best(trials) - run.optimum.unwrap_or(0.0));
            format!("{:.4}", ShortNumber(median(&left.collect::<Vec<_>>())))
        }));
        row
    });
    Table {
        title: format!("Problem by problem, {trials} trials"),
        remark: String::from(
            "Median over seeds of the best loss, less the least possible one where that is known.",
        ),
        header,
        rows: rows.collect(),
    }
}

/// A number in as few characters as do.
struct ShortNumber(f64);

impl std::fmt::Display for ShortNumber {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 != 0.0 && (self.0.abs() < 1e-2 || self.0.abs() >= 1e4) {
            write!(out, "{:.2e}", self.0)
        } else {
            write!(out, "{:.4}", self.0)
        }
    }
}

/// Every table of one set of problems.
pub fn tables(scores: &Scores<'_>, baselines: &[String], budgets: &[usize]) -> Vec<Table> {
    let mut tables = vec![overview(scores, budgets)];
    let known = |name: &&String| scores.samplers().contains(name) && scores.samplers().len() > 1;
    tables.extend(baselines.iter().filter(known).map(|name| wins(scores, name, budgets)));
    tables.push(details(scores, scores.trials()));
    tables
}

//! What the runs say, as a Markdown page.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    runner::Run,
    statistics::{median, wilcoxon, win_rate, win_rate_interval},
};

/// A problem without its instance: pairs of one task stay together in the bootstrap.
type Task<'a> = &'a str;

/// Pairs of `(first, second)` regrets after `trials` trials, by task.
fn pairs<'a>(
    runs: &'a [Run],
    first: &str,
    second: &str,
    trials: usize,
) -> BTreeMap<Task<'a>, Vec<(f64, f64)>> {
    let mut theirs = BTreeMap::new();
    for run in runs.iter().filter(|run| run.sampler == second) {
        theirs.insert((run.problem.as_str(), run.seed), run.regret[trials - 1]);
    }
    let mut tasks: BTreeMap<Task<'a>, Vec<(f64, f64)>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.sampler == first) {
        if let Some(other) = theirs.get(&(run.problem.as_str(), run.seed)) {
            tasks.entry(&run.problem).or_default().push((run.regret[trials - 1], *other));
        }
    }
    tasks
}

/// The report: win rates against each of `baselines` at each of `budgets`, then the median regret per problem.
pub fn markdown(
    runs: &[Run],
    samplers: &[String],
    baselines: &[&str],
    budgets: &[usize],
) -> String {
    let mut page = String::new();
    let problems: BTreeMap<&str, ()> = runs.iter().map(|run| (run.problem.as_str(), ())).collect();
    let seeds: BTreeMap<u64, ()> = runs.iter().map(|run| (run.seed, ())).collect();
    let _ = writeln!(
        page,
        "{} problems × {} seeds. A win is a smaller regret in a paired run (same instance, same seed); equal \
         regrets count half. Intervals: 95 %, bootstrap over problems. p: Wilcoxon signed-rank.\n",
        problems.len(),
        seeds.len()
    );
    for baseline in baselines.iter().filter(|name| samplers.iter().any(|other| other == *name)) {
        let _ = writeln!(page, "### Wins against {baseline}\n");
        let header: String = budgets.iter().map(|trials| format!(" {trials} trials |")).collect();
        let _ = writeln!(page, "| sampler |{header} ms per suggestion |");
        let _ = writeln!(page, "|---|{}---|", "---|".repeat(budgets.len()));
        for sampler in samplers.iter().filter(|name| name != baseline) {
            let mut row = format!("| {sampler} |");
            for trials in budgets {
                let tasks = pairs(runs, sampler, baseline, *trials);
                let groups: Vec<Vec<(f64, f64)>> = tasks.into_values().collect();
                let all = groups.concat();
                let (low, high) = win_rate_interval(&groups, 1);
                let _ = write!(
                    row,
                    " {:.0} % [{:.0}, {:.0}] p={:.1e} |",
                    100.0 * win_rate(&all),
                    100.0 * low,
                    100.0 * high,
                    wilcoxon(&all)
                );
            }
            let times: Vec<f64> =
                runs.iter().filter(|run| run.sampler == *sampler).map(|run| run.seconds).collect();
            let _ = writeln!(page, "{row} {:.2} |", 1000.0 * median(&times));
        }
        page.push('\n');
    }
    let last = budgets.last().copied().unwrap_or(1);
    let _ = writeln!(page, "### Median regret after {last} trials\n");
    let _ = writeln!(page, "| problem | {} |", samplers.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(samplers.len()));
    for problem in problems.keys() {
        let mut row = format!("| {problem} |");
        for sampler in samplers {
            let regrets: Vec<f64> = runs
                .iter()
                .filter(|run| run.sampler == *sampler && run.problem == *problem)
                .map(|run| run.regret[last - 1])
                .collect();
            let _ = write!(row, " {:.3e} |", median(&regrets));
        }
        let _ = writeln!(page, "{row}");
    }
    page
}

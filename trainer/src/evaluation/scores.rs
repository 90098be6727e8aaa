//! Runs on a common scale: normalized regrets and ranks.

use std::collections::BTreeMap;

use super::{record::Run, statistics::median};

/// Number of a run's first losses that say how good a problem's ordinary configurations are.
const FIRST: usize = 5;

/// A problem of a suite, whichever its instance.
pub type ProblemKey<'a> = (&'a str, &'a str);

/// The runs of several samplers, comparable over problems.
///
/// The normalized regret of a run after `n` trials is `(best loss so far − least) / (ordinary −
/// least)`, cut to `[0, 1]`. `least` is the least possible loss where it is known, else the least
/// that any run found on the problem (of the same instance); `ordinary` is the median of the first
/// five losses of all its runs.
pub struct Scores<'a> {
    runs: Vec<&'a Run>,
    /// Least and ordinary loss, by run.
    scales: Vec<(f64, f64)>,
    samplers: Vec<String>,
    trials: usize,
}

impl<'a> Scores<'a> {
    /// Takes those runs of `samplers` that have at least `trials` trials.
    pub fn new(runs: &'a [Run], samplers: &[String], trials: usize) -> Self {
        let chosen = |run: &&Run| run.losses.len() >= trials && samplers.contains(&run.sampler);
        let runs: Vec<&Run> = runs.iter().filter(chosen).collect();
        let instance = |run: &Run| {
            let seed = if run.fixed { 0 } else { run.seed };
            (run.suite.clone(), run.problem.clone(), seed)
        };
        let mut groups: BTreeMap<_, (f64, Vec<f64>)> = BTreeMap::new();
        for run in &runs {
            let group = groups.entry(instance(run)).or_insert((f64::INFINITY, Vec::new()));
            group.0 = group.0.min(run.optimum.unwrap_or_else(|| run.best(trials)));
            group.1.extend(run.losses.iter().take(FIRST).flatten());
        }
        let scales = runs
            .iter()
            .map(|run| {
                let (least, first) = &groups[&instance(run)];
                (*least, median(first))
            })
            .collect();
        Self { runs, scales, samplers: samplers.to_vec(), trials }
    }

    /// The samplers, in the order asked for.
    pub fn samplers(&self) -> &[String] {
        &self.samplers
    }

    /// The runs.
    pub fn runs(&self) -> &[&'a Run] {
        &self.runs
    }

    /// How many trials all of them have.
    pub fn trials(&self) -> usize {
        self.trials
    }

    /// The problems, in order.
    pub fn problems(&self) -> Vec<ProblemKey<'a>> {
        let mut problems: Vec<ProblemKey<'a>> = self.runs.iter().map(|run| of(run)).collect();
        problems.sort_unstable();
        problems.dedup();
        problems
    }

    /// Normalized regrets of a sampler after `trials` trials, by problem, with their seeds.
    pub fn regrets(
        &self,
        sampler: &str,
        trials: usize,
    ) -> BTreeMap<ProblemKey<'a>, Vec<(u64, f64)>> {
        let mut regrets: BTreeMap<ProblemKey<'a>, Vec<(u64, f64)>> = BTreeMap::new();
        for (run, (least, ordinary)) in self.runs.iter().zip(&self.scales) {
            if run.sampler == sampler {
                let regret = normalized(run.best(trials), *least, *ordinary);
                regrets.entry(of(run)).or_default().push((run.seed, regret));
            }
        }
        regrets
    }

    /// Pairs of two samplers' normalized regrets, on the same instance with the same seed, by
    /// problem.
    pub fn pairs(&self, one: &str, other: &str, trials: usize) -> Vec<Vec<(f64, f64)>> {
        let theirs = self.regrets(other, trials);
        let ours = self.regrets(one, trials);
        let by_problem = ours.iter().filter_map(|(problem, ours)| {
            let theirs: BTreeMap<u64, f64> = theirs.get(problem)?.iter().copied().collect();
            let pairs: Vec<(f64, f64)> = ours
                .iter()
                .filter_map(|(seed, regret)| theirs.get(seed).map(|other| (*regret, *other)))
                .collect();
            (!pairs.is_empty()).then_some(pairs)
        });
        by_problem.collect()
    }

    /// The mean rank of each sampler, 1 being the best, over those instances that all of them have
    /// run; equal regrets share their ranks.
    pub fn ranks(&self, trials: usize) -> Vec<f64> {
        let mut instances: BTreeMap<(ProblemKey<'a>, u64), Vec<(usize, f64)>> = BTreeMap::new();
        for (number, sampler) in self.samplers.iter().enumerate() {
            for (problem, regrets) in self.regrets(sampler, trials) {
                for (seed, regret) in regrets {
                    instances.entry((problem, seed)).or_default().push((number, regret));
                }
            }
        }
        let mut sums = vec![0.0; self.samplers.len()];
        let mut count = 0.0;
        for regrets in instances.values().filter(|all| all.len() == self.samplers.len()) {
            count += 1.0;
            for (number, regret) in regrets {
                let better = regrets.iter().filter(|(_, other)| other < regret).count() as f64;
                let equal = regrets.iter().filter(|(_, other)| other == regret).count() as f64;
                sums[*number] += better + (equal + 1.0) / 2.0;
            }
        }
        sums.into_iter().map(|sum| sum / count).collect()
    }

    /// The area under the curve of the mean normalized regret, as a mean over the trials.
    pub fn area(&self, sampler: &str) -> f64 {
        let of_budget = |trials| self.mean(sampler, trials);
        (1..=self.trials).map(of_budget).sum::<f64>() / self.trials as f64
    }

    /// The mean over problems of the mean normalized regret over seeds.
    pub fn mean(&self, sampler: &str, trials: usize) -> f64 {
        let means = self.problem_means(sampler, trials);
        means.iter().sum::<f64>() / means.len() as f64
    }

    /// The mean normalized regret of each problem.
    pub fn problem_means(&self, sampler: &str, trials: usize) -> Vec<f64> {
        let regrets = self.regrets(sampler, trials);
        let mean = |seeds: &Vec<(u64, f64)>| {
            seeds.iter().map(|(_, regret)| regret).sum::<f64>() / seeds.len() as f64
        };
        regrets.values().map(mean).collect()
    }

    /// The median over runs of the seconds of a suggestion.
    pub fn seconds(&self, sampler: &str) -> f64 {
        let of_sampler = self.runs.iter().filter(|run| run.sampler == sampler);
        median(&of_sampler.map(|run| run.seconds).collect::<Vec<_>>())
    }
}

fn of<'a>(run: &'a Run) -> ProblemKey<'a> {
    (&run.suite, &run.problem)
}

fn normalized(best: f64, least: f64, ordinary: f64) -> f64 {
    if best <= least {
        0.0
    } else if best.is_finite() && ordinary > least {
        ((best - least) / (ordinary - least)).min(1.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sampler: &str, seed: u64, losses: &[f64]) -> Run {
        Run {
            suite: String::from("s"),
            problem: String::from("p"),
            dimensions: 1,
            sampler: sampler.to_owned(),
            version: String::new(),
            seed,
            fixed: false,
            optimum: None,
            losses: losses.iter().map(|loss| Some(*loss)).collect(),
            seconds: 0.5,
        }
    }

    #[test]
    fn regrets_are_on_a_scale_of_their_instance() {
        // Seed 1: the least is 0, the ordinary loss is the median of 8, 4, 8, 0, that is 6.
        let runs = [
            run("a", 1, &[8.0, 4.0]),
            run("b", 1, &[8.0, 0.0]),
            run("a", 2, &[700.0, 100.0]),
            run("b", 2, &[700.0, 700.0]),
        ];
        let names = [String::from("a"), String::from("b")];
        let scores = Scores::new(&runs, &names, 2);
        let regrets = &scores.regrets("a", 2)[&("s", "p")];
        assert_eq!(regrets[0], (1, 4.0 / 6.0));
        assert_eq!(regrets[1], (2, 0.0));
        assert_eq!(scores.regrets("a", 1)[&("s", "p")][0].1, 1.0);
        assert_eq!(scores.ranks(2), [1.5, 1.5]);
        assert_eq!(scores.ranks(1), [1.5, 1.5]);
        assert_eq!(scores.pairs("a", "b", 2), [vec![(4.0 / 6.0, 0.0), (0.0, 1.0)]]);
        assert_eq!(scores.seconds("a"), 0.5);
        assert!((scores.area("a") - (1.0 + 2.0 / 6.0) / 2.0).abs() < 1e-12);
    }
}

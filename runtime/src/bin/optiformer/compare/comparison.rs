use std::collections::BTreeSet;

use optiformer::study::{Direction, Objective, Study, Trial, TrialState};
use serde_json::{Value, json};

use super::{
    advice,
    hypervolume::{LossScale, MAX_OBJECTIVES, ScaledTrials},
};
use crate::{
    results::default_trial,
    statistics::{MedianInterval, mann_whitney, median, median_interval, wilcoxon},
    text::jsonable,
};

/// Numbers of trials after which studies are compared, as far as they have them.
const BUDGETS: [usize; 4] = [10, 25, 50, 100];

/// A study to be compared.
pub struct Entry<'a> {
    /// The group that it belongs to.
    pub group: String,
    /// How it is called in messages.
    pub name: String,
    /// The study.
    pub study: &'a Study,
}

/// Groups of studies of one problem, compared after several numbers of trials.
pub struct Comparison {
    /// What the studies are compared by: their best objective, or the hypervolume of the front.
    pub quantity: &'static str,
    /// The direction of this quantity.
    pub direction: Direction,
    /// Whether studies were compared by pairs of equal seeds.
    pub paired: bool,
    /// The groups, the first being the one that the others are compared with.
    pub groups: Vec<Group>,
    /// The comparisons, by the number of trials; the last is after as many as every study has.
    pub rounds: Vec<Round>,
    /// What to make of it.
    pub advice: Vec<String>,
}

/// Studies that belong together.
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its studies.
    pub runs: Vec<Run>,
}

/// What a study came to.
pub struct Run {
    /// How the study is called.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    reached: Reached,
    /// Number of failed trials.
    pub failed: usize,
    /// Loss of the configuration that was given first.
    pub default: Option<f64>,
}

/// What the trials of a study reached.
enum Reached {
    /// The best loss of a feasible trial after each that has ended, infinite before the first.
    Losses(Vec<f64>),
    /// The trials of a study of several objectives.
    Front(ScaledTrials),
}

/// The groups after one number of trials.
pub struct Round {
    /// The number.
    pub trials: usize,
    /// For each group what its studies have reached; `None` where none has that
    /// number of trials.
    pub results: Vec<Option<RoundResult>>,
}

/// A group after a number of trials.
pub struct RoundResult {
    /// Number of its studies with that number of trials.
    pub studies: usize,
    /// The median of their best losses.
    pub median: f64,
    /// An interval of the median.
    pub interval: MedianInterval,
    /// The p-value against the first group; `None` for the first.
    pub p: Option<f64>,
}

impl Run {
    fn of_front(entry: &Entry<'_>, scale: &LossScale) -> Self {
        let trials = entry.study.trials().iter();
        Self {
            name: entry.name.clone(),
            seed: entry.study.seed(),
            reached: Reached::Front(ScaledTrials::new(entry.study, scale)),
            failed: trials.filter(|trial| trial.state == TrialState::Failed).count(),
            default: None,
        }
    }

    fn new(entry: &Entry<'_>) -> Self {
        let study = entry.study;
        let loss = |value: f64| study.direction().loss(value);
        let comparable: BTreeSet<u64> = study.comparable().map(|trial| trial.id).collect();
        let (mut best, mut curve, mut failed) = (f64::INFINITY, Vec::new(), 0);
        for trial in study.trials().iter().filter(|trial| !trial.is_pending()) {
            failed += usize::from(trial.state == TrialState::Failed);
            let counts = trial.is_feasible() && comparable.contains(&trial.id);
            let value = trial.value().filter(|_| counts);
            best = value.map_or(best, |value| best.min(loss(value)));
            curve.push(best);
        }
        Self {
            name: entry.name.clone(),
            seed: study.seed(),
            reached: Reached::Losses(curve),
            failed,
            default: default_trial(study).and_then(Trial::value).map(loss),
        }
    }

    /// Number of trials that are finished or failed.
    pub fn trials(&self) -> usize {
        match &self.reached {
            Reached::Losses(best) => best.len(),
            Reached::Front(trials) => trials.len(),
        }
    }

    /// The best loss after the first `trials` trials, infinite where all of them failed, or of
    /// several objectives the negative hypervolume; `None` where the study has fewer.
    pub fn after(&self, trials: usize) -> Option<f64> {
        match &self.reached {
            Reached::Losses(best) => best.get(trials.checked_sub(1)?).copied(),
            Reached::Front(all) => {
                (1..=all.len()).contains(&trials).then(|| -all.hypervolume(trials))
            }
        }
    }

    /// The best loss.
    pub fn last(&self) -> Option<f64> {
        self.after(self.trials())
    }
}

impl Group {
    /// The best losses of the studies that have at least `trials` trials.
    fn after(&self, trials: usize) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.after(trials)).collect()
    }

    /// The best losses after `trials` trials beside those of another group, by their seeds.
    fn pairs(&self, other: &Self, trials: usize) -> Vec<(f64, f64)> {
        let pair = |run: &Run| {
            let twin = other.runs.iter().find(|twin| twin.seed == run.seed)?;
            Some((run.after(trials)?, twin.after(trials)?))
        };
        self.runs.iter().filter_map(pair).collect()
    }

    fn seeds(&self) -> Vec<u64> {
        let mut seeds: Vec<u64> = self.runs.iter().map(|run| run.seed).collect();
        seeds.sort_unstable();
        seeds
    }
}

impl Comparison {
    /// Compares studies. An error says why they cannot be.
    pub fn new(entries: &[Entry<'_>], paired: bool) -> Result<Self, String> {
        let Some(first) = entries.first() else { return Err("there are no studies".into()) };
        let objectives = first.study.objectives();
        let is_other = |entry: &&Entry<'_>| match (objectives, entry.study.objectives()) {
            // The name of a single objective says nothing.
            ([one], [other]) => one.direction != other.direction,
            (several, others) => several != others,
        };
        if let Some(other) = entries.iter().find(is_other) {
            let (one, two) = (described(objectives), described(other.study.objectives()));
            return Err(format!(
                "{} is to {one}, {} to {two}: these cannot be compared",
                first.name, other.name
            ));
        }
        if objectives.len() > MAX_OBJECTIVES {
            return Err(format!(
                "{} has {} objectives; studies are compared by the hypervolume of at most \
                 {MAX_OBJECTIVES}",
                first.name,
                objectives.len()
            ));
        }
        let scale =
            (objectives.len() > 1).then(|| LossScale::new(entries.iter().map(|entry| entry.study)));
        let mut groups: Vec<Group> = Vec::new();
        for entry in entries {
            let run = match &scale {
                Some(scale) => Run::of_front(entry, scale),
                None => Run::new(entry),
            };
            match groups.iter_mut().find(|group| group.name == entry.group) {
                Some(group) => group.runs.push(run),
                None => groups.push(Group { name: entry.group.clone(), runs: vec![run] }),
            }
        }
        if paired {
            check_pairs(&groups)?;
        }
        let rounds: Vec<Round> =
            budgets(&groups).into_iter().map(|trials| round(&groups, trials, paired)).collect();
        let (quantity, direction) = match scale {
            Some(_) => ("hypervolume", Direction::Maximize),
            None => ("best objective", first.study.direction()),
        };
        let mut comparison =
            Self { quantity, direction, paired, groups, rounds, advice: Vec::new() };
        comparison.advice = advice::sentences(&comparison, entries);
        Ok(comparison)
    }

    /// A loss as an objective.
    pub fn objective(&self, loss: f64) -> f64 {
        self.direction.loss(loss)
    }

    /// The comparison as the object that `--json` prints.
    pub fn to_json(&self) -> Value {
        let number = |loss: f64| jsonable(self.objective(loss));
        let run = |run: &Run| {
            json!({
                "study": run.name,
                "seed": run.seed,
                "trials": run.trials(),
                "failed": run.failed,
                "best": run.last().map(number),
                "default": run.default.map(number),
            })
        };
        let group = |group: &Group| {
            let studies: Vec<Value> = group.runs.iter().map(run).collect();
            json!({"name": group.name, "studies": studies})
        };
        let result = |(group, result): (&Group, &Option<RoundResult>)| {
            let Some(result) = result else { return Value::Null };
            let ends = [result.interval.low, result.interval.high].map(|end| self.objective(end));
            json!({
                "name": group.name,
                "studies": result.studies,
                "median": number(result.median),
                "low": jsonable(ends[0].min(ends[1])),
                "high": jsonable(ends[0].max(ends[1])),
                "coverage": result.interval.coverage,
                "p": result.p,
            })
        };
        let round = |round: &Round| {
            let results = self.groups.iter().zip(&round.results).map(result);
            json!({"trials": round.trials, "groups": results.collect::<Vec<_>>()})
        };
        json!({"comparison": {
            "quantity": self.quantity,
            "direction": self.direction.as_str(),
            "test": if self.paired { "wilcoxon" } else { "mann_whitney" },
            "groups": self.groups.iter().map(group).collect::<Vec<_>>(),
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>(),
            "advice": self.advice,
        }})
    }
}

/// Objectives in words: "minimize", or "minimize error and maximize speed".
fn described(objectives: &[Objective]) -> String {
    let described = objectives.iter().map(|objective| match objective.name.as_str() {
        "" => objective.direction.to_string(),
        name => format!("{} {name}", objective.direction),
    });
    described.collect::<Vec<_>>().join(" and ")
}

fn check_pairs(groups: &[Group]) -> Result<(), String> {
    let first = groups[0].seeds();
    if let Some(pair) = first.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("--paired: \"{}\" has seed {} twice", groups[0].name, pair[0]));
    }
    match groups.iter().find(|group| group.seeds() != first) {
        None => Ok(()),
        Some(group) => {
            Err(format!("--paired: \"{}\" has other seeds than \"{}\"", group.name, groups[0].name))
        }
    }
}

/// The usual numbers of trials that some study of each group has, and the largest that all have.
fn budgets(groups: &[Group]) -> Vec<usize> {
    let most = |group: &Group| group.runs.iter().map(Run::trials).max().unwrap_or(0);
    let reached = groups.iter().map(most).min().unwrap_or(0);
    let common = groups.iter().flat_map(|group| &group.runs).map(Run::trials).min().unwrap_or(0);
    let mut budgets: Vec<usize> =
        BUDGETS.into_iter().filter(|budget| *budget <= reached && *budget < common).collect();
    budgets.extend((common > 0).then_some(common));
    budgets
}

fn round(groups: &[Group], trials: usize, paired: bool) -> Round {
    let first = groups[0].after(trials);
    let result = |(number, group): (usize, &Group)| {
        let losses = group.after(trials);
        let p = if paired {
            wilcoxon(&group.pairs(&groups[0], trials))
        } else {
            mann_whitney(&losses, &first)
        };
        Some(RoundResult {
            studies: losses.len(),
            median: median(&losses),
            interval: median_interval(&losses)?,
            p: (number > 0).then_some(p),
        })
    };
    Round { trials, results: groups.iter().enumerate().map(result).collect() }
}

/// The best trial of a study with the names of the parameters that lie at a bound in it.
pub fn at_bounds(study: &Study) -> Vec<&str> {
    let Some(best) = study.best() else { return Vec::new() };
    let is_at_bound = |trial: &Trial, index: usize| {
        let domain = study.space().parameters()[index].domain();
        let many = domain.levels().is_none_or(|levels| levels > 4);
        trial.configuration.get(index).is_some_and(|value| {
            !domain.is_categorical()
                && many
                && [0.0, 1.0].iter().any(|end| domain.from_unit(*end) == value)
        })
    };
    let parameters = study.space().parameters().iter().enumerate();
    parameters.filter(|it| is_at_bound(best, it.0)).map(|it| it.1.name()).collect()
}

//! A study as the report's charts and tables see it.

use std::path::Path;

use optiformer::{
    space::Space,
    study::{Direction, JournalSnapshot, Study, Trial, TrialState},
    trial::Observation,
};

/// Number of steps of the color scale, from the best to the worst.
pub const SHADES: usize = 10;

/// A study file.
pub struct StudyFile {
    /// The file's name without its extension.
    pub name: String,
    snapshot: JournalSnapshot,
}

/// A study with what several charts of one of its objectives need.
pub struct StudyData<'a> {
    /// The file's name without its extension.
    pub name: &'a str,
    snapshot: &'a JournalSnapshot,
    objective: usize,
    /// Position of the best trial.
    best: Option<usize>,
    /// For each trial its shade, by its rank among the feasible ones; `None` for the others.
    shades: Vec<Option<usize>>,
}

impl StudyFile {
    /// What was read from the file at `path`.
    pub fn new(path: &Path, snapshot: JournalSnapshot) -> Self {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { name, snapshot }
    }

    /// The study in view of each of its objectives.
    pub fn views(&self) -> Vec<StudyData<'_>> {
        let objectives = self.snapshot.study().objectives().len();
        (0..objectives).map(|objective| self.view(objective)).collect()
    }

    /// The study in view of an objective.
    pub fn view(&self, objective: usize) -> StudyData<'_> {
        let mut data = StudyData {
            name: &self.name,
            snapshot: &self.snapshot,
            objective,
            best: None,
            shades: Vec::new(),
        };
        data.best = data.find_best();
        data.shades = data.find_shades();
        data
    }
}

impl<'a> StudyData<'a> {
    /// The study's best trial, or of several objectives the feasible one that is best in this.
    fn find_best(&self) -> Option<usize> {
        if let Some(best) = self.study().best() {
            return self.trials().iter().position(|trial| trial.id == best.id);
        }
        self.improvements().last().map(|it| it.0)
    }

    /// Shades by rank; equal objectives have the same.
    fn find_shades(&self) -> Vec<Option<usize>> {
        let loss = |trial: &Trial| {
            let value = self.value(trial).filter(|_| trial.is_feasible());
            value.map(|value| self.direction().loss(value))
        };
        let mut sorted: Vec<f64> = self.trials().iter().filter_map(loss).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let shade = |loss: f64| {
            let better = sorted.partition_point(|other| *other < loss);
            (better * SHADES / sorted.len()).min(SHADES - 1)
        };
        self.trials().iter().map(|trial| loss(trial).map(shade)).collect()
    }

    /// The file.
    pub fn snapshot(&self) -> &'a JournalSnapshot {
        self.snapshot
    }

    /// The study.
    pub fn study(&self) -> &'a Study {
        self.snapshot.study()
    }

    /// The search space.
    pub fn space(&self) -> &'a Space {
        self.snapshot.space()
    }

    /// The direction of the objective.
    pub fn direction(&self) -> Direction {
        self.study().objectives()[self.objective].direction
    }

    /// The name of the objective.
    pub fn objective_name(&self) -> &'a str {
        match self.study().objectives()[self.objective].name.as_str() {
            // What the objective of a study without names is called.
            "value" => "objective",
            name => name,
        }
    }

    /// The objective of a trial.
    pub fn value(&self, trial: &Trial) -> Option<f64> {
        trial.objectives.get(self.objective).copied()
    }

    /// Whether smaller objectives are better.
    pub fn smaller_is_better(&self) -> bool {
        self.direction() == Direction::Minimize
    }

    /// The trials.
    pub fn trials(&self) -> &'a [Trial] {
        self.study().trials()
    }

    /// Number of the last trial.
    pub fn last_id(&self) -> u64 {
        self.trials().last().map_or(0, |trial| trial.id)
    }

    /// The best trial with its objective.
    pub fn best(&self) -> Option<(&'a Trial, f64)> {
        let trial = &self.trials()[self.best?];
        Some((trial, self.value(trial)?))
    }

    /// Positions of the trials with an objective, with it.
    pub fn finished(&self) -> impl Iterator<Item = (usize, f64)> {
        let value = |(position, trial): (usize, &Trial)| Some((position, self.value(trial)?));
        self.trials().iter().enumerate().filter_map(value)
    }

    /// Positions of the trials in a state.
    pub fn in_state(&self, state: TrialState) -> impl Iterator<Item = usize> {
        let of_state = move |it: &(usize, &Trial)| it.1.state == state;
        self.trials().iter().enumerate().filter(of_state).map(|it| it.0)
    }

    /// The objectives.
    pub fn values(&self) -> Vec<f64> {
        self.finished().map(|it| it.1).collect()
    }

    /// Shade of a trial, 0 for the best; `None` for one that is not feasible or has no objective.
    pub fn shade(&self, position: usize) -> Option<usize> {
        self.shades[position]
    }

    /// Class of a trial's dot.
    pub fn dot_class(&self, position: usize) -> String {
        match self.shade(position) {
            Some(shade) => format!("dot v{shade}"),
            None => "dot infeasible".to_string(),
        }
    }

    /// The feasible trials that improved on all before them, with their objectives.
    pub fn improvements(&self) -> Vec<(usize, f64)> {
        let mut improvements: Vec<(usize, f64)> = Vec::new();
        for (position, value) in self.finished() {
            let best = improvements.last().map(|it| it.1);
            if self.trials()[position].is_feasible()
                && best.is_none_or(|best| self.direction().is_better(value, best))
            {
                improvements.push((position, value));
            }
        }
        improvements
    }

    /// At most about `limit` of the finished trials: the improvements, the best, and an even
    /// selection of the rest.
    pub fn selection(&self, limit: usize) -> Vec<(usize, f64)> {
        let all: Vec<(usize, f64)> = self.finished().collect();
        if all.len() <= limit {
            return all;
        }
        let mut by_loss: Vec<usize> = (0..all.len()).collect();
        let loss = |index: &usize| self.direction().loss(all[*index].1);
        by_loss.sort_by(|one, other| loss(one).total_cmp(&loss(other)));
        let mut chosen: Vec<usize> = by_loss[..limit / 3].to_vec();
        let rest = limit - limit / 3;
        chosen.extend((0..rest).map(|index| index * all.len() / rest));
        let improvements = self.improvements();
        let mut selection: Vec<(usize, f64)> = chosen.into_iter().map(|index| all[index]).collect();
        selection.extend(improvements.iter().rev().take(limit / 3));
        selection.sort_unstable_by_key(|it| it.0);
        selection.dedup_by_key(|it| it.0);
        selection
    }

    /// The trials as samplers see them.
    pub fn history(&self) -> Vec<Observation> {
        let observation = |trial: &Trial| {
            let loss = self.value(trial).map(|value| self.direction().loss(value));
            Observation::new(trial.configuration.clone(), loss)
        };
        let ended =
            |trial: &&Trial| matches!(trial.state, TrialState::Finished | TrialState::Failed);
        self.trials().iter().filter(ended).map(observation).collect()
    }
}

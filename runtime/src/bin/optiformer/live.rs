//! The live view of a study on a terminal: running programs, the best configuration so far, and a
//! bar.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use optiformer::study::{Study, Trial};

use crate::{output::short, plot};

/// Number of running programs that have a line.
const MAX_LINES: u64 = 8;
/// Letters of the curve of the best so far.
const SPARKLINE: usize = 16;
/// Period of the spinners.
const TICK: Duration = Duration::from_millis(200);

/// Lines at the bottom of the terminal, which are drawn over themselves.
#[derive(Debug)]
pub struct LiveView {
    area: MultiProgress,
    /// A line for each program that may run at a time.
    programs: Vec<ProgramLine>,
    best: ProgressBar,
    bar: ProgressBar,
}

/// The line of a running program; empty where none runs.
#[derive(Debug)]
struct ProgramLine {
    bar: ProgressBar,
    trial: Option<u64>,
    configuration: String,
}

impl LiveView {
    /// An empty view in `area`. `total` is the number of trials in the end, where it is known, of
    /// which `before` are finished.
    pub fn new(area: MultiProgress, jobs: u64, total: Option<u64>, before: u64) -> Self {
        let line = |_| ProgramLine {
            bar: area.add(ProgressBar::no_length().with_style(style(""))),
            trial: None,
            configuration: String::new(),
        };
        let programs = (0..jobs.clamp(1, MAX_LINES)).map(line).collect();
        let best = area.add(ProgressBar::no_length().with_style(style("{wide_msg:.green}")));
        let bar = match total {
            Some(total) => ProgressBar::new(total.max(before))
                .with_style(style("{bar:24.cyan/blue} {pos}/{len} {wide_msg}")),
            None => ProgressBar::no_length().with_style(style("{spinner} {pos} {wide_msg}")),
        };
        let bar = area.add(bar);
        bar.set_position(before);
        bar.enable_steady_tick(TICK);
        Self { area, programs, best, bar }
    }

    /// Shows that the program of a trial runs.
    pub fn started(&mut self, study: &Study, trial: &Trial) {
        let shows = |id| move |line: &ProgramLine| line.trial == id;
        // A program that is retried has a line.
        let place = self.programs.iter().position(shows(Some(trial.id)));
        let place = place.or_else(|| self.programs.iter().position(shows(None)));
        let Some(line) = place.map(|place| &mut self.programs[place]) else { return };
        line.trial = Some(trial.id);
        line.configuration = configuration(study, trial);
        line.bar.set_style(style("{spinner:.cyan} trial {prefix}, {elapsed}: {wide_msg}"));
        line.bar.set_prefix(trial.id.to_string());
        line.bar.set_message(line.configuration.clone());
        line.bar.reset_elapsed();
        line.bar.enable_steady_tick(TICK);
    }

    /// Shows an intermediate value of a trial.
    pub fn reported(&self, id: u64, step: u64, value: f64) {
        if let Some(line) = self.programs.iter().find(|line| line.trial == Some(id)) {
            let (value, configuration) = (short(value), &line.configuration);
            line.bar.set_message(format!("step {step}: {value} · {configuration}"));
        }
    }

    /// Shows that a trial has ended, as `result` says; `done` trials of the study are finished now.
    pub fn finished(&mut self, study: &Study, trial: &Trial, result: &str, done: u64, left: &str) {
        if let Some(line) = self.programs.iter_mut().find(|line| line.trial == Some(trial.id)) {
            line.trial = None;
            line.bar.disable_steady_tick();
            line.bar.set_style(style(""));
            line.bar.tick();
        }
        self.best.set_message(best(study));
        self.bar.set_position(done);
        self.bar.set_message(format!("trial {}: {result}{left}", trial.id));
    }

    /// Prints a line above the view.
    pub fn note(&self, message: &str) {
        let _ = self.area.println(message);
    }

    /// Removes the view.
    pub fn close(self) {
        let lines = self.programs.iter().map(|line| &line.bar);
        for bar in lines.chain([&self.best, &self.bar]) {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The best trial so far in a line, or how many trials the Pareto front has.
fn best(study: &Study) -> String {
    if study.objectives().len() > 1 {
        return format!("Pareto front of {} trials", study.pareto_front().len());
    }
    let Some(trial) = study.best() else { return String::from("best: none so far") };
    if !trial.is_feasible() {
        return String::from("best: none that is feasible so far");
    }
    let (value, curve) =
        (trial.value().map_or(String::new(), short), plot::sparkline(study, SPARKLINE));
    let space = if curve.is_empty() { "" } else { " " };
    format!("best: {value}{space}{curve} trial {}: {}", trial.id, configuration(study, trial))
}

/// The values of the active parameters in a line.
fn configuration(study: &Study, trial: &Trial) -> String {
    let parameters = study.space().parameters().iter().enumerate();
    let values = parameters.filter_map(|(index, parameter)| {
        let value = trial.configuration.get(index)?;
        let is_choice = parameter.domain().is_categorical();
        let text = if is_choice { parameter.format(value) } else { short(value) };
        Some(format!("{}={text}", parameter.name()))
    });
    values.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget};
    use optiformer::{
        samplers::RandomSampler,
        space::{Parameter, Space},
        study::{Direction, Outcome},
    };

    use super::*;

    #[test]
    fn the_view_shows_programs_the_best_and_how_many_are_done() {
        let terminal = InMemoryTerm::new(10, 78);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut view = LiveView::new(MultiProgress::with_draw_target(target), 2, Some(5), 1);
        let space = Space::new(vec![
            Parameter::int("units", 4, 4000),
            Parameter::categorical("kind", ["sgd", "adam"]),
        ]);
        let mut study = Study::new(space.unwrap(), Direction::Minimize, Box::new(RandomSampler), 1);
        let trials: Vec<Trial> = (0..3).map(|_| study.ask().unwrap()).collect();
        for trial in &trials {
            view.started(&study, trial);
        }
        view.reported(1, 3, 0.123_456_789);
        let shown = terminal.contents();
        let units = trials[1].configuration.get(0).unwrap();
        assert!(shown.contains(&format!("step 3: 0.123457 · units={units} kind=")), "{shown}");
        assert!(shown.contains("trial 0, ") && !shown.contains("trial 2"), "{shown}");
        for (id, value) in [(0, 0.5), (1, 0.25)] {
            study.tell(id, Outcome::Value(value)).unwrap();
            let trial = study.trial(id).unwrap().clone();
            view.finished(&study, &trial, "told", id + 2, " · 2 s left");
        }
        view.bar.tick();
        let shown = terminal.contents();
        assert!(shown.contains(&format!("best: 0.25 █▁ trial 1: units={units}")), "{shown}");
        assert!(shown.contains("3/5 trial 1: told · 2 s left"), "{shown}");
        view.note("a note");
        view.close();
        assert_eq!(terminal.contents(), "a note");
    }
}

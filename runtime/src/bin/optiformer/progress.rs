//! Progress on standard error.

use std::{
    io::{self, IsTerminal},
    time::Instant,
};

use indicatif::MultiProgress;
use optiformer::study::{Study, Trial, TrialState};

use crate::{
    arguments::TuneOptions,
    live::LiveView,
    output::{duration, print_error, short},
};

/// Shows trials as they finish.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    start: Instant,
    /// Number of trials before this run.
    before: u64,
    /// Number of trials in the end, where it is known.
    total: Option<u64>,
    /// The latest failed trial whose message was shown in full, and that message.
    failure: Option<(u64, String)>,
}

#[derive(Debug)]
enum Style {
    Live(LiveView),
    Lines,
    Silent,
}

impl Progress {
    /// Shows a live view on a terminal, else lines; nothing with `--quiet` or `--json`.
    pub fn new(options: &TuneOptions, total: Option<u64>, before: u64) -> Self {
        // The view moves the cursor, which a dumb terminal cannot.
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = io::stderr().is_terminal() && !is_dumb;
        let style = if options.quiet || (options.json && !terminal) {
            Style::Silent
        } else if terminal && !options.verbose {
            let jobs = options.jobs;
            Style::Live(LiveView::new(MultiProgress::new(), jobs, total, before))
        } else {
            Style::Lines
        };
        Self { style, start: Instant::now(), before, total, failure: None }
    }

    /// Reports that the program of a trial was started.
    pub fn started(&mut self, study: &Study, trial: &Trial) {
        if let Style::Live(view) = &mut self.style {
            view.started(study, trial);
        }
    }

    /// Reports an intermediate value of a trial.
    pub fn reported(&self, id: u64, step: u64, value: f64) {
        if let Style::Live(view) = &self.style {
            view.reported(id, step, value);
        }
    }

    /// Reports a finished trial; `done` trials of the study are finished now.
    pub fn finished(&mut self, study: &Study, trial: &Trial, stderr_tail: &str, done: u64) {
        let result = result(trial);
        let best = best(study);
        let each =
            self.start.elapsed().as_secs_f64() / done.saturating_sub(self.before).max(1) as f64;
        let left = self.total.map_or(String::new(), |total| {
            format!(" · {} left", duration(each * total.saturating_sub(done) as f64))
        });
        let place = self.total.map_or(format!("{done}"), |total| format!("{done}/{total}"));
        let id = trial.id;
        let message = message(&mut self.failure, trial, stderr_tail);
        match &mut self.style {
            Style::Live(view) => {
                if trial.state == TrialState::Failed {
                    view.note(&format!("trial {id}: {result}{message}"));
                }
                view.finished(study, trial, &result, done, &left);
            }
            Style::Lines => {
                print_error(&format!("trial {id} ({place}): {result} · best {best}{left}{message}"))
            }
            Style::Silent => {}
        }
    }

    /// Prints a note.
    pub fn note(&self, message: &str) {
        match &self.style {
            Style::Live(view) => view.note(message),
            Style::Lines => print_error(message),
            Style::Silent => {}
        }
    }

    /// Removes the view.
    pub fn close(self) {
        if let Style::Live(view) = self.style {
            view.close();
        }
    }
}

/// The last lines that a trial's program wrote to standard error. `latest` is the latest failed
/// trial that was shown with its lines; another with the same lines refers to it.
fn message(latest: &mut Option<(u64, String)>, trial: &Trial, stderr_tail: &str) -> String {
    let lines: String = stderr_tail.lines().map(|line| format!("\n    {line}")).collect();
    if trial.state != TrialState::Failed || lines.is_empty() {
        return lines;
    }
    match latest {
        Some((first, shown)) if *shown == lines => format!(" · same message as trial {first}"),
        _ => {
            *latest = Some((trial.id, lines.clone()));
            lines
        }
    }
}

/// The result of a trial in a few words.
fn result(trial: &Trial) -> String {
    let mut text =
        trial.objectives.iter().map(|value| short(*value)).collect::<Vec<_>>().join(", ");
    match (trial.state, &trial.reason) {
        (TrialState::Finished | TrialState::Pending, _) => {}
        (TrialState::Pruned, _) => text = "pruned".to_string(),
        (TrialState::Failed, Some(reason)) => text = format!("failed: {reason}"),
        (TrialState::Failed, None) => text = "failed".to_string(),
    }
    if trial.state == TrialState::Finished && !trial.is_feasible() {
        text += " (infeasible)";
    }
    text
}

/// The best objective so far, or how many trials the Pareto front has.
fn best(study: &Study) -> String {
    if study.objectives().len() > 1 {
        return format!("front of {}", study.pareto_front().len());
    }
    match study.best() {
        Some(trial) if !trial.is_feasible() => "none feasible".to_string(),
        Some(trial) => trial.value().map_or("none".to_string(), short),
        None => "none".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use optiformer::{
        samplers,
        space::{Parameter, Space},
        study::{Direction, Study},
    };

    use super::message;

    #[test]
    fn a_failure_that_repeats_the_one_before_is_not_shown_again() {
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let sampler = samplers::by_name("random").unwrap();
        let mut study = Study::new(space, Direction::Minimize, sampler, 0);
        for id in 0..5 {
            study.ask().unwrap();
            if id < 4 {
                study.fail(id, "exit status 1").unwrap()
            } else {
                study.tell(id, 1.0).unwrap()
            }
        }
        let mut latest = None;
        let mut shown = |id: usize, text| message(&mut latest, &study.trials()[id], text);
        assert_eq!(shown(0, "no file\nstop"), "\n    no file\n    stop");
        assert_eq!(shown(1, "no file\nstop"), " · same message as trial 0");
        assert_eq!(shown(2, "no memory"), "\n    no memory");
        assert_eq!(shown(3, "no file\nstop"), "\n    no file\n    stop");
        assert_eq!(shown(3, ""), "");
        assert_eq!(shown(4, "no file\nstop"), "\n    no file\n    stop");
    }
}

//! `optiformer minimize` and `optiformer maximize`.

use std::{path::Path, sync::mpsc, thread};

use optiformer::{
    ErrorKind,
    space::{Configuration, Space},
    study::{Direction, Outcome, StoredStudy, Study, Trial},
};
use serde_json::json;

use crate::{
    ExitState, Failure,
    arguments::{StudyOptions, TuneOptions},
    candidates,
    child::{self, RunResult},
    output,
    progress::Progress,
    sampler, stop,
    template::Template,
};

/// Reads a search space from a file.
pub fn read_space(path: &Path) -> Result<Space, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Error(format!("{}: {error}", path.display())))?;
    Space::from_json(&text).map_err(|error| Failure::Error(format!("{}: {error}", path.display())))
}

/// Opens the study that the options describe.
pub fn open_study(
    options: &StudyOptions,
    space: Space,
    direction: Direction,
) -> Result<StoredStudy, Failure> {
    let (sampler, seed) = sampler::choose(options)?;
    let candidates = match &options.candidates {
        Some(path) => Some(candidates::read(path, &space)?),
        None => None,
    };
    let mut study = match &options.study {
        Some(path) => StoredStudy::open(path, space, direction, sampler, seed)?,
        None => StoredStudy::in_memory(Study::new(space, direction, sampler, seed)),
    };
    if let Some(candidates) = candidates {
        // Says now whether the sampler can choose among given candidates at all.
        study.choose(&candidates[..1])?;
        study.set_candidates(candidates)?;
    }
    Ok(study)
}

/// Optimizes a program's parameters.
pub fn run(options: &TuneOptions, direction: Direction) -> Result<ExitState, Failure> {
    let space = read_space(&options.study.space)?;
    let template = Template::new(&space, &options.program).map_err(Failure::Usage)?;
    let points = options
        .enqueue
        .iter()
        .map(|text| known_point(&space, text))
        .collect::<Result<Vec<_>, _>>()?;
    stop::listen().map_err(Failure::Error)?;
    let mut study = open_study(&options.study, space, direction)?;
    for point in points {
        // Repeating a command to continue a study does not enqueue its points again.
        let known = study.study().trials().iter().any(|trial| trial.configuration == point)
            || study.study().queue().any(|waiting| *waiting == point);
        if !known {
            study.enqueue(point)?;
        }
    }
    let progress = Progress::new(options, done(study.study()));
    if let Some(note) = study.note() {
        progress.note(&format!("note: {note}"));
    }
    for name in template.unused(study.study().space()) {
        progress.note(&format!("warning: no argument uses the parameter \"{name}\""));
    }
    let mut tuning = Tuning { options, template, study, progress };
    let result = tuning.work();
    let Tuning { study, progress, .. } = tuning;
    progress.close();
    let study = study.study();
    let ending = result?;
    if options.quiet {
        output::print(&output::best_json(study).to_string())?;
    } else if options.json {
        output::print(&output::summary_json(study, study.sampler_name(), ending).to_string())?;
    } else {
        output::print(&output::report(study))?;
    }
    Ok(ending)
}

fn known_point(space: &Space, text: &str) -> Result<Configuration, Failure> {
    let wrong = |what: String| Failure::Usage(format!("--enqueue '{text}': {what}"));
    let object: serde_json::Map<_, _> =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    space.configuration_from_json(&object).map_err(|error| wrong(error.to_string()))
}

/// Number of trials that are finished or failed.
fn done(study: &Study) -> u64 {
    study.trials().iter().filter(|trial| !trial.is_pending()).count() as u64
}

struct Tuning<'a> {
    options: &'a TuneOptions,
    template: Template,
    study: StoredStudy,
    progress: Progress,
}

impl Tuning<'_> {
    /// Runs programs until the study is complete or must stop.
    fn work(&mut self) -> Result<ExitState, Failure> {
        let (sender, results) = mpsc::channel();
        let mut running = 0;
        let mut exhausted = false;
        let mut failure = None;
        loop {
            while failure.is_none()
                && !exhausted
                && !stop::requested()
                && running < self.options.jobs
                && done(self.study.study()) + running < self.options.trials
            {
                match self.study.ask() {
                    Ok(trial) => {
                        self.start(trial, sender.clone());
                        running += 1;
                    }
                    Err(error) if error.kind() == ErrorKind::Exhausted => {
                        self.progress.note(&format!("note: {error}; no further trials"));
                        exhausted = true;
                    }
                    Err(error) => failure = Some(Failure::from(error)),
                }
            }
            if running == 0 {
                break;
            }
            if failure.is_some() {
                stop::request();
            }
            // Every thread sends once, and this end keeps a sender, so `recv` returns.
            let Ok((id, result)) = results.recv() else { break };
            running -= 1;
            if let Err(error) = self.take(id, result) {
                failure.get_or_insert(error);
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if stop::requested() && done(self.study.study()) < self.options.trials => {
                Ok(ExitState::Interrupted)
            }
            None if self.study.study().best().is_none() => Ok(ExitState::AllFailed),
            None => Ok(ExitState::Success),
        }
    }

    fn start(&self, trial: Trial, sender: mpsc::Sender<(u64, RunResult)>) {
        let arguments = self.template.fill(self.study.study().space(), &trial.configuration);
        let (timeout, verbose) = (self.options.timeout, self.options.verbose);
        thread::spawn(move || {
            let result = child::run(&arguments, timeout, verbose);
            let _ = sender.send((trial.id, result));
        });
    }

    /// Records a result in the study and reports it.
    fn take(&mut self, id: u64, result: RunResult) -> Result<(), Failure> {
        let mut stderr_tail = String::new();
        match result {
            // The trial stays pending and is offered again when the study continues.
            RunResult::Stopped => return Ok(()),
            RunResult::SpawnFailed(what) if !self.template.varies_program() => {
                return Err(Failure::Error(what));
            }
            RunResult::SpawnFailed(reason) => self.study.fail(id, reason)?,
            RunResult::Value(value) => self.study.tell(id, Outcome::Value(value))?,
            RunResult::Failed { reason, stderr_tail: lines } => {
                stderr_tail = lines;
                self.study.fail(id, reason)?;
            }
        }
        let study = self.study.study();
        let Some(trial) = study.trial(id) else { return Ok(()) };
        if !self.options.verbose {
            self.progress.finished(study, trial, &stderr_tail, done(study));
        } else {
            self.progress.finished(study, trial, "", done(study));
        }
        if self.options.json {
            let best = study.best().and_then(Trial::value);
            let line = json!({"trial": study.trial_to_json(trial), "best": best});
            output::print(&line.to_string())?;
        }
        Ok(())
    }
}

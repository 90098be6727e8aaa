//! `optiformer minimize` and `optiformer maximize`.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use optiformer::{
    Error, ErrorKind,
    space::{Configuration, Space},
    study::{Direction, Objective, Outcome, StoredStudy, Study, Trial, TrialOrigin},
};
use serde_json::json;

use crate::{
    ExitState, Failure,
    arguments::{StudyOptions, TuneOptions},
    candidates,
    child::{self, Limits, RunResult, Watch},
    enqueue, output,
    progress::Progress,
    repeats, results, sampler, stop,
    template::{Template, TrialIds},
};

/// Reads a search space from a file.
pub fn read_space(path: &Path) -> Result<Space, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Error(format!("{}: {error}", path.display())))?;
    Space::from_json(&text).map_err(|error| Failure::Error(format!("{}: {error}", path.display())))
}

/// Opens the study that the options describe, with these constraints, and enqueues `first`, and
/// what the options say is to be tried first, where the study does not have it.
pub fn open_study(
    options: &StudyOptions,
    space: Space,
    direction: Direction,
    constraints: &[String],
    mut first: Vec<Configuration>,
) -> Result<StoredStudy, Failure> {
    let sampler::Choice { sampler, pruner, seed } = sampler::choose(options)?;
    for path in &options.enqueue_file {
        first.extend(enqueue::read_file(&space, path)?);
    }
    let candidates = match &options.candidates {
        Some(path) => Some(candidates::read(path, &space)?),
        None => None,
    };
    if let Some(count) = options.extremes {
        let count = count as usize;
        first.extend(match &candidates {
            Some(candidates) => {
                let chosen = space.extremes_among(candidates, count, seed);
                chosen.into_iter().map(|index| candidates[index].clone()).collect()
            }
            None => space.extremes(count, seed),
        });
    }
    let study = Study::new(space, direction, sampler, seed);
    let study = with_measurements(study, options, constraints)?;
    let study = match pruner {
        Some(pruner) => study
            .with_pruner(pruner)
            .map_err(|error| Failure::Usage(format!("--pruner: {}", error.context())))?,
        None => study,
    };
    let mut study = match &options.study {
        Some(path) if options.allow_change => StoredStudy::open_changed(path, study)?,
        Some(path) => StoredStudy::open_as(path, study).map_err(with_way_on)?,
        None => StoredStudy::in_memory(study),
    };
    if let Some(candidates) = candidates {
        // Says now whether the sampler can choose among given candidates at all.
        study.choose(&candidates[..1])?;
        study.set_candidates(candidates)?;
    }
    enqueue::enqueue_new(&mut study, first)?;
    Ok(study)
}

/// An error of opening a study file, with what the user can do about it.
fn with_way_on(error: Error) -> Failure {
    let text = error.to_string();
    if error.kind() == ErrorKind::InvalidJournal && text.contains("another study") {
        return Failure::Error(format!(
            "{text} (--allow-change goes on with another sampler, wider bounds or more choices)"
        ));
    }
    error.into()
}

/// The study with the objectives of the options and these constraints.
fn with_measurements(
    study: Study,
    options: &StudyOptions,
    constraints: &[String],
) -> Result<Study, Failure> {
    let usage = |error: Error| Failure::Usage(error.context().to_string());
    let objectives = options.objective.iter().map(|text| objective(text, study.direction()));
    let objectives: Vec<Objective> = objectives.collect();
    let study = study.with_constraints(constraints.to_vec()).map_err(usage)?;
    if objectives.is_empty() {
        return Ok(study);
    }
    study.with_objectives(objectives).map_err(usage)
}

/// The objective that `NAME`, `NAME:min` or `NAME:max` stands for.
fn objective(text: &str, direction: Direction) -> Objective {
    match text.rsplit_once(':') {
        Some((name, "min" | "minimize")) => Objective::minimize(name),
        Some((name, "max" | "maximize")) => Objective::maximize(name),
        _ if direction == Direction::Minimize => Objective::minimize(text),
        _ => Objective::maximize(text),
    }
}

/// Optimizes a program's parameters.
pub fn run(options: &TuneOptions, direction: Direction) -> Result<ExitState, Failure> {
    stop::listen().map_err(Failure::Error)?;
    if options.repeats > 1 {
        return repeats::run(options, direction);
    }
    let (ending, study) = tune(options, direction, None)?;
    let study = study.study();
    if options.quiet {
        output::print(&output::best_json(study).to_string())?;
    } else if options.json {
        output::print(&output::summary_json(study, study.sampler_name(), ending).to_string())?;
    } else {
        output::print(&output::report(study))?;
    }
    Ok(ending)
}

/// Runs one study to its end; `title` says which, where there are several.
pub fn tune(
    options: &TuneOptions,
    direction: Direction,
    title: Option<&str>,
) -> Result<(ExitState, StoredStudy), Failure> {
    let space = read_space(&options.study.space)?;
    let template = Template::new(&space, &options.program).map_err(Failure::Usage)?;
    let points =
        options.enqueue.iter().map(|text| partial_configuration(&space, text, "--enqueue"));
    let points = points.collect::<Result<Vec<_>, _>>()?;
    check_end(options)?;
    let start = Instant::now();
    let modeled = if options.penalty { &[][..] } else { &options.study.constraint[..] };
    let study = open_study(&options.study, space, direction, modeled, points)?;
    let end = End::new(options, study.study())?;
    let progress = Progress::new(options, end.total, done(study.study()));
    if let Some(title) = title {
        progress.note(title);
    }
    if let Some(note) = study.note() {
        progress.note(&format!("note: {note}"));
    }
    if let Some(note) = &end.note {
        progress.note(note);
    }
    if let Some(note) = nothing_left(study.study(), &end) {
        progress.note(&note);
    }
    for name in template.unused(study.study().space()) {
        progress.note(&format!("warning: no argument uses the parameter \"{name}\""));
    }
    let mut tuning = Tuning { options, template, study, progress, end, runs: HashMap::new() };
    let result = tuning.work();
    let Tuning { study, progress, .. } = tuning;
    progress.close();
    if result.is_err() && !options.quiet && !options.json && done(study.study()) > 0 {
        // Whatever went wrong, what was found so far is worth its time.
        output::print_error(&output::report(study.study()));
    }
    if let Some(folder) = &options.output {
        results::write(folder, study.study(), options, start)?;
    }
    Ok((result?, study))
}

/// That the study has its trials already, where it has.
fn nothing_left(study: &Study, end: &End) -> Option<String> {
    let (done, wanted) = (done(study), end.trials?);
    if done < wanted {
        return None;
    }
    let failed = output::counts(study).failed as u64 == done;
    let hint = if failed { ", all of which failed" } else { "" };
    Some(format!(
        "note: the study file has {done} trials{hint}; a higher --trials goes on, another \
         --study begins again"
    ))
}

/// The configuration, some values of which may be missing, in the text of an option.
pub fn partial_configuration(
    space: &Space,
    text: &str,
    option: &str,
) -> Result<Configuration, Failure> {
    enqueue::parse(space, text).map_err(|what| Failure::Usage(format!("{option} '{text}': {what}")))
}

/// Whether a study of the grid has as many trials in the end as the grid has points: none is
/// forbidden, and none is tried that may lie between them.
fn is_pure_grid(study: &Study) -> bool {
    study.space().forbidden().next().is_none()
        && study.queue().next().is_none()
        && study.trials().iter().all(|trial| trial.origin == TrialOrigin::Asked)
}

/// Number of trials that are finished or failed.
fn done(study: &Study) -> u64 {
    study.trials().iter().filter(|trial| !trial.is_pending()).count() as u64
}

/// What the thread of a program sends.
enum Message {
    /// An intermediate value of a trial.
    Step { id: u64, step: u64, value: f64 },
    /// The end of a trial's program.
    End { id: u64, result: RunResult },
}

/// Checks that something ends the study.
fn check_end(options: &TuneOptions) -> Result<(), Failure> {
    let ends =
        options.trials.is_some() || options.budget.is_some() || options.study.candidates.is_some();
    if ends || sampler::is_grid(&sampler::name(&options.study)?) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "--trials N is needed: nothing else ends the study (--budget, --candidates or the sampler \
         {} would)",
        sampler::GRID
    )))
}

/// When a run ends by itself.
struct End {
    /// How many trials the options ask for.
    trials: Option<u64>,
    /// How many trials the study has then, where that is known.
    total: Option<u64>,
    /// When the last trial may start.
    deadline: Option<Instant>,
    /// What is worth knowing about it.
    note: Option<String>,
}

impl End {
    fn new(options: &TuneOptions, study: &Study) -> Result<Self, Failure> {
        let name = study.sampler_spec();
        let size = match sampler::is_grid(name) {
            true => Some(sampler::grid(name, &options.study)?.size(study.space())?),
            false => None,
        };
        Ok(Self {
            trials: options.trials,
            total: options.trials.into_iter().chain(size.filter(|_| is_pure_grid(study))).min(),
            deadline: options.budget.and_then(|budget| Instant::now().checked_add(budget)),
            note: size.map(|size| format!("note: the grid has {size} points")),
        })
    }

    /// Whether the time is over.
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether this many trials are fewer than the study is to have.
    fn wants_more_than(&self, trials: u64) -> bool {
        self.trials.is_none_or(|wanted| trials < wanted)
    }
}

struct Tuning<'a> {
    options: &'a TuneOptions,
    template: Template,
    study: StoredStudy,
    progress: Progress,
    end: End,
    /// The pending trials whose programs run.
    runs: HashMap<u64, Run>,
}

/// A trial whose program runs.
#[derive(Default)]
struct Run {
    /// Number of runs that failed before this one.
    failures: u32,
    /// The trial had intermediate values when the program was started, which repeats them.
    is_repeated: bool,
    /// Set to end the program early: the trial is pruned, whatever else the program says.
    ended_early: Arc<AtomicBool>,
}

impl Tuning<'_> {
    /// Runs programs until the study is complete or must stop.
    fn work(&mut self) -> Result<ExitState, Failure> {
        let (sender, results) = mpsc::channel();
        let mut running = 0;
        // Nothing more is to be started.
        let mut exhausted = false;
        let mut failure = None;
        loop {
            while failure.is_none()
                && !exhausted
                && !stop::requested()
                && running < self.options.jobs
                && !self.has_reached_target()
                && self.end.wants_more_than(done(self.study.study()) + running)
            {
                if self.end.is_over() {
                    self.progress.note("note: the time budget is spent; no further trials");
                    exhausted = true;
                    break;
                }
                match self.study.ask() {
                    Ok(trial) => {
                        self.start(trial.id, sender.clone());
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
            // Every thread sends its end once, and this end keeps a sender, so `recv` returns.
            let Ok(message) = results.recv() else { break };
            let taken = match message {
                Message::Step { id, step, value } => self.report(id, step, value),
                Message::End { id, result } if self.retries(id, &result) => {
                    self.start(id, sender.clone());
                    Ok(())
                }
                Message::End { id, result } => {
                    running -= 1;
                    let run = self.runs.remove(&id).unwrap_or_default();
                    let is_pruned = run.ended_early.load(Ordering::Relaxed);
                    self.take(id, (!is_pruned).then_some(result))
                }
            };
            if let Err(error) = taken {
                failure.get_or_insert(error);
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if stop::requested() && self.end.wants_more_than(done(self.study.study())) => {
                Ok(ExitState::Interrupted)
            }
            None if output::counts(self.study.study()).finished == 0 => Ok(ExitState::AllFailed),
            None => Ok(ExitState::Success),
        }
    }

    /// Whether the best feasible objective is as good as wanted.
    fn has_reached_target(&self) -> bool {
        let study = self.study.study();
        let best = study.best().filter(|trial| trial.is_feasible()).and_then(Trial::value);
        match (best, self.options.target) {
            (Some(best), Some(target)) => !study.direction().is_better(target, best),
            _ => false,
        }
    }

    /// Whether a trial's program shall run once more; counts the run.
    fn retries(&mut self, id: u64, result: &RunResult) -> bool {
        let RunResult::Failed { reason, .. } = result else { return false };
        let run = self.runs.entry(id).or_default();
        if run.ended_early.load(Ordering::Relaxed) {
            return false;
        }
        run.failures += 1;
        let failures = run.failures;
        let is_left = failures <= self.options.retry && !stop::requested() && !self.end.is_over();
        if is_left {
            let of = self.options.retry;
            self.progress.note(&format!("trial {id}: {reason}; retry {failures} of {of}"));
        }
        is_left
    }

    /// Starts the program of a pending trial.
    fn start(&mut self, id: u64, sender: mpsc::Sender<Message>) {
        let Some(trial) = self.study.study().trial(id) else { return };
        let study = self.study.study();
        let ids = TrialIds { trial: Some(id), promoted_from: study.promoted_from(id) };
        let arguments = self.template.fill(study.space(), &trial.configuration, ids);
        let limits = Limits { timeout: self.options.timeout, grace: self.options.grace };
        let run = self.runs.entry(id).or_default();
        run.is_repeated = !trial.reports.is_empty();
        self.progress.started(study, trial);
        let watch = Watch {
            verbose: self.options.verbose,
            steps: self.options.step_pattern.clone(),
            ended_early: Arc::clone(&run.ended_early),
        };
        thread::spawn(move || {
            let steps = sender.clone();
            let result = child::run(&arguments, limits, &watch, move |step, value| {
                let _ = steps.send(Message::Step { id, step, value });
            });
            let _ = sender.send(Message::End { id, result });
        });
    }

    /// Records an intermediate value, and ends the program where the pruner says so. A value that
    /// is no number, or that does not follow the one before, is worth a warning, and the program
    /// goes on.
    fn report(&mut self, id: u64, step: u64, value: f64) -> Result<(), Failure> {
        let Some(run) = self.runs.get(&id) else { return Ok(()) };
        // What the program printed before its end came.
        if run.ended_early.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.study.report(id, step, value) {
            Err(error) if error.kind() == ErrorKind::Io => Err(error.into()),
            // A program that runs again repeats its steps.
            Err(_) if run.is_repeated => Ok(()),
            Err(error) => {
                self.progress.note(&format!("warning: {}", error.context()));
                Ok(())
            }
            Ok(()) => {
                self.progress.reported(id, step, value);
                if self.study.should_stop(id)? {
                    run.ended_early.store(true, Ordering::Relaxed);
                }
                Ok(())
            }
        }
    }

    /// Records a result in the study and shows it; `None` for a trial that was ended early.
    fn take(&mut self, id: u64, result: Option<RunResult>) -> Result<(), Failure> {
        let Some(result) = result else {
            self.study.tell(id, Outcome::Pruned)?;
            return self.show(id, "");
        };
        let mut stderr_tail = String::new();
        match result {
            // The trial stays pending and is offered again when the study continues.
            RunResult::Stopped => return Ok(()),
            RunResult::SpawnFailed(what) if !self.template.varies_program() => {
                return Err(Failure::Error(what));
            }
            RunResult::SpawnFailed(reason) => self.study.fail(id, reason)?,
            RunResult::Printed { output, stderr_tail: lines } => {
                let outcome = if self.options.penalty {
                    output.penalized(self.study.study(), &self.options.study.constraint)
                } else {
                    output.outcome(self.study.study())
                };
                match outcome {
                    Ok(outcome) => self.study.tell(id, outcome)?,
                    Err(reason) => {
                        stderr_tail = lines;
                        self.study.fail(id, reason)?;
                    }
                }
            }
            RunResult::Failed { reason, stderr_tail: lines } => {
                stderr_tail = lines;
                self.study.fail(id, reason)?;
            }
        }
        self.show(id, &stderr_tail)
    }

    /// Shows a trial that has its outcome.
    fn show(&mut self, id: u64, stderr_tail: &str) -> Result<(), Failure> {
        let study = self.study.study();
        let Some(trial) = study.trial(id) else { return Ok(()) };
        let stderr_tail = if self.options.verbose { "" } else { stderr_tail };
        self.progress.finished(study, trial, stderr_tail, done(study));
        if self.options.json {
            let best = study.best().and_then(Trial::value);
            let line = json!({"trial": study.trial_to_json(trial), "best": best});
            output::print(&line.to_string())?;
        }
        Ok(())
    }
}

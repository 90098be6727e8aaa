//! How far a study is, on standard error.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use optiformer::study::{Study, Trial};

use crate::{
    arguments::TuneOptions,
    output::{complain, duration, short},
};

/// Shows trials as they finish.
#[derive(Debug)]
pub struct Progress {
    way: Way,
    start: Instant,
    /// Trials that were there before this run.
    before: u64,
    total: u64,
}

#[derive(Debug)]
enum Way {
    Bar(ProgressBar),
    Lines,
    Silent,
}

impl Progress {
    /// A bar on a terminal, else lines; nothing where machines read.
    pub fn new(options: &TuneOptions, before: u64) -> Self {
        let terminal = io::stderr().is_terminal();
        let way = if options.quiet || (options.json && !terminal) {
            Way::Silent
        } else if terminal && !options.verbose {
            let style = ProgressStyle::with_template("{bar:24.cyan/blue} {pos}/{len} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(options.trials.max(before)).with_style(style);
            bar.set_position(before);
            bar.set_message("the first trial is running");
            bar.enable_steady_tick(Duration::from_millis(200));
            Way::Bar(bar)
        } else {
            Way::Lines
        };
        Self { way, start: Instant::now(), before, total: options.trials }
    }

    /// Shows a trial that finished as number `done` of the study.
    pub fn finished(&self, study: &Study, trial: &Trial, complaint: &str, done: u64) {
        let result = match (trial.value(), &trial.reason) {
            (Some(value), _) => short(value),
            (None, Some(reason)) => format!("failed: {reason}"),
            (None, None) => "failed".to_string(),
        };
        let best = study.best().and_then(Trial::value).map_or("none".to_string(), short);
        let each =
            self.start.elapsed().as_secs_f64() / done.saturating_sub(self.before).max(1) as f64;
        let left = duration(each * self.total.saturating_sub(done) as f64);
        let complaint: String = complaint.lines().map(|line| format!("\n    {line}")).collect();
        let id = trial.id;
        match &self.way {
            Way::Bar(bar) => {
                if trial.value().is_none() {
                    bar.println(format!("trial {id}: {result}{complaint}"));
                }
                bar.set_position(done);
                bar.set_message(format!("trial {id}: {result} · best {best} · {left} left"));
            }
            Way::Lines => complain(&format!(
                "trial {id} ({done}/{}): {result} · best {best} · {left} left{complaint}",
                self.total
            )),
            Way::Silent => {}
        }
    }

    /// A remark for people.
    pub fn note(&self, message: &str) {
        match &self.way {
            Way::Bar(bar) => bar.println(message),
            Way::Lines => complain(message),
            Way::Silent => {}
        }
    }

    /// Takes the bar away.
    pub fn close(self) {
        if let Way::Bar(bar) = self.way {
            bar.finish_and_clear();
        }
    }
}

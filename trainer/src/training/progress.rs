//! What a run reports while it goes on: smoothed losses, and a bar or lines of text.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{checkpoint::Progress, log::LogEntry, options::TrainingOptions, schedule::share_done};
use crate::network::Losses;

/// How much the newest step counts in smoothed losses.
const SMOOTHING: f64 = 0.02;

/// Losses, smoothed over the last steps.
#[derive(Default)]
pub(super) struct SmoothedLosses {
    count: u64,
    pub score: f64,
    pub value: f64,
    category: f64,
    /// The norm of the last step's gradient.
    pub gradient: f64,
}

impl SmoothedLosses {
    pub fn add(&mut self, losses: &Losses) {
        self.count += 1;
        let share = SMOOTHING.max(1.0 / self.count as f64);
        for (mean, loss) in [
            (&mut self.score, &losses.score),
            (&mut self.value, &losses.value),
            (&mut self.category, &losses.category),
        ] {
            *mean += share * (loss.double_value(&[]) - *mean);
        }
    }

    /// An entry for the log, without the losses of a validation.
    pub fn entry(&self, progress: &Progress, rate: f64) -> LogEntry {
        LogEntry {
            step: progress.step,
            tokens: progress.tokens,
            seconds: progress.seconds,
            score: self.score,
            value: self.value,
            category: self.category,
            validation_score: f64::NAN,
            validation_value: f64::NAN,
            rate,
            gradient: self.gradient,
        }
    }
}

pub(super) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(1000).with_style(
        ProgressStyle::with_template("{bar:30} {msg}, {eta} left")
            .expect("the template is well-formed"),
    );
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// Shows progress: on a terminal in the bar, elsewhere as a line every twentieth time.
pub(super) fn report(
    bar: &ProgressBar,
    options: &TrainingOptions,
    progress: &Progress,
    message: String,
) {
    let share = share_done(options, progress.step, progress.seconds);
    bar.set_position((1000.0 * share) as u64);
    if std::io::stderr().is_terminal() {
        bar.set_message(message);
    } else if progress.step.is_multiple_of(20 * options.log_every) {
        eprintln!("{:.1} % {message}", 100.0 * share);
    }
}

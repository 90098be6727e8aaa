//! The schedule of the learning rate.

use super::options::TrainingOptions;

/// The lowest learning rate, as a share of the peak.
const LOWEST_RATE: f64 = 0.02;
/// The learning rate: a linear rise, a plateau where [`TrainingOptions::fall`] leaves room for one,
/// then half a cosine down to a fiftieth of the peak.
pub fn rate(options: &TrainingOptions, step: u64, seconds: f64) -> f64 {
    let rise = ((step + 1) as f64 / options.warm_up.max(1) as f64).min(1.0);
    let done = share_done(options, step, seconds);
    let fallen =
        ((done - (1.0 - options.fall)) / options.fall.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * fallen).cos());
    options.rate * rise * (LOWEST_RATE + (1.0 - LOWEST_RATE) * fall)
}

/// How much of the run is done, by steps or by time: from 0 to 1.
pub(super) fn share_done(options: &TrainingOptions, step: u64, seconds: f64) -> f64 {
    let steps = step as f64 / options.steps.max(1) as f64;
    let time = options.minutes.map_or(0.0, |minutes| seconds / (60.0 * minutes));
    steps.max(time).min(1.0)
}

//! The output of a measurement.

use optiformer::model::Precision;
use serde::Serialize;

use crate::workloads::Times;

/// A line of results.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    model: &'a str,
    precision: &'a str,
    kernels: &'a str,
    threads: usize,
    workload: &'a str,
    median_ms: f64,
    /// Interquartile range of the repetitions.
    spread_ms: f64,
    least_ms: f64,
    /// Median processor time, over all threads.
    cpu_ms: f64,
    repetitions: usize,
}

impl<'a> Line<'a> {
    /// Summarizes repetitions.
    pub fn new(
        model: &'a str,
        precision: Precision,
        kernels: &'a str,
        threads: usize,
        workload: &'a str,
        times: Times,
    ) -> Self {
        let (mut wall, mut cpu) = (times.wall_ms, times.cpu_ms);
        wall.sort_by(f64::total_cmp);
        cpu.sort_by(f64::total_cmp);
        let at = |share: f64| wall[((wall.len() - 1) as f64 * share).round() as usize];
        Self {
            model,
            precision: precision.name(),
            kernels,
            threads,
            workload,
            median_ms: at(0.5),
            spread_ms: at(0.75) - at(0.25),
            least_ms: wall[0],
            cpu_ms: cpu[cpu.len() / 2],
            repetitions: wall.len(),
        }
    }
}

//! The values of a constraint.

use askama::filters::Safe;

use super::{Axis, plot::Plot};
use crate::{output::short, report::study_data::StudyData};

/// Most dots of the chart.
const MAX_DOTS: usize = 300;

/// The values of constraint number `index` over the trials; it holds at and below the line at 0.
pub fn constraint(data: &StudyData<'_>, index: usize) -> Safe<String> {
    let measured: Vec<(usize, f64)> = data
        .trials()
        .iter()
        .enumerate()
        .filter_map(|(position, trial)| Some((position, *trial.constraints.get(index)?)))
        .collect();
    let mut values: Vec<f64> = measured.iter().map(|it| it.1).collect();
    values.push(0.0);
    let name = &data.study().constraints()[index];
    let up = Axis::of_objectives(name, &values, true);
    let description = format!("The constraint {name} over the trials");
    let across = Axis::of_trials(data.last_id());
    let mut plot = Plot::new((356.0, 250.0), 0.0, across, up, &description);
    let (left, top, right, _) = plot.frame();
    let zero = plot.y(0.0);
    plot.svg.rectangle("violated", (left, top), (right - left, (zero - top).max(0.0)));
    plot.svg.line("axis", (left, zero), (right, zero));
    let every = measured.len().div_ceil(MAX_DOTS).max(1);
    for (position, value) in measured.into_iter().step_by(every) {
        let trial = &data.trials()[position];
        let class = data.dot_class(position);
        let title = format!("trial {}: {}", trial.id, short(value));
        plot.dot(&class, (trial.id as f64, value), 3.4, &title);
    }
    plot.svg.finish()
}

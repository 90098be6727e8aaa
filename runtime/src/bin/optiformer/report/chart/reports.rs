//! Intermediate values.

use askama::filters::Safe;
use optiformer::study::TrialState;

use super::{Axis, plot::Plot, svg::point, tooltip};
use crate::report::study_data::StudyData;

/// Most lines.
const MAX_LINES: usize = 150;
/// Most points of a line.
const MAX_POINTS: usize = 120;

/// The intermediate values of the trials over their steps; pruned trials end early.
pub fn reports(data: &StudyData<'_>, size: (f64, f64)) -> Safe<String> {
    let reported: Vec<usize> = (0..data.trials().len())
        .filter(|position| !data.trials()[*position].reports.is_empty())
        .collect();
    let every = reported.len().div_ceil(MAX_LINES).max(1);
    let mut shown: Vec<usize> = reported.iter().copied().step_by(every).collect();
    if let Some((best, _)) = data.best() {
        let best = data.trials().iter().position(|trial| trial.id == best.id);
        shown.extend(best.filter(|best| reported.contains(best) && !shown.contains(best)));
    }
    // The best on top.
    shown.sort_by_key(|position| std::cmp::Reverse(data.shade(*position).unwrap_or(usize::MAX)));
    let all = || shown.iter().flat_map(|position| &data.trials()[*position].reports);
    let values: Vec<f64> = all().map(|report| report.1).collect();
    let first = all().map(|report| report.0).min().unwrap_or(0) as f64;
    let last = all().map(|report| report.0).max().unwrap_or(0) as f64;
    let up = Axis::of_objectives(data.objective_name(), &values, data.smaller_is_better());
    let across = Axis::of_steps(first, last);
    let mut plot = Plot::new(size, 0.0, across, up, "Intermediate values over the steps");
    for position in shown {
        let trial = &data.trials()[position];
        let class = match data.shade(position) {
            Some(shade) => format!("strand c{shade}"),
            None => "strand lost".to_string(),
        };
        let title = match (data.value(trial), trial.state) {
            (Some(value), _) => tooltip(trial, value),
            (None, TrialState::Pruned) => format!("trial {}: pruned", trial.id),
            (None, _) => format!("trial {}", trial.id),
        };
        let count = trial.reports.len();
        let points: Vec<String> = trial
            .reports
            .iter()
            .enumerate()
            .filter(|(index, _)| index % count.div_ceil(MAX_POINTS) == 0 || index + 1 == count)
            .map(|(_, (step, value))| point((plot.x(*step as f64), plot.y(*value))))
            .collect();
        plot.svg.path_with_title(&class, &format!("M{}", points.join("L")), &title);
        if trial.state == TrialState::Pruned
            && let Some((step, value)) = trial.reports.last()
        {
            plot.dot("dot pruned-end", (*step as f64, *value), 2.4, &title);
        }
    }
    plot.svg.finish()
}

//! The best objective so far.

use askama::filters::Safe;
use optiformer::study::TrialState;

use super::{Axis, MAX_DOTS, abbreviated, plot::Plot, svg::point, tooltip};
use crate::report::study_data::StudyData;

/// Number of distinct colors of the curves; beyond them the dashes differ.
const COLORS: usize = 7;

/// A study in the chart.
pub struct Series<'a> {
    /// The study.
    pub data: &'a StudyData<'a>,
    /// Number of its color: its own, or that of its sampler.
    pub color: usize,
}

impl<'a> Series<'a> {
    /// The studies of a chart. Where a sampler has several of them, they share a color.
    pub fn of_studies(studies: &'a [StudyData<'a>]) -> Vec<Self> {
        let mut samplers: Vec<&str> = Vec::new();
        for data in studies {
            let sampler = data.snapshot().sampler();
            if !samplers.contains(&sampler) {
                samplers.push(sampler);
            }
        }
        let by_sampler = samplers.len() > 1 && samplers.len() < studies.len();
        let series = |(number, data): (usize, &'a StudyData<'a>)| {
            let sampler = samplers.iter().position(|name| *name == data.snapshot().sampler());
            Self { data, color: sampler.filter(|_| by_sampler).unwrap_or(number) }
        };
        studies.iter().enumerate().map(series).collect()
    }

    /// Class of its color.
    pub fn class(&self) -> String {
        let dashed = if self.color >= COLORS { " dashed" } else { "" };
        format!("s{}{dashed}", self.color % COLORS)
    }
}

/// The best objective so far over the trials, with a dot for each trial.
///
/// One study has its trials in the shades of their ranks; several have a color each.
pub fn best_so_far(series: &[Series<'_>], size: (f64, f64)) -> Safe<String> {
    let values: Vec<f64> = series.iter().flat_map(|it| it.data.values()).collect();
    let last = series.iter().map(|it| it.data.last_id()).max().unwrap_or(0);
    let smaller_is_better = series.first().is_none_or(|it| it.data.smaller_is_better());
    let name = series.first().map_or("objective", |it| it.data.objective_name());
    let up = Axis::of_objectives(name, &values, smaller_is_better);
    let description = "The best objective so far over the trials";
    let mut plot = Plot::new(size, 0.0, Axis::of_trials(last), up, description);
    let dots = (MAX_DOTS.min(size.0 as usize)) / series.len().max(1);
    for one in series {
        draw_trials(&mut plot, one, series.len() == 1, dots.max(40));
    }
    for one in series {
        draw_best(&mut plot, one, last, series.len() == 1);
    }
    plot.svg.finish()
}

fn draw_trials(plot: &mut Plot, series: &Series<'_>, alone: bool, limit: usize) {
    let data = series.data;
    for (position, value) in data.selection(limit) {
        let trial = &data.trials()[position];
        let class =
            if alone { data.dot_class(position) } else { format!("dot faint {}", series.class()) };
        let text = tooltip(trial, value);
        let title = if alone { text } else { format!("{}, {text}", abbreviated(data.name, 40)) };
        plot.dot(&class, (trial.id as f64, value), if alone { 3.6 } else { 2.6 }, &title);
    }
    draw_strokes(plot, data, TrialState::Pruned, "pruned", limit);
    draw_strokes(plot, data, TrialState::Failed, "failed", limit);
}

/// Strokes at the foot of the chart for the trials of a state.
fn draw_strokes(
    plot: &mut Plot,
    data: &StudyData<'_>,
    state: TrialState,
    class: &str,
    limit: usize,
) {
    let (_, _, _, bottom) = plot.frame();
    let positions: Vec<usize> = data.in_state(state).collect();
    let outline: String = positions
        .iter()
        .step_by(positions.len().div_ceil(limit).max(1))
        .map(|position| {
            let x = plot.x(data.trials()[*position].id as f64);
            format!("M{}v-8", point((x, bottom)))
        })
        .collect();
    if !outline.is_empty() {
        plot.svg.path(class, &outline);
    }
}

fn draw_best(plot: &mut Plot, series: &Series<'_>, last: u64, alone: bool) {
    let data = series.data;
    let improvements = data.improvements();
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (position, value) in &improvements {
        let x = plot.x(data.trials()[*position].id as f64);
        points.extend(points.last().map(|(_, y)| (x, *y)));
        points.push((x, plot.y(*value)));
    }
    let Some((_, y)) = points.last().copied() else { return };
    points.push((plot.x(data.last_id().min(last) as f64), y));
    let class = if alone { "curve".to_string() } else { format!("curve {}", series.class()) };
    plot.svg.polyline(&class, &points);
    if alone && let Some((best, value)) = data.best() {
        plot.dot("ring", (best.id as f64, value), 7.0, &format!("best, {}", tooltip(best, value)));
    }
}

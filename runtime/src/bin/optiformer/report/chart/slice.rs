//! The objective against one parameter.

use askama::filters::Safe;
use optiformer::study::TrialState;

use super::{Axis, plot::Plot, svg::point, tooltip};
use crate::report::{study_data::StudyData, surrogate::Estimate};

/// Most dots of a slice.
const MAX_DOTS: usize = 240;

/// The trials' objectives against a parameter, over the model's prediction along it, which may be
/// empty. Trials in which the parameter is inactive stand apart at the right.
pub fn slice(data: &StudyData<'_>, parameter: usize, model: &[(f64, Estimate)]) -> Safe<String> {
    let parameter_of = &data.space().parameters()[parameter];
    let across = Axis::of_parameter(parameter_of);
    let up = Axis::of_objectives(data.objective_name(), &data.values(), data.smaller_is_better());
    let chosen = data.selection(MAX_DOTS);
    let inactive = chosen
        .iter()
        .any(|(position, _)| data.trials()[*position].configuration.get(parameter).is_none());
    let gutter = if inactive { 52.0 } else { 0.0 };
    let description = format!("{} against {}", data.objective_name(), parameter_of.name());
    let mut plot = Plot::new((356.0, 250.0), gutter, across, up, &description);
    let (_, top, right, bottom) = plot.frame();
    if inactive {
        plot.svg.rectangle("aside", (right + 10.0, top), (gutter - 6.0, bottom - top));
        plot.svg.text("tick middle", (right + 7.0 + gutter / 2.0, bottom + 18.0), "inactive");
    }
    draw_model(&mut plot, model);
    for (position, value) in chosen {
        let trial = &data.trials()[position];
        let class = data.dot_class(position);
        let title = tooltip(trial, value);
        match trial.configuration.get(parameter) {
            Some(at) => plot.dot(&class, (at, value), 3.4, &title),
            None => {
                // Side by side, so that they do not hide each other.
                let x = right + 18.0 + (trial.id * 7 % 29) as f64;
                plot.dot_at(&class, x, value, 3.4, &title);
            }
        }
    }
    draw_failed(&mut plot, data, parameter);
    if let Some((best, value)) = data.best()
        && let Some(at) = best.configuration.get(parameter)
    {
        plot.dot("ring", (at, value), 7.0, &format!("best, {}", tooltip(best, value)));
    }
    plot.svg.finish()
}

/// The prediction: a line with a band of one standard deviation, or a bar for each level.
fn draw_model(plot: &mut Plot, model: &[(f64, Estimate)]) {
    if model.len() < 2 {
        return;
    }
    let at = |plot: &Plot, value: f64, height: f64| (plot.x(value), plot.y(height));
    let is_curve = model.len() > crate::report::surrogate::MAX_LEVELS as usize;
    if is_curve {
        let upper = model.iter().map(|(value, it)| at(plot, *value, it.range.1));
        let lower = model.iter().rev().map(|(value, it)| at(plot, *value, it.range.0));
        let outline: Vec<String> = upper.chain(lower).map(point).collect();
        plot.svg.path("band", &format!("M{}Z", outline.join("L")));
        let line: Vec<_> = model.iter().map(|(value, it)| at(plot, *value, it.median)).collect();
        plot.svg.polyline("model", &line);
        return;
    }
    let (left, _, right, _) = plot.frame();
    let half = ((right - left) / model.len() as f64 * 0.36).min(22.0);
    for (value, estimate) in model {
        let (x, one) = at(plot, *value, estimate.range.0);
        let other = plot.y(estimate.range.1);
        let (top, bottom) = (one.min(other), one.max(other));
        plot.svg.rectangle("band", (x - half, top), (2.0 * half, bottom - top));
        let y = plot.y(estimate.median);
        plot.svg.line("model", (x - half, y), (x + half, y));
    }
}

/// Failed trials are marks at the foot of the chart.
fn draw_failed(plot: &mut Plot, data: &StudyData<'_>, parameter: usize) {
    let (_, _, _, bottom) = plot.frame();
    let places: Vec<f64> = data
        .in_state(TrialState::Failed)
        .filter_map(|position| data.trials()[position].configuration.get(parameter))
        .map(|value| plot.x(value))
        .collect();
    let outline: String = places
        .iter()
        .step_by(places.len().div_ceil(MAX_DOTS).max(1))
        .map(|x| format!("M{}v-8", point((*x, bottom))))
        .collect();
    if !outline.is_empty() {
        plot.svg.path("failed", &outline);
    }
}

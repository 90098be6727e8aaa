//! All parameters and the objective beside each other.

use askama::filters::Safe;
use optiformer::study::{Trial, TrialState};

use super::{
    Axis, abbreviated,
    svg::{self, Svg},
    tooltip,
};
use crate::report::study_data::StudyData;

/// Most lines.
pub const MAX_LINES: usize = 300;
/// Width of the page, in pixels; many axes need more.
const WIDTH: f64 = 1040.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 316.0;
/// Where lines pass that have no value on an axis.
const NONE: f64 = 346.0;

/// A line through the parameters' axes for each trial, in the order `parameters`, and the axes of
/// its objectives at the right. `views` are those of the objectives, at least one, of which the
/// first has the colors; `front` are the ids of the trials that stand out.
pub fn parallel_coordinates(
    views: &[StudyData<'_>],
    parameters: &[usize],
    front: &[u64],
) -> Safe<String> {
    let data = &views[0];
    let count = parameters.len() + views.len();
    let (left, right) = (64.0, 64.0);
    let step = ((WIDTH - left - right) / (count - 1) as f64).clamp(92.0, 460.0);
    let width = left + step * (count - 1) as f64 + right;
    let mut svg = Svg::new(width, 384.0, "The trials as lines through their parameters");
    let space = data.space();
    let axes: Vec<Axis> =
        parameters.iter().map(|index| Axis::of_parameter(&space.parameters()[*index])).collect();
    let objectives: Vec<Axis> = views
        .iter()
        .map(|of| Axis::of_objectives(of.objective_name(), &of.values(), of.smaller_is_better()))
        .collect();
    let x = |place: usize| left + step * place as f64;
    let outline = |position: usize| -> Vec<(f64, f64)> {
        let trial = &data.trials()[position];
        let height = |place: f64| BOTTOM - place * (BOTTOM - TOP);
        let value = |(axis, index): (&Axis, &usize)| {
            trial.configuration.get(*index).map_or(NONE, |value| height(axis.place(value)))
        };
        let mut heights: Vec<f64> = axes.iter().zip(parameters).map(value).collect();
        heights.extend(
            objectives
                .iter()
                .zip(views)
                .map(|(axis, of)| of.value(trial).map_or(NONE, |value| height(axis.place(value)))),
        );
        heights.into_iter().enumerate().map(|(place, y)| (x(place), y)).collect()
    };

    let failed: Vec<usize> = data.in_state(TrialState::Failed).collect();
    for position in failed.iter().step_by(failed.len().div_ceil(MAX_LINES / 4).max(1)) {
        svg.polyline("strand lost", &outline(*position));
    }
    // The best on top.
    let mut lines = data.selection(MAX_LINES);
    lines.sort_by(|one, other| {
        data.direction().loss(other.1).total_cmp(&data.direction().loss(one.1))
    });
    for (position, value) in &lines {
        let points = outline(*position);
        let path: Vec<String> = points.iter().map(|it| svg::point(*it)).collect();
        let title = tooltip(&data.trials()[*position], *value);
        let class = match data.shade(*position) {
            Some(shade) => format!("strand c{shade}"),
            None => "strand lost".to_string(),
        };
        svg.path_with_title(&class, &format!("M{}", path.join("L")), &title);
    }
    let is_chosen = |it: &(usize, &Trial)| front.contains(&it.1.id);
    let chosen = data.trials().iter().enumerate().filter(is_chosen).map(|it| it.0);
    let class = if front.len() > 1 { "strand-front" } else { "strand-best" };
    for position in chosen.take(MAX_LINES / 4) {
        svg.polyline(class, &outline(position));
    }

    for (place, axis) in axes.iter().chain(&objectives).enumerate() {
        let parameter = parameters.get(place);
        draw_axis(&mut svg, axis, x(place), step, parameter.is_none());
        let inactive = |index: &usize| {
            data.trials().iter().any(|trial| trial.configuration.get(*index).is_none())
        };
        let missing = parameter.map_or(!failed.is_empty(), inactive);
        if missing {
            let word = if parameter.is_some() { "inactive" } else { "failed" };
            svg.path("axis dotted", &format!("M{} {BOTTOM}V{NONE}", svg::rounded(x(place))));
            svg.text("tick middle halo", (x(place), NONE + 20.0), word);
        }
    }
    svg.finish()
}

fn draw_axis(svg: &mut Svg, axis: &Axis, x: f64, step: f64, is_objective: bool) {
    svg.line(if is_objective { "axis strong" } else { "axis" }, (x, TOP), (x, BOTTOM));
    // The outer names are centered on axes near the edges.
    let letters = ((step - 6.0).min(124.0) / 7.2) as usize;
    let class = if is_objective { "name middle strong" } else { "name middle" };
    svg.text(class, (x, TOP - 20.0), &abbreviated(&axis.name, letters));
    let letters = ((step - 14.0) / 7.2) as usize;
    for tick in axis.ticks(5) {
        let y = BOTTOM - tick.place * (BOTTOM - TOP);
        svg.line("axis", (x - 3.0, y), (x + 3.0, y));
        svg.text("tick halo", (x + 7.0, y + 4.5), &abbreviated(&tick.label, letters));
    }
}

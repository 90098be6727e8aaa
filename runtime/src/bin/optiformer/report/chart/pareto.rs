//! Two objectives against each other.

use askama::filters::Safe;
use optiformer::study::Trial;

use super::{Axis, MAX_DOTS, plot::Plot};
use crate::{output::short, report::study_data::StudyData};

/// The trials by two of the study's objectives; those of the Pareto front, given by their ids,
/// stand out, and are joined where the study has no other objectives.
pub fn pareto(pair: [&StudyData<'_>; 2], front: &[u64], size: (f64, f64)) -> Safe<String> {
    let [across, up] = pair;
    let axis = |data: &StudyData<'_>| {
        let name = format!("{} ({})", data.objective_name(), data.direction());
        Axis::of_objectives(&name, &data.values(), data.smaller_is_better())
    };
    let (one, other) = (across.objective_name(), up.objective_name());
    let description = format!("{one} against {other}");
    let mut plot = Plot::new(size, 0.0, axis(across), axis(up), &description);
    let place = |trial: &Trial| Some((across.value(trial)?, up.value(trial)?));

    let is_on_front = |trial: &Trial| front.binary_search(&trial.id).is_ok();
    let others: Vec<&Trial> = across.trials().iter().filter(|trial| !is_on_front(trial)).collect();
    let every = others.len().div_ceil(MAX_DOTS).max(1);
    let members = across.trials().iter().filter(|trial| is_on_front(trial));
    let members: Vec<&Trial> = members.take(MAX_DOTS).collect();
    if across.study().objectives().len() == 2 {
        draw_front(&mut plot, &members, &place, across.smaller_is_better());
    }
    for trial in others.into_iter().step_by(every).chain(members) {
        let Some(at) = place(trial) else { continue };
        let class = match trial.is_feasible() {
            true if is_on_front(trial) => "dot front",
            true => "dot dominated",
            false => "dot infeasible",
        };
        let radius = if is_on_front(trial) { 4.4 } else { 3.4 };
        let title = format!("trial {}: {one} {}, {other} {}", trial.id, short(at.0), short(at.1));
        plot.dot(class, at, radius, &title);
    }
    plot.svg.finish()
}

/// Steps along the front: what lies behind them is dominated.
fn draw_front(
    plot: &mut Plot,
    members: &[&Trial],
    place: &dyn Fn(&Trial) -> Option<(f64, f64)>,
    smaller_is_better: bool,
) {
    let mut corners: Vec<(f64, f64)> = members.iter().filter_map(|trial| place(trial)).collect();
    corners.sort_by(|one, other| one.0.total_cmp(&other.0));
    if !smaller_is_better {
        corners.reverse();
    }
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (x, y) in corners.into_iter().map(|(x, y)| (plot.x(x), plot.y(y))) {
        points.extend(points.last().map(|last| (x, last.1)));
        points.push((x, y));
    }
    if points.len() > 1 {
        plot.svg.polyline("curve front-line", &points);
    }
}

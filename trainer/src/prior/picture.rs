//! One function in four charts: a map, slices through its optimum, a trajectory, and its scores at
//! random.

use super::{
    ProfiledFunction,
    measures::{places_of, profile},
    svg::Chart,
};
use crate::{generators::Function, problem::ParameterKind};

/// Shades of a map.
pub(super) const SHADES: usize = 12;
/// Points of a map along an axis, and of a slice.
const GRID: usize = 44;
/// Lines that can be told apart by their colors.
pub(super) const COLORS: usize = 8;
/// Bars of a histogram.
const BARS: usize = 24;

/// The charts of a function.
pub(super) fn charts(one: &ProfiledFunction) -> String {
    let mut text = String::new();
    if one.drawn.function.structure.kinds.len() > 1 {
        text.push_str(&map(one));
    }
    text.push_str(&slices(one));
    text.push_str(&trajectory(one));
    text.push_str(&histogram(one));
    text
}

/// Where a value is drawn along an axis: choices and levels in the middles of their cells.
fn across(kind: ParameterKind, value: f64) -> f64 {
    match kind {
        ParameterKind::Categorical(count) => (value + 0.5) / f64::from(count),
        kind => kind.coordinate(value),
    }
}

/// The value in whose cell a place of an axis lies.
fn value_at(kind: ParameterKind, place: f64) -> f64 {
    match kind {
        ParameterKind::Categorical(count) => {
            (place * f64::from(count)).floor().min(f64::from(count) - 1.0)
        }
        kind => kind.value_of_coordinate(place),
    }
}

/// The values of the optimum's configuration with some of them replaced.
fn with(values: &[f64], changes: [(usize, f64); 2]) -> Vec<f64> {
    let mut values = values.to_vec();
    for (index, value) in changes {
        values[index] = value;
    }
    values
}

/// The two strongest parameters, the others as at the optimum; shades are quantiles of the scores
/// at random points, so that heavy tails show as much as the good end. Dots are trials of the
/// trajectory, the cross is the optimum.
fn map(one: &ProfiledFunction) -> String {
    let function = &one.drawn.function;
    let strongest = one.measures.strongest();
    let (x, y) = (strongest[0].min(strongest[1]), strongest[0].max(strongest[1]));
    let kinds = &function.structure.kinds;
    let optimum = &one.drawn.optimum.values;
    let cuts: Vec<f64> =
        (1..SHADES).map(|shade| one.drawn.probes.quantile(shade as f64 / SHADES as f64)).collect();
    let mut cells = Vec::with_capacity(GRID * GRID);
    for row in 0..GRID {
        for column in 0..GRID {
            let place = |step: usize| (step as f64 + 0.5) / GRID as f64;
            let at = [(x, value_at(kinds[x], place(column))), (y, value_at(kinds[y], place(row)))];
            let loss = function.evaluate(&with(optimum, at));
            cells.push(loss.map(|loss| cuts.partition_point(|cut| *cut < loss)));
        }
    }
    let title = format!("{} × {}", axis(function, x), axis(function, y));
    let mut chart = Chart::new(&title);
    chart.shades(GRID, &cells, SHADES);
    for trial in &one.record.trials {
        let place = |index: usize| {
            let coordinate = f64::from(trial.coordinates[index]);
            if kinds[index].is_categorical() {
                across(kinds[index], coordinate)
            } else {
                coordinate
            }
        };
        if trial.coordinates[x] >= 0.0 && trial.coordinates[y] >= 0.0 {
            chart.dot(if trial.failed { "lost" } else { "trial" }, place(x), place(y), 1.6);
        }
    }
    chart.cross("optimum", across(kinds[x], optimum[x]), across(kinds[y], optimum[y]));
    chart.finish()
}

/// A parameter's name and kind.
fn axis(function: &Function, index: usize) -> String {
    match function.structure.kinds[index] {
        ParameterKind::Continuous => format!("x{index}"),
        ParameterKind::Levels(count) => format!("x{index} ({count} levels)"),
        ParameterKind::LogLevels(count) => format!("x{index} (log, {count})"),
        ParameterKind::Categorical(count) => format!("x{index} ({count} choices)"),
    }
}

/// A loss between the optimum (0) and the 95 % quantile of random points (1).
fn height(one: &ProfiledFunction, loss: f64) -> f64 {
    let (low, high) = (one.drawn.optimum.loss, one.drawn.probes.quantile(0.95));
    (loss - low) / (high - low).max(f64::MIN_POSITIVE)
}

/// Along each of the strongest parameters, through the optimum.
fn slices(one: &ProfiledFunction) -> String {
    let function = &one.drawn.function;
    let optimum = &one.drawn.optimum.values;
    let mut chart = Chart::new("slices through the optimum");
    let shown = one.measures.strongest();
    for (place, index) in shown.iter().take(COLORS).enumerate() {
        let kind = function.structure.kinds[*index];
        let losses = profile(function, optimum, *index, GRID);
        let places = places_of(function, *index, GRID);
        let points = places
            .iter()
            .zip(&losses)
            .map(|(value, loss)| loss.map(|loss| (across(kind, *value), height(one, loss))));
        if kind.is_categorical() {
            for (x, y) in points.flatten() {
                chart.dot(&format!("d{place}"), x, y, 2.5);
            }
        } else {
            chart.line(&format!("l{place}"), points);
        }
    }
    chart.finish()
}

/// The trials in their order, and the best so far.
fn trajectory(one: &ProfiledFunction) -> String {
    let trials = &one.record.trials;
    let mut chart = Chart::new(&format!("{} trials and the best so far", trials.len()));
    let x = |number: usize| (number as f64 + 0.5) / trials.len() as f64;
    let mut best = f64::INFINITY;
    let mut line = Vec::new();
    for (number, trial) in trials.iter().enumerate() {
        if trial.failed {
            chart.dot("lost", x(number), 1.0, 1.8);
        } else {
            let loss = f64::from(trial.loss);
            chart.dot("trial", x(number), height(one, loss), 1.8);
            best = best.min(loss);
        }
        line.push(best.is_finite().then(|| (x(number), height(one, best))));
    }
    chart.line("best", line);
    chart.finish()
}

/// Scores at uniform points, between the optimum and the 95 % quantile; what lies beyond is in the
/// last bar.
fn histogram(one: &ProfiledFunction) -> String {
    let mut chart = Chart::new("scores at random points");
    let mut counts = [0usize; BARS];
    for (loss, _) in one.drawn.probes.points() {
        let place = (height(one, *loss).clamp(0.0, 1.0) * BARS as f64) as usize;
        counts[place.min(BARS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    for (bar, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (from, to) = (bar as f64 / BARS as f64, (bar + 1) as f64 / BARS as f64);
        chart.bar("bar", from, to, *count as f64 / most as f64);
    }
    chart.finish()
}

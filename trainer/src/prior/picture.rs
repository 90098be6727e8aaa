//! One function in four charts: a map, slices through its optimum, a trajectory, and its scores at
//! random.

use optiformer::Result;
use plotters::style::{BLACK, Color, HSLColor, RGBAColor, RGBColor, WHITE};

use super::{
    ProfiledFunction,
    chart::{Chart, Picture},
    measures::{places_of, profile},
};
use crate::{generators::Function, problem::ParameterKind};

/// Shades of a map.
const SHADES: usize = 12;
/// Points of a map along an axis, and of a slice.
const GRID: usize = 44;
/// Lines that can be told apart by their colors.
const COLORS: usize = 8;
/// Bars of a histogram.
const BARS: usize = 24;

/// Trials, the best so far, failures and bars.
const TRIAL: RGBColor = RGBColor(120, 120, 120);
const BEST: RGBColor = RGBColor(255, 0, 102);
const FAILED: RGBColor = RGBColor(221, 51, 51);
const BAR: RGBColor = RGBColor(74, 111, 165);

/// The charts of a function.
///
/// # Errors
///
/// What drawing says.
pub(super) fn charts(one: &ProfiledFunction) -> Result<Vec<Picture>> {
    let mut charts = Vec::new();
    if one.drawn.function.structure.kinds.len() > 1 {
        charts.push(map(one));
    }
    charts.extend([slices(one), trajectory(one), histogram(one)]);
    charts.into_iter().map(Chart::finish).collect()
}

/// A shade of a map: from dark blue (good) to pale yellow (bad), as light as it is far.
fn shade(number: usize) -> RGBAColor {
    let t = number as f64 / (SHADES - 1) as f64;
    HSLColor((260.0 - 200.0 * t) / 360.0, 0.55, 0.24 + 0.64 * t).to_rgba()
}

/// The color of a line or of dots.
fn color(number: usize) -> RGBAColor {
    HSLColor(number as f64 / COLORS as f64, 0.7, 0.48).to_rgba()
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
fn map(one: &ProfiledFunction) -> Chart {
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
            let shade_of = |loss| shade(cuts.partition_point(|cut| *cut < loss));
            cells.push(loss.map_or(TRIAL.mix(0.5), shade_of));
        }
    }
    let title = format!("{} × {}", axis(function, x), axis(function, y));
    let mut chart = Chart::new(title);
    chart.cells(GRID, &cells);
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
            // With a rim, which shows on dark and on light shades.
            let color = if trial.failed { FAILED } else { BLACK };
            chart.dot(WHITE.to_rgba(), place(x), place(y), 3);
            chart.dot(color.to_rgba(), place(x), place(y), 2);
        }
    }
    chart.cross(BEST.to_rgba(), across(kinds[x], optimum[x]), across(kinds[y], optimum[y]));
    chart
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
fn slices(one: &ProfiledFunction) -> Chart {
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
                chart.dot(color(place), x, y, 3);
            }
        } else {
            chart.line(color(place), points);
        }
    }
    chart
}

/// The trials in their order, and the best so far.
fn trajectory(one: &ProfiledFunction) -> Chart {
    let trials = &one.record.trials;
    let mut chart = Chart::new(format!("{} trials and the best so far", trials.len()));
    let x = |number: usize| (number as f64 + 0.5) / trials.len() as f64;
    let mut best = f64::INFINITY;
    let mut line = Vec::new();
    for (number, trial) in trials.iter().enumerate() {
        if trial.failed {
            chart.dot(FAILED.to_rgba(), x(number), 1.0, 2);
        } else {
            let loss = f64::from(trial.loss);
            chart.dot(TRIAL.to_rgba(), x(number), height(one, loss), 2);
            best = best.min(loss);
        }
        line.push(best.is_finite().then(|| (x(number), height(one, best))));
    }
    chart.line(BEST.to_rgba(), line);
    chart
}

/// Scores at uniform points, between the optimum and the 95 % quantile; what lies beyond is in the
/// last bar.
fn histogram(one: &ProfiledFunction) -> Chart {
    let mut chart = Chart::new("scores at random points");
    let mut counts = [0usize; BARS];
    for (loss, _) in one.drawn.probes.points() {
        let place = (height(one, *loss).clamp(0.0, 1.0) * BARS as f64) as usize;
        counts[place.min(BARS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    for (bar, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (from, to) = (bar as f64 / BARS as f64, (bar + 1) as f64 / BARS as f64);
        chart.bar(BAR.to_rgba(), from, to, *count as f64 / most as f64);
    }
    chart
}

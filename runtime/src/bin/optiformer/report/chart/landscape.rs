//! A map of the predicted objective over two parameters.

use std::fmt::Write;

use askama::filters::Safe;

use super::{Axis, plot::Plot, svg::point, tooltip};
use crate::report::study_data::{SHADES, StudyData};

/// Most dots of the map.
const MAX_DOTS: usize = 200;

/// The model's means over a grid of two parameters.
pub struct Landscape {
    /// The parameter of the columns and that of the rows.
    pub parameters: (usize, usize),
    /// Values of the parameters at the columns and at the rows.
    pub values: (Vec<f64>, Vec<f64>),
    /// `[rows · columns]`, smaller is better.
    pub targets: Vec<f64>,
}

impl Landscape {
    /// Smallest and largest mean.
    fn range(&self) -> (f64, f64) {
        self.targets.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), target| {
            (low.min(*target), high.max(*target))
        })
    }
}

/// The map with its trials. Numbers are drawn as areas between levels, parameters with few levels
/// as cells.
pub fn landscape(data: &StudyData<'_>, map: &Landscape, size: (f64, f64)) -> Safe<String> {
    let of = |parameter: usize| &data.space().parameters()[parameter];
    let (across, up) = (of(map.parameters.0), of(map.parameters.1));
    let description =
        format!("Predicted {} over {} and {}", data.objective_name(), across.name(), up.name());
    let axes = (Axis::of_parameter(across), Axis::of_parameter(up));
    let mut plot = Plot::new(size, 0.0, axes.0, axes.1, &description);
    let few = |parameter| {
        let levels = of(parameter).domain().levels();
        levels.is_some_and(|levels| levels <= crate::report::surrogate::MAX_LEVELS)
    };
    let edges = |places: &[f64], end: (f64, f64), few: bool| -> Vec<f64> {
        let mut edges = vec![end.0];
        edges.extend(places.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
        edges.push(end.1);
        if few { edges } else { places.to_vec() }
    };
    let (left, top, right, bottom) = plot.frame();
    let columns: Vec<f64> = map.values.0.iter().map(|value| plot.x(*value)).collect();
    let rows: Vec<f64> = map.values.1.iter().map(|value| plot.y(*value)).collect();
    let (few_columns, few_rows) = (few(map.parameters.0), few(map.parameters.1));
    if few_columns || few_rows {
        let columns = edges(&columns, (left, right), true);
        let rows = edges(&rows, (bottom, top), true);
        draw_cells(&mut plot, map, &columns, &rows);
    } else {
        draw_areas(&mut plot, map, &columns, &rows);
    }
    plot.svg.path("frame", &format!("M{left} {top}H{right}V{bottom}H{left}Z"));
    draw_trials(&mut plot, data, map.parameters);
    plot.svg.finish()
}

/// A rectangle for each cell.
fn draw_cells(plot: &mut Plot, map: &Landscape, columns: &[f64], rows: &[f64]) {
    let (low, high) = map.range();
    let mut outlines = vec![String::new(); SHADES];
    let count = columns.len() - 1;
    for (index, target) in map.targets.iter().enumerate() {
        let (row, column) = (index / count, index % count);
        let shade = ((target - low) / (high - low) * SHADES as f64) as usize;
        let (x, end) = (columns[column], columns[column + 1]);
        let (y, top) = (rows[row], rows[row + 1]);
        let _ = write!(
            outlines[shade.min(SHADES - 1)],
            "M{}L{}L{}L{}Z",
            point((x, y)),
            point((end, y)),
            point((end, top)),
            point((x, top))
        );
    }
    for (shade, outline) in outlines.iter().enumerate().filter(|it| !it.1.is_empty()) {
        plot.svg.path(&format!("cell v{shade}"), outline);
    }
}

/// The areas below each level, the largest first, so that each covers a part of the one before.
fn draw_areas(plot: &mut Plot, map: &Landscape, columns: &[f64], rows: &[f64]) {
    let (left, top, right, bottom) = plot.frame();
    let (low, high) = map.range();
    let worst = format!("area v{}", SHADES - 1);
    plot.svg.rectangle(&worst, (left, top), (right - left, bottom - top));
    for shade in (0..SHADES - 1).rev() {
        let level = low + (high - low) * (shade + 1) as f64 / SHADES as f64;
        let outline = area_below(map, columns, rows, level);
        plot.svg.path(&format!("area v{shade}"), &outline);
    }
}

/// Outline of where the mean is at most `level`, interpolated linearly along the edges of each
/// cell.
fn area_below(map: &Landscape, columns: &[f64], rows: &[f64], level: f64) -> String {
    let mut outline = String::new();
    for row in 0..rows.len() - 1 {
        // Neighboring cells that are wholly below are one rectangle.
        let mut start: Option<usize> = None;
        for column in 0..columns.len() {
            let corners = (column + 1 < columns.len()).then(|| {
                [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
                    .map(|(row, column)| (row, column, map.targets[row * columns.len() + column]))
            });
            let whole = corners.is_some_and(|of| of.iter().all(|corner| corner.2 <= level));
            match (whole, start) {
                (true, None) => start = Some(column),
                (false, Some(from)) => {
                    let _ = write!(
                        outline,
                        "M{}L{}L{}L{}Z",
                        point((columns[from], rows[row])),
                        point((columns[column], rows[row])),
                        point((columns[column], rows[row + 1])),
                        point((columns[from], rows[row + 1]))
                    );
                    start = None;
                }
                _ => {}
            }
            if let Some(corners) = corners.filter(|_| !whole) {
                let part = clipped(&corners, columns, rows, level);
                if part.len() > 2 {
                    let part: Vec<String> = part.into_iter().map(point).collect();
                    let _ = write!(outline, "M{}Z", part.join("L"));
                }
            }
        }
    }
    outline
}

/// The part of a cell below `level` (J. Sutherland and W. Hodgman, Reentrant Polygon Clipping,
/// 1974).
fn clipped(
    corners: &[(usize, usize, f64); 4],
    columns: &[f64],
    rows: &[f64],
    level: f64,
) -> Vec<(f64, f64)> {
    let mut part = Vec::new();
    for (index, one) in corners.iter().enumerate() {
        let other = &corners[(index + 1) % 4];
        let (from, to) = ((columns[one.1], rows[one.0]), (columns[other.1], rows[other.0]));
        if one.2 <= level {
            part.push(from);
        }
        if (one.2 <= level) != (other.2 <= level) {
            let along = (level - one.2) / (other.2 - one.2);
            part.push((from.0 + along * (to.0 - from.0), from.1 + along * (to.1 - from.1)));
        }
    }
    part
}

fn draw_trials(plot: &mut Plot, data: &StudyData<'_>, (across, up): (usize, usize)) {
    for (position, value) in data.selection(MAX_DOTS) {
        let trial = &data.trials()[position];
        if let (Some(x), Some(y)) = (trial.configuration.get(across), trial.configuration.get(up)) {
            let center = (plot.x(x), plot.y(y));
            plot.svg.circle("pin", center, 2.8, &tooltip(trial, value));
        }
    }
    if let Some((best, value)) = data.best()
        && let (Some(x), Some(y)) = (best.configuration.get(across), best.configuration.get(up))
    {
        let center = (plot.x(x), plot.y(y));
        let title = format!("best, {}", tooltip(best, value));
        plot.svg.circle("ring-back", center, 7.0, "");
        plot.svg.circle("ring", center, 7.0, &title);
    }
}

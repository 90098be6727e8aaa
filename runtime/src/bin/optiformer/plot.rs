//! A plot in text.

use optiformer::study::Study;

use crate::{output::short, text};

/// Columns of a plot where the terminal has room for them.
const COLUMNS: usize = 60;
const ROWS: usize = 10;

/// The best feasible objective so far over the trials with an outcome, in a space with a fidelity
/// at the highest one so far; empty with fewer than two such trials.
pub fn best_so_far(study: &Study) -> String {
    let line = line(study);
    if line.iter().flatten().count() < 2 { String::new() } else { draw(&line, text::columns()) }
}

/// The best objective so far in one line of at most `columns` letters; empty with fewer than two
/// finished trials.
pub fn sparkline(study: &Study, columns: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let line: Vec<f64> = line(study).into_iter().flatten().collect();
    if line.len() < 2 {
        return String::new();
    }
    let (low, high) = range(line.iter().copied());
    let columns = columns.min(line.len());
    // A letter shows the last of its trials.
    let letter = |column: usize| {
        let value = line[(column * line.len()).div_ceil(columns) - 1];
        HEIGHTS[((part(value, low, high) * 7.0).round() as usize).min(7)]
    };
    (1..=columns).map(letter).collect()
}

/// The best objective after each trial that is finished or failed; `None` before the first.
fn line(study: &Study) -> Vec<Option<f64>> {
    let mut best: Option<f64> = None;
    let mut highest = None;
    let mut line = Vec::new();
    for trial in study.trials().iter().filter(|trial| !trial.is_pending()) {
        let fidelity = study.space().fidelity().and_then(|index| trial.configuration.get(index));
        if trial.value().is_some() && fidelity > highest {
            (highest, best) = (fidelity, None);
        }
        let is_comparable = trial.is_feasible() && fidelity == highest;
        if let Some(value) = trial.value().filter(|_| is_comparable)
            && best.is_none_or(|best| study.direction().is_better(value, best))
        {
            best = Some(value);
        }
        line.push(best);
    }
    line
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    values.fold(start, |range, value| (range.0.min(value), range.1.max(value)))
}

/// Where a value is between two others; 0 where these are equal.
fn part(value: f64, low: f64, high: f64) -> f64 {
    // Halved, so that the range of two huge values is finite.
    let part = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    if part.is_finite() { part } else { 0.0 }
}

/// Draws one value per trial, left to right, in `columns` columns; `None` before the first value.
/// Positive values over two orders of magnitude or more are drawn on a logarithmic scale.
fn draw(line: &[Option<f64>], columns: usize) -> String {
    let (low, high) = range(line.iter().flatten().copied());
    let (top, bottom) = (short(high), short(low));
    let is_log = low > 0.0 && high / low >= 100.0;
    let scaled = |value: f64| if is_log { value.ln() } else { value };
    let line: Vec<Option<f64>> = line.iter().map(|value| value.map(scaled)).collect();
    let (low, high) = (scaled(low), scaled(high));
    let width = top.len().max(bottom.len());
    let columns = columns.saturating_sub(width + 2).clamp(8, COLUMNS);
    // A column shows the last of its trials.
    let values: Vec<_> =
        (1..=columns).map(|column| line[(column * line.len()).div_ceil(columns) - 1]).collect();
    let row_of = |value: f64| ((1.0 - part(value, low, high)) * (ROWS - 1) as f64).round() as usize;
    let rows = if low == high { ROWS - 1..ROWS } else { 0..ROWS };
    let mut text = String::new();
    for row in rows {
        let label = if row == ROWS - 1 {
            &bottom
        } else if row == 0 {
            &top
        } else {
            ""
        };
        let marks: String = values
            .iter()
            .map(|value| if value.is_some_and(|value| row_of(value) == row) { '●' } else { ' ' })
            .collect();
        text += &format!("{label:>width$} ┤{}\n", marks.trim_end());
    }
    let mut last = format!("{} trials", line.len());
    let scale = "log scale, ";
    if is_log && scale.len() + last.len() + 2 <= columns {
        last.insert_str(0, scale);
    }
    let gap = columns.saturating_sub(1 + last.len()).max(1);
    text + &format!("{:width$} └{}\n{:width$}  1{:gap$}{last}\n", "", "─".repeat(columns), "", "")
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_plot_falls_from_left_to_right() {
        let text = draw(&[None, Some(9.0), Some(9.0), Some(0.0)], 80);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], format!("9 ┤{}{}", " ".repeat(15), "●".repeat(30)));
        assert_eq!(rows[9], format!("0 ┤{}{}", " ".repeat(45), "●".repeat(15)));
        assert_eq!(rows.len(), 12);
    }

    #[test]
    fn values_over_orders_of_magnitude_are_drawn_on_a_logarithmic_scale() {
        let values = [1e3, 1.0, 1e-3, 1e-6].map(Some);
        let text = draw(&values, 80);
        let rows: Vec<&str> = text.lines().collect();
        for (row, column) in [(0, 0), (3, 15), (6, 30), (9, 45)] {
            let marks = rows[row].split_once('┤').unwrap().1;
            assert_eq!(marks, format!("{}{}", " ".repeat(column), "●".repeat(15)));
        }
        assert!(text.ends_with("log scale, 4 trials\n"));
        assert!(!draw(&[Some(1e3), Some(0.0)], 80).contains("log scale"));
    }

    #[test]
    fn any_values_can_be_drawn() {
        let flat = draw(&[Some(1.0); 200], 80);
        assert_eq!(flat.lines().count(), 3);
        assert!(flat.contains(&"●".repeat(60)) && flat.contains("200 trials"));
        let huge = draw(&[Some(1e308), Some(-1e308)], 80);
        assert!(huge.lines().next().unwrap().ends_with("┤●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●"));
        let tiny = draw(&[Some(5e-324), Some(0.0)], 80);
        assert_eq!(tiny.matches('●').count(), 60);
        let long = draw(&(0..1001).map(|index| Some(f64::from(-index))).collect::<Vec<_>>(), 80);
        assert_eq!(long.matches('●').count(), 60);
    }

    #[test]
    fn a_plot_fits_a_narrow_terminal() {
        let line: Vec<Option<f64>> =
            (0..50).map(|index| Some(1e-12 / 1.5_f64.powi(index))).collect();
        for columns in [24, 40, 72, 200] {
            let text = draw(&line, columns);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{columns}: {text}");
        }
    }
}

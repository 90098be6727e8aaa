//! A plot in text.

use optiformer::study::Study;

use crate::output::short;

const COLUMNS: usize = 60;
const ROWS: usize = 10;

/// The best feasible objective so far over the trials with an outcome, in a space with a fidelity
/// at the highest one so far; empty with fewer than two such trials.
pub fn best_so_far(study: &Study) -> String {
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
    if line.iter().flatten().count() < 2 { String::new() } else { draw(&line) }
}

/// Draws one value per trial, left to right; `None` before the first value.
fn draw(line: &[Option<f64>]) -> String {
    // A column shows the last of its trials.
    let values: Vec<_> =
        (1..=COLUMNS).map(|column| line[(column * line.len()).div_ceil(COLUMNS) - 1]).collect();
    let (low, high) =
        line.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |range, value| {
            (range.0.min(*value), range.1.max(*value))
        });
    // Halved, so that the range of two huge values is finite.
    let row_of = |value: f64| {
        let part = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        if part.is_finite() {
            ((1.0 - part) * (ROWS - 1) as f64).round() as usize
        } else {
            ROWS - 1
        }
    };
    let (top, bottom) = (short(high), short(low));
    let width = top.len().max(bottom.len());
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
    let last = format!("{} trials", line.len());
    let gap = COLUMNS.saturating_sub(1 + last.len()).max(1);
    text + &format!("{:width$} └{}\n{:width$}  1{:gap$}{last}\n", "", "─".repeat(COLUMNS), "", "")
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_plot_falls_from_left_to_right() {
        let text = draw(&[None, Some(9.0), Some(9.0), Some(0.0)]);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], format!("9 ┤{}{}", " ".repeat(15), "●".repeat(30)));
        assert_eq!(rows[9], format!("0 ┤{}{}", " ".repeat(45), "●".repeat(15)));
        assert_eq!(rows.len(), 12);
    }

    #[test]
    fn any_values_can_be_drawn() {
        let flat = draw(&[Some(1.0); 200]);
        assert_eq!(flat.lines().count(), 3);
        assert!(flat.contains(&"●".repeat(60)) && flat.contains("200 trials"));
        let huge = draw(&[Some(1e308), Some(-1e308)]);
        assert!(huge.lines().next().unwrap().ends_with("┤●●●●●●●●●●●●●●●●●●●●●●●●●●●●●●"));
        let tiny = draw(&[Some(5e-324), Some(0.0)]);
        assert_eq!(tiny.matches('●').count(), 60);
        let long = draw(&(0..1001).map(|index| Some(f64::from(-index))).collect::<Vec<_>>());
        assert_eq!(long.matches('●').count(), 60);
    }
}

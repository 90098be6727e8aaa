//! How much each parameter matters.

use askama::filters::Safe;

use super::{abbreviated, svg::Svg};
use crate::report::sensitivity::SobolIndices;

/// Most parameters with a bar.
pub const MAX_BARS: usize = 24;

/// Bars of the parameters' indices, `(name, indices)`, in the order in which they are given.
pub fn importances(parameters: &[(&str, SobolIndices)], width: f64) -> Safe<String> {
    const ROW: f64 = 30.0;
    let shown = &parameters[..parameters.len().min(MAX_BARS)];
    let mut svg = Svg::new(width, ROW * shown.len() as f64 + 6.0, "Importance of the parameters");
    let letters = shown.iter().map(|it| it.0.chars().count()).max().unwrap_or(0).clamp(4, 18);
    let left = 12.0 + 7.4 * letters as f64;
    let room = width - left - 58.0;
    let most = shown.iter().map(|it| it.1.total).fold(1e-9, f64::max).max(0.05);
    for (row, (name, indices)) in shown.iter().enumerate() {
        let y = ROW * row as f64 + 5.0;
        let total = indices.total.max(0.0);
        let first = indices.first.clamp(0.0, total);
        svg.text("name end", (left - 10.0, y + 15.5), &abbreviated(name, 18));
        svg.rectangle("bar-total", (left, y), (room * total / most, 21.0));
        svg.rectangle("bar-first", (left, y), (room * first / most, 21.0));
        let share = percent(total);
        svg.text("tick", (left + room * total / most + 7.0, y + 15.5), &share);
    }
    svg.finish()
}

/// A share as text.
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 { "< 1 %".into() } else { format!("{:.0} %", 100.0 * share) }
}

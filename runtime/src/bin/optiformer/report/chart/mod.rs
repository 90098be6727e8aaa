//! Charts as images that follow the page's style sheet.

mod axis;
mod best_so_far;
mod constraint;
mod importance;
mod landscape;
mod parallel;
mod pareto;
mod plot;
mod reports;
mod slice;
mod svg;

pub use axis::Axis;
pub use best_so_far::{Series, best_so_far};
pub use constraint::constraint;
pub use importance::importances;
pub use landscape::{Landscape, landscape};
pub use parallel::parallel_coordinates;
pub use pareto::pareto;
pub use reports::reports;
pub use slice::slice;

use optiformer::study::Trial;

use crate::output::short;

/// Most dots of a chart; a longer study is thinned out.
pub const MAX_DOTS: usize = 600;

/// What a dot says when pointed at.
fn tooltip(trial: &Trial, value: f64) -> String {
    format!("trial {}: {}", trial.id, short(value))
}

/// A text of at most `letters` letters, the middle left out.
fn abbreviated(text: &str, letters: usize) -> String {
    let count = text.chars().count();
    if count <= letters {
        return text.to_string();
    }
    let keep = letters.saturating_sub(1);
    let head: String = text.chars().take(keep.div_ceil(2)).collect();
    let tail: String = text.chars().skip(count - keep / 2).collect();
    format!("{head}…{tail}")
}

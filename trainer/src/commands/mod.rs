//! One file per subcommand.

pub mod adaptation;
pub mod budgets;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod prior;
pub mod smoke;
pub mod surrogate;
pub mod train;
pub mod train_text;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal over `count` of what `unit` names, with the time that is left.
fn progress_bar(count: usize, unit: &str) -> ProgressBar {
    let template = format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    ProgressBar::new(count as u64).with_style(style)
}

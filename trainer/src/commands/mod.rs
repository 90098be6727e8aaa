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

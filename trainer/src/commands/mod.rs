//! One file per subcommand.

pub mod export;
pub mod generate;
pub mod train;

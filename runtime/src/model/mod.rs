//! The transformer.
mod config;
pub use config::{Config, FORMAT_VERSION, Metadata, PRESETS};

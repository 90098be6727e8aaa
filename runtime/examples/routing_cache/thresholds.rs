//! The six parameters.

use optiformer::{Error, Space, space::Configuration};
use serde::{Deserialize, Serialize};

/// When the cache answers in place of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// How often a context was seen at least.
    #[arg(long, default_value_t = 50)]
    pub frequency_threshold: u32,
    /// The most entropy of the byte after it, in nats.
    #[arg(long, default_value_t = 0.5)]
    pub entropy_threshold: f64,
    /// The least share of the most frequent byte after it.
    #[arg(long, default_value_t = 0.8)]
    pub confidence_threshold: f64,
    /// The most contexts.
    #[arg(long, default_value_t = 1000)]
    pub cache_size: usize,
    /// Seconds a context lives after it was last seen.
    #[arg(long, default_value_t = 60)]
    pub cache_ttl_seconds: u64,
    /// Bytes of a context.
    #[arg(long, default_value_t = 4)]
    pub context_window_size: usize,
}

impl Default for Thresholds {
    /// The document's default.
    fn default() -> Self {
        Self {
            frequency_threshold: 50,
            entropy_threshold: 0.5,
            confidence_threshold: 0.8,
            cache_size: 1000,
            cache_ttl_seconds: 60,
            context_window_size: 4,
        }
    }
}

impl Thresholds {
    /// What is searched.
    pub fn space() -> Space {
        Space::from_json(include_str!("space.json")).expect("the space is well-formed")
    }

    /// Checks what the cache relies on; values outside of the space are fine otherwise.
    ///
    /// # Errors
    ///
    /// A size that is 0, or a context longer than eight bytes, by name.
    pub fn validate(&self) -> Result<(), String> {
        if self.cache_size == 0 {
            return Err(String::from("cache_size is 0"));
        }
        if !(1..=8).contains(&self.context_window_size) {
            return Err(format!(
                "context_window_size {} is not in 1..=8",
                self.context_window_size
            ));
        }
        Ok(())
    }

    /// The thresholds of a configuration of [`space`](Self::space).
    ///
    /// # Errors
    ///
    /// A configuration of another space.
    pub fn of(space: &Space, configuration: &Configuration) -> Result<Self, Error> {
        let values = space.configuration_to_json(configuration);
        serde_json::from_value(values.into())
            .map_err(|error| Error::new(optiformer::ErrorKind::InvalidValue, error.to_string()))
    }
}

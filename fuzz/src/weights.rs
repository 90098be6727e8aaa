//! Weights files: header, config, shapes, offsets, tensors.

use optiformer::model::{Config, Metadata, Model, Precision, Weights};

/// Reads a weights file; returns whether it is one.
pub fn run(data: &[u8]) -> bool {
    let Ok(model) = Model::from_bytes(data) else { return false };
    assert!(model.config().validate().is_ok());
    // A parameter takes a byte at least.
    assert!(model.config().parameters() <= data.len());
    true
}

/// Small models in every precision.
pub fn seeds() -> Vec<Vec<u8>> {
    let config =
        Config { hidden_size: 8, layers: 1, heads: 2, feed_forward_size: 12, ..Config::pico() };
    let weights = Weights::random(&config, 1);
    let bytes = |precision| {
        weights.to_bytes(&config, &Metadata::default(), precision).expect("the config is valid")
    };
    [Precision::F32, Precision::F16, Precision::Int8].map(bytes).into()
}

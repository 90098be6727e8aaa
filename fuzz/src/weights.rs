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

/// Small models in every precision, of tokens and of rows.
pub fn seeds() -> Vec<Vec<u8>> {
    let tokens =
        Config { hidden_size: 8, layers: 1, heads: 2, feed_forward_size: 12, ..Config::pico() };
    let rows = Config { slots: 8, value_features: 5, prediction_slots: 3, ..tokens.clone() };
    let bytes = |config: &Config, precision| {
        let weights = Weights::random(config, 1);
        weights.to_bytes(config, &Metadata::default(), precision).expect("the config is valid")
    };
    let precisions = [Precision::F32, Precision::F16, Precision::Int8];
    let seeds = [&tokens, &rows].into_iter();
    seeds.flat_map(|config| precisions.map(|precision| bytes(config, precision))).collect()
}

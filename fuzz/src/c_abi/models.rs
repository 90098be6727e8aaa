//! Calls that read weights.

use std::{ptr, sync::LazyLock};

use optiformer::model::{Config, Metadata, Precision, Weights};
use optiformer_ffi::model::*;

use super::Session;

/// A weights file of a model that is small enough for many suggestions.
pub(super) static WEIGHTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let config = Config {
        hidden_size: 8,
        layers: 1,
        heads: 2,
        feed_forward_size: 12,
        slots: 8,
        value_features: 5,
        ..Config::pico()
    };
    Weights::random(&config, 1)
        .to_bytes(&config, &Metadata::default(), Precision::Int8)
        .expect("the config is valid")
});

impl Session<'_> {
    /// Reads weights; a model takes the place of the one before. Studies and caches keep theirs.
    pub(super) fn load_model(&mut self, bytes: &[u8]) {
        let mut model = ptr::null_mut();
        // SAFETY: the bytes and the places live; the old model is freed once.
        unsafe {
            let (length, error) = (bytes.len(), &raw mut self.error);
            let status = optiformer_model_from_bytes(bytes.as_ptr(), length, &mut model, error);
            if self.check(status) {
                optiformer_model_free(self.model);
                self.model = model;
            }
        }
    }

    /// Weights with up to eight bytes changed, or cut short.
    pub(super) fn damaged_model(&mut self) {
        let mut bytes = WEIGHTS.clone();
        for _ in 0..self.count(8) {
            let place = usize::from_le_bytes([self.byte(), self.byte(), 0, 0, 0, 0, 0, 0]);
            let place = place % bytes.len();
            bytes[place] = self.byte();
        }
        if self.byte() % 8 == 7 {
            let length = usize::from(self.byte()) << (self.byte() % 8);
            bytes.truncate(length);
        }
        self.load_model(&bytes);
    }

    pub(super) fn describe_model(&mut self) {
        let model = self.model;
        // SAFETY: the model is null or lives; the buffer is as long as it is said to be.
        let text = self.written(|buffer, capacity, needed, error| unsafe {
            optiformer_model_description(model, buffer, capacity, needed, error)
        });
        assert_eq!(text.is_none(), model.is_null());
    }
}

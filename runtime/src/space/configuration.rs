use alloc::{sync::Arc, vec::Vec};

/// One point of a space: a value for each active parameter, in the space's order.
///
/// The values never change, and clones share them: a long history is handed about without being
/// copied.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    values: Arc<[Option<f64>]>,
}

impl Configuration {
    /// Takes one value per parameter; `None` for an inactive one. Nothing is checked:
    /// see [`Space::validate`](super::Space::validate).
    pub fn new(values: Vec<Option<f64>>) -> Self {
        Self { values: values.into() }
    }

    /// The values, in the space's order.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// The value of parameter `index`; `None` when it is inactive (or there is no such parameter).
    pub fn get(&self, index: usize) -> Option<f64> {
        self.values.get(index).copied().flatten()
    }

    /// Whether both hold the same bits; of clones that is known without looking at them.
    #[cfg(feature = "classical")]
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        let bits = |value: &Option<f64>| value.map(f64::to_bits);
        Arc::ptr_eq(&self.values, &other.values)
            || self.values.iter().map(bits).eq(other.values.iter().map(bits))
    }
}

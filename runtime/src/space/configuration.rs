use alloc::{sync::Arc, vec::Vec};

/// A point of a search space: one value for each active parameter, in the space's order.
///
/// Values are immutable and shared between clones, so a long history is cheap to copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    values: Arc<[Option<f64>]>,
}

impl Configuration {
    /// A configuration from one value per parameter, `None` where it is inactive. Unchecked: see
    /// [`Space::validate`](super::Space::validate).
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

    /// Whether both have the same bits; immediate for clones.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        let bits = |value: &Option<f64>| value.map(f64::to_bits);
        Arc::ptr_eq(&self.values, &other.values)
            || self.values.iter().map(bits).eq(other.values.iter().map(bits))
    }
}

use alloc::vec::Vec;

/// One point of a space: a value for each active parameter, in the space's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    values: Vec<Option<f64>>,
}

impl Configuration {
    /// Takes one value per parameter; `None` for an inactive one. Nothing is checked:
    /// see [`Space::validate`](super::Space::validate).
    pub fn new(values: Vec<Option<f64>>) -> Self {
        Self { values }
    }

    /// The values, in the space's order.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// The value of parameter `index`; `None` when it is inactive (or there is no such parameter).
    pub fn get(&self, index: usize) -> Option<f64> {
        self.values.get(index).copied().flatten()
    }
}

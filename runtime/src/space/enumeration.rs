use alloc::vec::Vec;

use super::{Configuration, Space};

impl Space {
    /// Every legal configuration, last parameter fastest; `None` if a parameter is continuous or
    /// there are more than `limit`.
    pub fn enumerate(&self, limit: usize) -> Option<Vec<Configuration>> {
        if self.parameters().iter().any(|parameter| parameter.domain().levels().is_none()) {
            return None;
        }
        let mut all = Vec::new();
        let mut values = Vec::with_capacity(self.len());
        self.descend(&mut values, limit, &mut all).then_some(all)
    }

    /// Adds every completion of `values`; returns false beyond `limit`.
    fn descend(
        &self,
        values: &mut Vec<Option<f64>>,
        limit: usize,
        all: &mut Vec<Configuration>,
    ) -> bool {
        let index = values.len();
        if index == self.len() {
            let configuration = Configuration::new(values.clone());
            if self.forbidden_by(&configuration).is_none() {
                all.push(configuration);
            }
            return all.len() <= limit;
        }
        let domain = self.parameters()[index].domain();
        let levels = if self.is_active(index, values) { domain.levels() } else { None };
        for level in 0..levels.unwrap_or(1) {
            values.push(levels.map(|_| domain.level(level)));
            let within = self.descend(values, limit, all);
            values.pop();
            if !within {
                return false;
            }
        }
        true
    }
}

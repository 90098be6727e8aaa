//! The fidelity of a space, taken out of it and put back.

#[cfg(feature = "classical")]
use alloc::vec::Vec;

use crate::{
    Result,
    space::{Configuration, Domain, Space},
};

/// Most levels of a fidelity.
#[cfg(feature = "classical")]
const MAX_LEVELS: usize = 64;

/// A space with a fidelity, and the space of its other parameters.
#[derive(Clone, Debug)]
pub(crate) struct FidelitySpace {
    index: usize,
    domain: Domain,
    /// The space without the fidelity.
    pub others: Space,
}

impl FidelitySpace {
    /// `None` where the space has no fidelity.
    pub fn new(space: &Space) -> Result<Option<Self>> {
        let Some(index) = space.fidelity() else { return Ok(None) };
        let Some(others) = space.without_fidelity().transpose()? else { return Ok(None) };
        Ok(Some(Self { index, domain: space.parameters()[index].domain().clone(), others }))
    }

    /// The fidelity of a configuration.
    pub fn of(&self, configuration: &Configuration) -> f64 {
        configuration.get(self.index).unwrap_or(f64::NAN)
    }

    /// A configuration without its fidelity.
    pub fn without(&self, configuration: &Configuration) -> Configuration {
        let mut values = configuration.values().to_vec();
        if self.index < values.len() {
            values.remove(self.index);
        }
        Configuration::new(values)
    }

    /// A configuration of the other parameters at a fidelity.
    pub fn at(&self, others: &Configuration, fidelity: f64) -> Configuration {
        let mut values = others.values().to_vec();
        values.insert(self.index.min(values.len()), Some(fidelity));
        Configuration::new(values)
    }

    /// The highest fidelity.
    pub fn highest(&self) -> f64 {
        match (&self.domain, self.domain.levels()) {
            (_, Some(levels)) => self.domain.level(levels - 1),
            (Domain::Float { high, .. }, None) => *high,
            _ => f64::NAN,
        }
    }

    /// The highest fidelity divided by powers of `reduction_factor`, rounded to legal values,
    /// ascending: as many as the domain has, at least one.
    #[cfg(feature = "classical")]
    pub fn levels(&self, reduction_factor: u64) -> Vec<f64> {
        let low = match self.domain {
            Domain::Float { low, .. } | Domain::Int { low, .. } => low,
            Domain::Categorical { .. } => f64::NAN,
        };
        let mut exact = self.highest();
        let mut levels = alloc::vec![exact];
        while levels.len() < MAX_LEVELS {
            exact /= reduction_factor as f64;
            // A share such as 1/27 is rounded in its text.
            if exact.is_nan() || exact < low * (1.0 - 1e-6) {
                break;
            }
            let legal = match self.domain.levels() {
                Some(_) => self.domain.level(self.domain.level_of(exact)),
                None => exact.max(low),
            };
            // Two levels of an int may round to one.
            if legal < levels[levels.len() - 1] {
                levels.push(legal);
            }
        }
        levels.reverse();
        levels
    }
}

#[cfg(all(test, feature = "classical"))]
mod tests {
    use super::*;
    use crate::space::Parameter;

    fn levels(fidelity: Parameter, reduction_factor: u64) -> Vec<f64> {
        let other = Parameter::float("x", 0.0, 1.0);
        let space = Space::new(alloc::vec![other, fidelity.fidelity()]).unwrap();
        FidelitySpace::new(&space).unwrap().unwrap().levels(reduction_factor)
    }

    #[test]
    fn levels_are_legal_and_begin_above_the_bound() {
        assert_eq!(levels(Parameter::int("epochs", 1, 81), 3), [1.0, 3.0, 9.0, 27.0, 81.0]);
        assert_eq!(levels(Parameter::int("epochs", 1, 52).log(), 3), [2.0, 6.0, 17.0, 52.0]);
        assert_eq!(levels(Parameter::int("epochs", 5, 50).step(5.0), 3), [5.0, 15.0, 50.0]);
        assert_eq!(levels(Parameter::int("epochs", 2, 4), 3), [4.0]);
        assert_eq!(levels(Parameter::float("share", 0.037037, 1.0), 3).len(), 4);
        let shares = levels(Parameter::float("share", 0.1, 0.95).step(0.2), 2);
        assert_eq!(shares, [0.1, 0.1 + 0.2, 0.5, 0.9]);
        assert_eq!(levels(Parameter::float("share", 1e-300, 1.0), 2).len(), MAX_LEVELS);
    }

    #[test]
    fn a_fidelity_is_taken_out_and_put_back() {
        let space = Space::new(alloc::vec![
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::int("epochs", 1, 9).fidelity(),
            Parameter::float("x", 0.0, 1.0).when("kind", ["a"]),
        ])
        .unwrap();
        let of = FidelitySpace::new(&space).unwrap().unwrap();
        let whole = Configuration::new(alloc::vec![Some(1.0), Some(3.0), None]);
        assert_eq!((of.of(&whole), of.highest()), (3.0, 9.0));
        let others = of.without(&whole);
        of.others.validate(&others).unwrap();
        assert_eq!(of.at(&others, 3.0), whole);
    }
}

use crate::{Error, ErrorKind, Result};

/// Options of the [`GridSampler`](super::GridSampler).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GridOptions {
    /// Points in each dimension, at least one; 3 by default. Floats are spread evenly over their
    /// scale, with both ends. Ints and floats with a step have at most their values, categoricals
    /// have all their choices, and conditional parameters appear only where they are active. With
    /// one point it is the middle.
    pub points: u64,
    /// The order of the points; random by default.
    pub order: GridOrder,
}

/// The order in which a grid is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GridOrder {
    /// An order that the study's seed draws, so that a search that is cut short has seen all parts
    /// of the space.
    #[default]
    Random,
    /// Lexicographic: the last parameter changes fastest, each from its lowest value or first
    /// choice.
    Given,
}

impl Default for GridOptions {
    fn default() -> Self {
        Self { points: 3, order: GridOrder::default() }
    }
}

impl GridOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.points == 0 {
            let context = "a grid needs at least one point in each dimension, not 0";
            return Err(Error::new(ErrorKind::InvalidValue, context));
        }
        Ok(())
    }
}

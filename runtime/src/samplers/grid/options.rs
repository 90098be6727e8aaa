use alloc::{format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

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

/// The options that differ from the defaults: `points=5,order=given`.
impl fmt::Display for GridOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options: Vec<String> = Vec::new();
        if self.points != Self::default().points {
            options.push(format!("points={}", self.points));
        }
        if self.order == GridOrder::Given {
            options.push(String::from("order=given"));
        }
        formatter.write_str(&options.join(","))
    }
}

impl FromStr for GridOptions {
    type Err = Error;

    /// Parses options such as `points=5,order=given`; those that are left out are the defaults.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the option.
    fn from_str(text: &str) -> Result<Self> {
        let invalid =
            |what| Error::new(ErrorKind::InvalidValue, format!("sampler \"grid\": {what}"));
        let mut options = Self::default();
        for option in text.split(',').filter(|_| !text.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match (name.trim(), value.trim()) {
                ("points", value) => {
                    let why = format!("points is a whole number, not \"{value}\"");
                    options.points = value.parse().map_err(|_| invalid(why))?;
                }
                ("order", "random") => options.order = GridOrder::Random,
                ("order", "given") => options.order = GridOrder::Given,
                ("order", value) => {
                    return Err(invalid(format!("order is random or given, not \"{value}\"")));
                }
                (name, _) => {
                    let why = format!("there is no option \"{name}\"; there are points and order");
                    return Err(invalid(why));
                }
            }
        }
        options.check()?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_gives_back_the_options() {
        for (text, points, order) in [
            ("", 3, GridOrder::Random),
            ("points=7", 7, GridOrder::Random),
            ("order=given", 3, GridOrder::Given),
            ("points=1,order=given", 1, GridOrder::Given),
        ] {
            let options: GridOptions = text.parse().unwrap();
            assert_eq!((options.points, options.order), (points, order));
            assert_eq!(format!("{options}"), text);
        }
        for (text, expected) in [
            ("points=0", "not 0"),
            ("points=x", "points is a whole number, not \"x\""),
            ("points", "not \"\""),
            ("order=up", "random or given, not \"up\""),
            ("size=3", "no option \"size\"; there are points and order"),
        ] {
            let error = text.parse::<GridOptions>().unwrap_err();
            assert!(error.context().contains(expected), "{error}");
        }
    }
}

//! Configurations that wait to be handed out, some of them with values left open.

use alloc::{format, vec::Vec};

use rand::{Rng, RngExt};

use crate::{
    Error, ErrorKind, Result,
    space::{Configuration, Space},
};

/// Checks a configuration of which values may be missing.
///
/// # Errors
///
/// [`ErrorKind::InvalidValue`], naming the parameter: a wrong number of values, an illegal one, or
/// one of a parameter that another value makes inactive.
pub(super) fn check(space: &Space, configuration: &Configuration) -> Result<()> {
    let values = configuration.values();
    if values.len() != space.len() {
        let context = format!("{} values for {} parameters", values.len(), space.len());
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    for (parameter, value) in space.parameters().iter().zip(values) {
        value.map_or(Ok(()), |value| parameter.check_value(value))?;
    }
    with_parents(space, configuration).map(|_| ())
}

/// Whether a trial's configuration has every value that was enqueued.
pub(super) fn matches(enqueued: &Configuration, configuration: &Configuration) -> bool {
    let pairs = enqueued.values().iter().zip(configuration.values());
    enqueued.values().len() == configuration.values().len()
        && pairs.into_iter().all(|(enqueued, value)| enqueued.is_none() || enqueued == value)
}

/// The legal configuration with the values that were enqueued, and for the rest those of
/// `suggested` where it has them, else random ones.
pub(super) fn complete(
    space: &Space,
    enqueued: &Configuration,
    suggested: &Configuration,
    rng: &mut impl Rng,
) -> Result<Configuration> {
    let given = with_parents(space, enqueued)?;
    let mut values: Vec<Option<f64>> = Vec::with_capacity(space.len());
    for (index, parameter) in space.parameters().iter().enumerate() {
        let value = space.is_active(index, &values).then(|| {
            let suggested = suggested.get(index);
            given[index].or(suggested).unwrap_or_else(|| parameter.domain().from_unit(rng.random()))
        });
        values.push(value);
    }
    Ok(Configuration::new(values))
}

/// The enqueued values, and the parents' values that they need: the first that activates them.
fn with_parents(space: &Space, enqueued: &Configuration) -> Result<Vec<Option<f64>>> {
    let mut values = enqueued.values().to_vec();
    // Parents are declared before their children.
    for index in (0..values.len()).rev() {
        if values[index].is_none() {
            continue;
        }
        let Some((parent, activating)) = space.activation(index) else { continue };
        match values[parent] {
            None => values[parent] = activating.first().copied(),
            Some(value) if activating.contains(&value) => {}
            Some(_) => {
                let name = space.parameters()[index].name();
                let context = format!("parameter \"{name}\" is inactive and has a value");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand::SeedableRng;

    use super::*;
    use crate::space::Parameter;

    fn space() -> Space {
        Space::new(vec![
            Parameter::categorical("kind", ["adam", "sgd", "rmsprop"]),
            Parameter::int("depth", 1, 3).when("kind", ["sgd", "rmsprop"]),
            Parameter::float("momentum", 0.0, 1.0).when("depth", [2.0]),
            Parameter::float("rate", 0.0, 1.0),
        ])
        .unwrap()
    }

    #[test]
    fn values_that_are_missing_come_from_the_suggestion() {
        let space = space();
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::from_seed([1; 32]);
        let suggested = Configuration::new(vec![Some(0.0), None, None, Some(0.25)]);
        // The momentum needs a depth of 2, which needs a kind with a depth.
        let enqueued = Configuration::new(vec![None, None, Some(0.5), None]);
        check(&space, &enqueued).unwrap();
        let whole = complete(&space, &enqueued, &suggested, &mut rng).unwrap();
        assert_eq!(whole.values(), [Some(1.0), Some(2.0), Some(0.5), Some(0.25)]);
        assert!(matches(&enqueued, &whole) && !matches(&suggested, &whole));
        // Nothing was suggested for a parameter that becomes active.
        let enqueued = Configuration::new(vec![Some(2.0), None, None, Some(0.75)]);
        let whole = complete(&space, &enqueued, &suggested, &mut rng).unwrap();
        space.validate(&whole).unwrap();
        assert_eq!((whole.get(0), whole.get(3)), (Some(2.0), Some(0.75)));
    }

    #[test]
    fn values_that_contradict_each_other_are_refused() {
        let refused = |values: [Option<f64>; 4], context: &str| {
            let error = check(&space(), &Configuration::new(values.to_vec())).unwrap_err();
            assert!(error.context().contains(context), "{error}");
        };
        refused([Some(0.0), Some(2.0), None, None], "\"depth\" is inactive");
        refused([Some(0.0), None, Some(0.5), None], "\"depth\" is inactive");
        refused([None, Some(1.0), Some(0.5), None], "\"momentum\" is inactive");
        refused([None, None, None, Some(2.0)], "\"rate\"");
    }
}

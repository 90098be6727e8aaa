use optiformer::{
    Result,
    space::{Parameter, SearchBox, Space},
    tokenizer::{Tokenizer, vocabulary},
};
use rand::{RngExt, SeedableRng};

use crate::{criteria::Criteria, random::SeededRng};

/// Step 2: values of every kind there and back.
pub fn check(criteria: &mut Criteria) -> Result<()> {
    let space = Space::new(vec![
        Parameter::float("float", -3.0, 7.0),
        Parameter::float("log float", 1e-6, 1e2).log(),
        Parameter::float("step", 0.0, 1.0).step(0.05),
        Parameter::int("int", -10, 90),
        Parameter::int("log int", 1, 512).log(),
        Parameter::categorical("categorical", ["a", "b", "c", "d", "e"]),
    ])?;
    let tokenizer = Tokenizer::new(&space)?;
    let view = SearchBox::whole(space.len());
    let mut rng = SeededRng::seed_from_u64(42);
    let (mut worst, mut rounded) = (0.0_f64, 0.0_f64);
    let (mut illegal, mut unstable, mut inexact) = (0, 0, 0);
    for round in 0..2000 {
        for (index, parameter) in space.parameters().iter().enumerate() {
            let domain = parameter.domain();
            let unit = match round {
                0 => 0.0,
                1 => 1.0,
                2 => 0.5,
                _ => rng.random(),
            };
            let value = domain.from_unit(unit);
            let token = tokenizer.value(index, value, &view);
            let back = tokenizer.decode(index, token, &view, 0.5);
            illegal += usize::from(!domain.contains(back));
            unstable += usize::from(token != tokenizer.value(index, value, &view));
            unstable += usize::from(tokenizer.value(index, back, &view) != token);
            // Fewer levels than bins come back exactly; at a bound, the middle of the last bin is
            // not the bound.
            if domain.levels().is_some_and(|levels| levels <= 101) {
                inexact += usize::from(back != value);
            } else if !domain.is_categorical() {
                let error = (domain.to_unit(back) - domain.to_unit(value)).abs();
                // An int with levels finer than bins is rounded once more, to a level.
                let worst = if domain.levels().is_some() { &mut rounded } else { &mut worst };
                *worst = worst.max(error * vocabulary::BINS as f64);
            }
        }
    }
    criteria.at_most(2, "largest error of a round trip, bins", worst, 0.500_001);
    criteria.at_most(2, "the same for ints finer than bins, bins", rounded, 1.0);
    criteria.equals(2, "levels and choices that came back as others", inexact as f64, 0.0);
    criteria.equals(2, "values decoded out of range", illegal as f64, 0.0);
    criteria.equals(2, "values whose token changed", unstable as f64, 0.0);
    let named = ["<bos>", "<pad>", "<trial_sep>", "<score>", "<target_regret_0>", "x0", "c0"]
        .into_iter()
        .filter(|name| {
            let token = vocabulary::token(name);
            token.and_then(vocabulary::describe).as_deref() == Some(*name)
        });
    criteria.equals(2, "special tokens that are known by name", named.count() as f64, 7.0);
    let known = (0..=u16::MAX).filter(|token| vocabulary::describe(*token).is_some()).count();
    criteria.equals(2, "tokens", known as f64, vocabulary::SIZE as f64);
    Ok(())
}

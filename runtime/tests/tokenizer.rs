//! Values there and back through tokens, of every kind and in every view.

use optiformer::{
    space::{Parameter, SearchBox, Space},
    tokenizer::{
        Tokenizer,
        vocabulary::{BINS, BOS, SCORE, TARGET_REGRET, TRIAL_SEP},
    },
};
use proptest::prelude::*;

fn space() -> Space {
    Space::new(vec![
        Parameter::float("float", -3.0, 7.0),
        Parameter::float("log", 1e-6, 1e2).log(),
        Parameter::float("step", 0.0, 1.0).step(0.05),
        Parameter::int("int", -10, 90),
        Parameter::int("log int", 1, 64).log(),
        Parameter::categorical("choice", ["a", "b", "c"]),
        Parameter::float("child", 0.0, 1.0).when("choice", ["b"]),
    ])
    .unwrap()
}

proptest! {
    #[test]
    fn a_value_comes_back_within_half_a_bin(
        unit in prop::collection::vec(0.0..=1.0_f64, 7),
        center in prop::collection::vec(0.0..=1.0_f64, 7),
        width in 0.05..1.0_f64,
    ) {
        let space = space();
        let tokenizer = Tokenizer::new(&space).unwrap();
        let box_around = SearchBox::around(&[center, unit.clone()], 1.2, width, |dimension| dimension != 5);
        for search_box in [SearchBox::whole(7), box_around] {
            for (index, parameter) in space.parameters().iter().enumerate() {
                let domain = parameter.domain();
                let value = domain.from_unit(unit[index]);
                let token = tokenizer.value(index, value, &search_box);
                let legal = tokenizer.legal(index, &search_box);
                let inside = search_box.normalize(index, domain.to_unit(value));
                if !(0.0..=1.0).contains(&inside) {
                    continue;
                }
                prop_assert!(legal.range.contains(&token));
                if let Some(mask) = &legal.mask {
                    prop_assert!(mask[usize::from(token - legal.range.start)]);
                }
                let back = tokenizer.decode(index, token, &search_box, 0.5);
                prop_assert!(domain.contains(back));
                if domain.levels().is_some() {
                    prop_assert_eq!(back, value, "parameter {}", index);
                } else {
                    let error = search_box.normalize(index, domain.to_unit(back)) - inside;
                    prop_assert!(error.abs() <= 0.5 / BINS as f64 + 1e-9);
                }
            }
        }
    }

    #[test]
    fn every_legal_token_stands_for_a_legal_value(
        unit in prop::collection::vec(0.0..=1.0_f64, 7),
        width in 0.01..1.0_f64,
        fraction in 0.0..1.0_f64,
    ) {
        let space = space();
        let tokenizer = Tokenizer::new(&space).unwrap();
        let search_box = SearchBox::around(&[unit], 1.5, width, |dimension| dimension != 5);
        for (index, parameter) in space.parameters().iter().enumerate() {
            let legal = tokenizer.legal(index, &search_box);
            let mut some = false;
            for token in legal.range.clone() {
                let place = usize::from(token - legal.range.start);
                if legal.mask.as_ref().is_none_or(|mask| mask[place]) {
                    some = true;
                    let value = tokenizer.decode(index, token, &search_box, fraction);
                    prop_assert!(parameter.domain().contains(value), "{value} of {}", parameter.name());
                }
            }
            prop_assert!(some, "no token is legal for {}", parameter.name());
        }
    }
}

#[test]
fn bounds_are_proposed_exactly() {
    let space = space();
    let tokenizer = Tokenizer::new(&space).unwrap();
    let search_box = SearchBox::whole(7);
    for (index, low, high) in [(0, -3.0, 7.0), (1, 1e-6, 1e2), (6, 0.0, 1.0)] {
        assert_eq!(tokenizer.decode(index, 0, &search_box, 0.2), low);
        assert_eq!(tokenizer.decode(index, 999, &search_box, 0.7), high);
    }
}

#[test]
fn a_history_is_written_as_the_format_says() {
    let space = space();
    let tokenizer = Tokenizer::new(&space).unwrap();
    let search_box = SearchBox::whole(7);
    assert_eq!(Tokenizer::prompt(1), [BOS, TARGET_REGRET[1]]);
    let mut tokens = Vec::new();
    // "a" leaves the child out.
    let configuration = space.from_unit(&[0.5, 0.25, 0.0, 1.0, 0.0, 0.0, 0.9]);
    tokenizer.push_trial(&configuration, 321, &search_box, &mut tokens);
    let expected =
        [TRIAL_SEP, 1008, 500, 1009, 250, 1010, 23, 1011, 995, 1012, 142, 1013, 1136, SCORE, 321];
    assert_eq!(tokens, expected);
    // "b" brings it in.
    tokens.clear();
    let configuration = space.from_unit(&[0.5, 0.25, 0.0, 1.0, 0.0, 0.5, 0.9]);
    tokenizer.push_question(&configuration, &search_box, &mut tokens);
    assert_eq!(tokens[13..], [1014, 900, SCORE]);
    assert!(tokens.len() <= tokenizer.trial_length());
}

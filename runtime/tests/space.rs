//! Properties of the search space: random spaces of every kind, and what bad input gets.

use std::collections::HashSet;

use optiformer::{
    ErrorKind,
    space::{Choice, Configuration, Domain, Parameter, Space},
};
use proptest::prelude::*;

/// A float domain: any range, tiny ones and huge ones among them.
fn float() -> impl Strategy<Value = Domain> {
    let low = prop_oneof![-1e3..1e3, -1e300..1e300, Just(0.0), Just(-8e307), Just(5e-324)];
    let width = prop_oneof![1e-3..1e3, 1e-12..1e-9, 1e200..1e300, Just(8e307), Just(1e-320)];
    let step = prop_oneof![3 => Just(None), 1 => (1e-4..1.0).prop_map(Some)];
    (low, width, step).prop_filter_map("an empty range", |(low, width, share)| {
        let high = low + width;
        let step = share.map(|share| share * (high - low));
        let domain = Domain::Float { low, high, log: false, step };
        Space::new(vec![Parameter::new("x", domain.clone())]).is_ok().then_some(domain)
    })
}

fn log_float() -> impl Strategy<Value = Domain> {
    (-307.0..300.0, 1e-9..300.0).prop_map(|(exponent, decades): (f64, f64)| {
        let (low, high) = (10f64.powf(exponent), 10f64.powf((exponent + decades).min(307.0)));
        Domain::Float { low, high, log: true, step: None }
    })
}

fn int() -> impl Strategy<Value = Domain> {
    let low = prop_oneof![-50_i64..50, -(1_i64 << 53)..(1 << 52), Just(-(1_i64 << 53))];
    let width = prop_oneof![1_i64..40, 1_i64..(1 << 52), Just(1_i64 << 53)];
    (low, width, 1_i64..30).prop_map(|(low, width, step)| {
        let (low, width) = (low as f64, width as f64);
        Domain::Int {
            low,
            high: (low + width).min(2f64.powi(53)),
            log: false,
            step: (step as f64).min(width),
        }
    })
}

fn log_int() -> impl Strategy<Value = Domain> {
    (1_i64..1000, prop_oneof![1_i64..500, 1_i64..(1 << 50)]).prop_map(|(low, width)| Domain::Int {
        low: low as f64,
        high: (low + width) as f64,
        log: true,
        step: 1.0,
    })
}

fn categorical() -> impl Strategy<Value = Domain> {
    let choice = prop_oneof![
        any::<bool>().prop_map(Choice::from),
        (-1e9..1e9).prop_map(Choice::from),
        ".{0,8}".prop_map(Choice::from),
    ];
    prop::collection::vec(choice, 1..8).prop_map(|mut choices| {
        let mut seen = HashSet::new();
        choices.retain(|choice| seen.insert(format!("{choice:?}")));
        Domain::Categorical { choices }
    })
}

fn domain() -> impl Strategy<Value = Domain> {
    prop_oneof![float(), log_float(), int(), log_int(), categorical()]
}

/// A space of up to six parameters; some are conditional on an earlier one.
fn space() -> impl Strategy<Value = Space> {
    let parameter = (domain(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3);
    prop::collection::vec(parameter, 1..7).prop_map(|drawn| {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (number, (domain, parent, value, conditional)) in drawn.into_iter().enumerate() {
            let mut parameter = Parameter::new(format!("x{number} \"µ\""), domain);
            if number > 0 && conditional == 0 {
                let parent = &parameters[parent.index(number)];
                let level = value.index(parent.domain().levels().unwrap_or(1).min(9) as usize);
                let value = parent.to_choice(parent.domain().level(level as u64));
                if !matches!(parent.domain(), Domain::Float { .. }) {
                    parameter = parameter.when(parent.name(), [value]);
                }
            }
            parameters.push(parameter);
        }
        Space::new(parameters).expect("a valid space")
    })
}

/// A space and a point of its unit cube; the corners come often.
fn space_and_point() -> impl Strategy<Value = (Space, Vec<f64>)> {
    let coordinate = prop_oneof![4 => 0.0..1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => Just(1.0 - f64::EPSILON / 2.0)];
    (space(), prop::collection::vec(coordinate, 6)).prop_map(|(space, mut point)| {
        point.truncate(space.len());
        (space, point)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn zero_and_one_are_the_exact_bounds(domain in domain()) {
        let (first, last) = (domain.from_unit(0.0), domain.from_unit(1.0));
        match &domain {
            Domain::Float { low, high, step: None, .. } => {
                prop_assert_eq!((first, last), (*low, *high));
            }
            Domain::Float { low, high, step: Some(step), .. } => {
                prop_assert_eq!(first, *low);
                prop_assert!(last <= *high && last > high - step * (1.0 + 1e-6), "{} of {}", last, high);
            }
            Domain::Int { low, high, step, .. } => {
                prop_assert_eq!(first, *low);
                prop_assert!(last <= *high && last > high - step, "{} of {}", last, high);
            }
            Domain::Categorical { choices } => {
                prop_assert_eq!((first, last), (0.0, choices.len() as f64 - 1.0));
            }
        }
    }

    #[test]
    fn every_coordinate_gives_a_legal_value(domain in domain(), unit in prop_oneof![-2.0..3.0, any::<f64>()]) {
        let value = domain.from_unit(unit);
        prop_assert!(domain.contains(value), "{} gives {}", unit, value);
        let back = domain.to_unit(value);
        prop_assert!((0.0..=1.0).contains(&back), "{} lies at {}", value, back);
    }

    #[test]
    fn values_and_coordinates_round_trip(domain in domain(), unit in 0.0..1.0) {
        let value = domain.from_unit(unit);
        let again = domain.from_unit(domain.to_unit(value));
        match domain.levels() {
            Some(levels) if levels <= 1 << 40 => prop_assert_eq!(again, value),
            // What remains is the rounding of the logarithm, and of values far from zero.
            _ => {
                let (Domain::Float { low, high, log, .. } | Domain::Int { low, high, log, .. }) = domain
                else { unreachable!() };
                let tolerance = if log { value * 1e-12 } else { (high - low) * 1e-12 + value.abs() * 1e-15 };
                prop_assert!((again - value).abs() <= tolerance.max(5e-324), "{} became {}", value, again);
            }
        }
    }

    #[test]
    fn larger_coordinates_give_no_smaller_values(domain in domain(), a in 0.0..=1.0, b in 0.0..=1.0) {
        let (low, high) = (f64::min(a, b), f64::max(a, b));
        prop_assert!(domain.from_unit(low) <= domain.from_unit(high));
    }

    #[test]
    fn levels_are_legal_and_know_their_number(domain in domain(), level in any::<u64>()) {
        if let Some(levels) = domain.levels() {
            for level in [0, level % levels, levels - 1] {
                let value = domain.level(level);
                prop_assert!(domain.contains(value), "level {} is {}", level, value);
                prop_assert_eq!(domain.level_of(value), level);
            }
            prop_assert_eq!(domain.level(u64::MAX), domain.level(levels - 1));
        }
    }

    #[test]
    fn every_point_gives_a_valid_configuration((space, point) in space_and_point()) {
        let configuration = space.from_unit(&point);
        prop_assert_eq!(space.validate(&configuration), Ok(()));
        for (index, value) in configuration.values().iter().enumerate() {
            let condition = space.parameters()[index].condition();
            let active = condition.is_none_or(|condition| {
                let parent = space.index_of(&condition.parent).unwrap();
                configuration.get(parent).is_some_and(|value| {
                    condition.values.contains(&space.parameters()[parent].to_choice(value))
                })
            });
            prop_assert_eq!(value.is_some(), active);
        }
        prop_assert!(space.to_unit(&configuration).iter().all(|unit| (0.0..=1.0).contains(unit)));
    }

    #[test]
    fn spaces_and_configurations_survive_json((space, point) in space_and_point()) {
        let read = Space::from_json(&space.to_json());
        prop_assert_eq!(read.as_ref(), Ok(&space));
        let configuration = space.from_unit(&point);
        let json = serde_json::to_string(&space.configuration_to_json(&configuration)).unwrap();
        let object = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(space.configuration_from_json(&object), Ok(configuration), "{}", json);
    }

    #[test]
    fn enumeration_lists_every_configuration_once(
        domains in prop::collection::vec(prop_oneof![categorical(), (0_i64..3, 1_i64..5).prop_map(|(low, width)| {
            Domain::Int { low: low as f64, high: (low + width) as f64, log: false, step: 1.0 }
        })], 1..5),
        points in prop::collection::vec(prop::collection::vec(0.0..1.0, 5), 20),
    ) {
        let mut parameters = Vec::new();
        for (number, domain) in domains.into_iter().enumerate() {
            let parameter = Parameter::new(format!("x{number}"), domain);
            let parent: Option<&Parameter> = parameters.last();
            parameters.push(match parent {
                Some(parent) if number % 2 == 1 => {
                    let value = parent.to_choice(parent.domain().level(0));
                    parameter.when(parent.name(), [value])
                }
                _ => parameter,
            });
        }
        let space = Space::new(parameters).unwrap();
        let all = space.enumerate(1 << 16).unwrap();
        for (index, configuration) in all.iter().enumerate().take(50) {
            prop_assert_eq!(space.validate(configuration), Ok(()));
            prop_assert!(!all[..index].contains(configuration));
        }
        for point in points {
            prop_assert!(all.contains(&space.from_unit(&point[..space.len()])));
        }
        prop_assert_eq!(space.enumerate(all.len()).map(|found| found.len()), Some(all.len()));
        prop_assert_eq!(space.enumerate(all.len() - 1), None);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        prop_assert!(Space::from_json(&text).is_err());
    }

    #[test]
    fn no_damage_makes_the_reader_panic(space in space(), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut text: Vec<char> = space.to_json().chars().collect();
        let at = at.index(text.len());
        text[at] = with;
        // Damage may leave a valid space; whatever is read is one.
        if let Ok(read) = Space::from_json(&text.into_iter().collect::<String>()) {
            let configuration = read.from_unit(&vec![0.5; read.len()]);
            prop_assert_eq!(read.validate(&configuration), Ok(()));
        }
    }
}

#[test]
fn invalid_spaces_name_the_parameter() {
    let float = |low, high| Parameter::float("p", low, high);
    let domain = |low, high, step| Parameter::new("p", Domain::Int { low, high, log: false, step });
    let earlier = || Parameter::categorical("parent", ["a", "b"]);
    let none: [&str; 0] = [];
    let cases: Vec<(&str, Vec<Parameter>)> = vec![
        ("low above high", vec![float(2.0, 1.0)]),
        ("low equal to high", vec![float(1.0, 1.0)]),
        ("zeros of two signs", vec![float(-0.0, 0.0)]),
        ("low not a number", vec![float(f64::NAN, 1.0)]),
        ("high not a number", vec![float(0.0, f64::NAN)]),
        ("infinite high", vec![float(0.0, f64::INFINITY)]),
        ("infinite low", vec![float(f64::NEG_INFINITY, 0.0)]),
        ("a range beyond doubles", vec![float(-1.7e308, 1.7e308)]),
        ("log from zero", vec![float(0.0, 1.0).log()]),
        ("log from below zero", vec![float(-1.0, 1.0).log()]),
        ("log from minus zero", vec![float(-0.0, 1.0).log()]),
        ("log int from zero", vec![Parameter::int("p", 0, 8).log()]),
        ("step zero", vec![float(0.0, 1.0).step(0.0)]),
        ("negative step", vec![float(0.0, 1.0).step(-0.1)]),
        ("step not a number", vec![float(0.0, 1.0).step(f64::NAN)]),
        ("infinite step", vec![float(0.0, 1.0).step(f64::INFINITY)]),
        ("step wider than the range", vec![float(0.0, 1.0).step(1.5)]),
        ("step too fine to count", vec![float(0.0, 1.0).step(1e-300)]),
        ("step lost in rounding", vec![float(1e15, 1e15 + 100.0).step(0.01)]),
        ("log with step", vec![float(0.1, 1.0).log().step(0.1)]),
        ("log int with step", vec![Parameter::int("p", 1, 9).log().step(2.0)]),
        ("int step of a half", vec![Parameter::int("p", 1, 9).step(0.5)]),
        ("int step of one and a half", vec![Parameter::int("p", 1, 9).step(1.5)]),
        ("int step not a number", vec![Parameter::int("p", 1, 9).step(f64::NAN)]),
        ("int step wider than the range", vec![Parameter::int("p", 1, 9).step(9.0)]),
        ("int bounds inverted", vec![Parameter::int("p", 9, 1)]),
        ("int bounds equal", vec![Parameter::int("p", 3, 3)]),
        ("fractional int bounds", vec![domain(0.5, 3.0, 1.0)]),
        ("int bounds not a number", vec![domain(f64::NAN, 3.0, 1.0)]),
        ("ints beyond 2^53", vec![Parameter::int("p", 0, i64::MAX)]),
        ("ints below -2^53", vec![Parameter::int("p", i64::MIN, 0)]),
        ("no choices", vec![Parameter::categorical("p", none)]),
        ("duplicate choices", vec![Parameter::categorical("p", ["a", "b", "a"])]),
        ("duplicate zeros", vec![Parameter::categorical("p", [0.0, -0.0])]),
        ("a choice not a number", vec![Parameter::categorical("p", [f64::NAN])]),
        ("an infinite choice", vec![Parameter::categorical("p", [1.0, f64::INFINITY])]),
        ("duplicate names", vec![float(0.0, 1.0), Parameter::int("p", 0, 1)]),
        ("an unknown parent", vec![earlier(), float(0.0, 1.0).when("p2", ["a"])]),
        ("a later parent", vec![float(0.0, 1.0).when("parent", ["a"]), earlier()]),
        ("its own parent", vec![float(0.0, 1.0).when("p", ["a"])]),
        ("a value the parent lacks", vec![earlier(), float(0.0, 1.0).when("parent", ["c"])]),
        ("a number for a text", vec![earlier(), float(0.0, 1.0).when("parent", [1.0])]),
        ("no values", vec![earlier(), float(0.0, 1.0).when("parent", none)]),
        (
            "a float parent",
            vec![Parameter::float("parent", 0.0, 1.0), float(0.0, 1.0).when("parent", [0.5])],
        ),
        (
            "an int parent out of bounds",
            vec![Parameter::int("parent", 0, 4), float(0.0, 1.0).when("parent", [5.0])],
        ),
        (
            "an int parent not a number",
            vec![Parameter::int("parent", 0, 4), float(0.0, 1.0).when("parent", [f64::NAN])],
        ),
    ];
    for (what, parameters) in cases {
        let error = Space::new(parameters).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::InvalidSpace, "{what}");
        assert!(error.context().contains("parameter \"p\""), "{what}: {error}");
    }
    for parameters in [vec![], vec![Parameter::float("", 0.0, 1.0)]] {
        let error = Space::new(parameters).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSpace, "{error}");
    }
}

#[test]
fn hostile_documents_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let parameter = |fields: &str| format!(r#"{{"parameters": [{{"name": "p", {fields}}}]}}"#);
    let float = |fields: &str| parameter(&format!(r#""type": "float", {fields}"#));
    // The second is what the message must contain: the parameter, or where in the text it went
    // wrong.
    let cases = [
        (String::new(), "line 1"),
        (String::from("{"), "line 1"),
        (String::from("[]"), "line 1"),
        (String::from("{}"), "parameters"),
        (String::from(r#"{"parameters": []}"#), "at least one"),
        (String::from(r#"{"parameters": null}"#), "line 1"),
        (String::from(r#"{"parameters": [], "parameters": []}"#), "duplicate"),
        (String::from(r#"{"parameters": [], "more": 1}"#), "more"),
        (format!(r#"{{"parameters": {deep}}}"#), "line 1"),
        (String::from(r#"{"parameters": [{"type": "float", "low": 0, "high": 1}]}"#), "name"),
        (parameter(r#""low": 0, "high": 1"#), "type"),
        (parameter(r#""type": "real", "low": 0, "high": 1"#), "real"),
        (parameter(r#""type": "Float", "low": 0, "high": 1"#), "Float"),
        (float(r#""low": 0"#), "\"p\""),
        (float(r#""high": 1"#), "\"p\""),
        (float(r#""low": "0", "high": 1"#), "line 1"),
        (float(r#""low": 0, "high": 1e999"#), "line 1"),
        (float(r#""low": NaN, "high": 1"#), "line 1"),
        (float(r#""low": 0, "high": Infinity"#), "line 1"),
        (float(r#""low": null, "high": 1"#), "\"p\""),
        (float(r#""low": 0, "high": 1, "lwo": 2"#), "lwo"),
        (float(r#""low": 0, "high": 1, "low": 0"#), "duplicate"),
        (float(r#""low": 0, "high": 1, "choices": [1]"#), "\"p\""),
        (float(r#""low": 0, "high": 1, "log": 1"#), "line 1"),
        (float(r#""low": 1, "high": 0"#), "\"p\""),
        (float(r#""low": 0, "high": 1, "when": {"parent": "q", "is": [1]}"#), "\"p\""),
        (float(r#""low": 0, "high": 1, "when": {"parent": "q"}"#), "is"),
        (parameter(r#""type": "int", "low": 0.5, "high": 3"#), "\"p\""),
        (parameter(r#""type": "int", "low": 0, "high": 18446744073709551615"#), "\"p\""),
        (
            parameter(r#""type": "int", "low": 0, "high": 9007199254740993"#),
            "\"p\": high 9007199254740993 is beyond ±2^53",
        ),
        (
            parameter(r#""type": "int", "low": -9007199254740993, "high": 0"#),
            "\"p\": low -9007199254740993 is beyond ±2^53",
        ),
        (
            parameter(r#""type": "int", "low": 0, "high": 9, "step": 9007199254740993"#),
            "\"p\": step 9007199254740993 is beyond ±2^53",
        ),
        (parameter(r#""type": "int", "low": 0, "high": 9, "step": 0"#), "\"p\""),
        (parameter(r#""type": "categorical""#), "\"p\""),
        (parameter(r#""type": "categorical", "choices": []"#), "\"p\""),
        (parameter(r#""type": "categorical", "choices": ["a", "a"]"#), "\"p\""),
        (parameter(r#""type": "categorical", "choices": ["a"], "low": 0"#), "\"p\""),
        (parameter(r#""type": "categorical", "choices": ["a"], "log": true"#), "\"p\""),
        (
            parameter(r#""type": "categorical", "choices": [null, 1]"#),
            "null, expected a text, a number or a boolean at line 1",
        ),
        (parameter(r#""type": "categorical", "choices": [["a"]]"#), "sequence, expected a text"),
        (
            parameter(r#""type": "categorical", "choices": [9007199254740993]"#),
            "9007199254740993 is beyond ±2^53",
        ),
        (parameter(r#""type": "categorical", "choices": {"a": 1}"#), "line 1"),
    ];
    for (text, mention) in cases {
        let shown = &text[..text.len().min(90)];
        let error = Space::from_json(&text).expect_err(shown);
        assert_eq!(error.kind(), ErrorKind::InvalidSpace, "{shown}");
        assert!(error.context().contains(mention), "{shown}: {error}");
    }
}

#[test]
fn messages_about_huge_numbers_stay_short() {
    let space = |parameter| Space::new(vec![parameter]).unwrap_err().to_string();
    let wide = space(Parameter::float("x", -1e308, 1e308));
    assert!(wide.contains("[-1e308, 1e308] is wider than a double holds"), "{wide}");
    let stepped = space(Parameter::float("x", 0.0, 1e300).step(1e301));
    assert!(stepped.contains("step 1e301 does not fit into [0, 1e300]"), "{stepped}");
    let unit = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
    let outside = unit.validate(&Configuration::new(vec![Some(1e308)])).unwrap_err();
    assert!(outside.context().contains("1e308 is not between 0 and 1"), "{outside}");
}

#[test]
fn lengths_that_do_not_fit_have_an_answer() {
    let space = Space::new(vec![
        Parameter::categorical("kind", ["a", "b"]),
        Parameter::float("x", 0.0, 1.0).when("kind", ["b"]),
    ])
    .unwrap();
    assert!(space.is_active(0, &[]));
    assert!(space.is_active(1, &[Some(1.0)]));
    assert!(!space.is_active(1, &[]));
    assert!(!space.is_active(9, &[]));
    // A missing coordinate is the middle, one too many is ignored.
    assert_eq!(space.from_unit(&[]), space.from_unit(&[0.5, 0.5]));
    assert_eq!(space.from_unit(&[0.75]), space.from_unit(&[0.75, 0.5, 0.1]));
}

#[test]
fn illegal_configurations_name_the_parameter() {
    let space = Space::new(vec![
        Parameter::categorical("kind", ["a", "b"]),
        Parameter::float("rate", 0.1, 1.0).log(),
        Parameter::int("units", 1, 9).step(2.0),
        Parameter::float("extra", 0.0, 1.0).step(0.25).when("kind", ["b"]),
    ])
    .unwrap();
    let legal = [Some(1.0), Some(0.5), Some(3.0), Some(0.75)];
    assert_eq!(space.validate(&Configuration::new(legal.to_vec())), Ok(()));
    let cases: [(usize, Option<f64>); 20] = [
        (0, Some(2.0)),
        (0, Some(-1.0)),
        (0, Some(0.5)),
        (0, Some(f64::NAN)),
        (0, None),
        (1, Some(0.09)),
        (1, Some(1.0 + f64::EPSILON)),
        (1, Some(f64::NAN)),
        (1, Some(f64::INFINITY)),
        (1, Some(f64::NEG_INFINITY)),
        (1, None),
        (2, Some(2.0)),
        (2, Some(3.5)),
        (2, Some(11.0)),
        (2, Some(-1.0)),
        (2, Some(f64::NAN)),
        (3, Some(0.3)),
        (3, Some(1.25)),
        (3, Some(f64::NAN)),
        (3, None),
    ];
    for (index, value) in cases {
        let mut values = legal.to_vec();
        values[index] = value;
        let error = space.validate(&Configuration::new(values)).unwrap_err();
        let name = format!("\"{}\"", space.parameters()[index].name());
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
        assert!(error.context().contains(&name), "{value:?}: {error}");
    }
    let inactive = Configuration::new(vec![Some(0.0), Some(0.5), Some(3.0), Some(0.75)]);
    assert!(space.validate(&inactive).unwrap_err().context().contains("\"extra\""));
    for count in [0, 3, 5] {
        let error = space.validate(&Configuration::new(vec![Some(1.0); count])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{error}");
    }
    for (object, mention) in [
        (r#"{"kind": "a", "rate": 0.5}"#, "units"),
        (r#"{"kind": "a", "rate": 0.5, "units": 3, "more": 1}"#, "more"),
        (r#"{"kind": "a", "rate": 0.5, "units": 3, "extra": 0.5}"#, "extra"),
        (r#"{"kind": "c", "rate": 0.5, "units": 3}"#, "kind"),
        (r#"{"kind": 0, "rate": 0.5, "units": 3}"#, "kind"),
        (r#"{"kind": null, "rate": 0.5, "units": 3}"#, "kind"),
        (r#"{"kind": "a", "rate": "0.5", "units": 3}"#, "rate"),
        (r#"{"kind": "a", "rate": [0.5], "units": 3}"#, "rate"),
        (r#"{"kind": "a", "rate": 0.5, "units": true}"#, "units"),
    ] {
        let error =
            space.configuration_from_json(&serde_json::from_str(object).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{object}");
        assert!(error.context().contains(&format!("\"{mention}\"")), "{object}: {error}");
    }
}

#[test]
fn ints_are_formatted_as_programs_parse_them() {
    let parameter = Parameter::int("size", -5000, 9_000_000_000_000_000);
    for value in [1000_i64, 5000, -1000, 0, 7, 8_000_000_000_000_000] {
        assert_eq!(parameter.format(value as f64).parse(), Ok(value));
    }
}

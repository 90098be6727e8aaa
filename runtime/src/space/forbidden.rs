//! Combinations of values that a space forbids.

use alloc::{
    format,
    string::{String, ToString},
};

use super::{
    Choice, Domain, Parameter, Space,
    expression::{self, Node, Operator},
};
use crate::{Error, ErrorKind, Result, space::Configuration};

/// An expression over parameters. A configuration for which it is true is not legal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forbidden {
    text: String,
    expression: Node,
}

/// What kind of value an expression has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Truth,
    Number,
    Text,
    /// A choice among values of different kinds.
    Mixed,
}

/// The value of an expression; of one that needs an inactive parameter there is none.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Truth(bool),
    Number(f64),
    Text(String),
}

impl Space {
    /// The same space without the configurations for which one of these expressions is true.
    ///
    /// An expression compares parameters with values and with each other: `kind == 'sgd' and
    /// momentum > 0.9`, `x1 + x2 > 100`, `not fast or units in [1, 2]`. There are `or`, `and`,
    /// `not` (also `||`, `&&`, `!`), `==`, `!=`, `<`, `<=`, `>`, `>=`, `in [..]`, `+`, `-`, `*`,
    /// `/` and parentheses; texts stand in quotes, names with spaces in backquotes. A comparison
    /// with an inactive parameter is neither true nor false.
    ///
    /// ```
    /// use optiformer::space::{Configuration, Parameter, Space};
    ///
    /// let parameters = vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)];
    /// let space = Space::new(parameters)?
    ///     .forbid(["x + y > 1.5"])?;
    /// assert!(space.validate(&Configuration::new(vec![Some(0.5), Some(0.75)])).is_ok());
    /// assert!(space.validate(&Configuration::new(vec![Some(0.9), Some(0.75)])).is_err());
    /// # Ok::<(), optiformer::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidSpace`], with the expression: a syntax error with its byte, an unknown
    /// parameter or none, the [fidelity](super::Parameter::fidelity), values of different kinds, a
    /// text that is none of a parameter's choices.
    pub fn forbid<T: Into<String>>(
        mut self,
        expressions: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let others = self.without_fidelity().transpose()?;
        for text in expressions {
            let text = text.into();
            let named = |what: String| {
                Error::new(ErrorKind::InvalidSpace, format!("forbidden \"{text}\": {what}"))
            };
            let expression = expression::parse(&text).map_err(named)?;
            if kind(&self, &expression).map_err(named)? != Kind::Truth {
                return Err(named("it is neither true nor false".to_string()));
            }
            if others.as_ref().is_some_and(|others| kind(others, &expression).is_err()) {
                return Err(named("it names the fidelity".to_string()));
            }
            if !names_parameter(&expression) {
                return Err(named("it names no parameter".to_string()));
            }
            self.forbidden.push(Forbidden { text, expression });
        }
        Ok(self)
    }

    /// The expressions of [`forbid`](Self::forbid), in their order.
    pub fn forbidden(&self) -> impl Iterator<Item = &str> {
        self.forbidden.iter().map(|forbidden| forbidden.text.as_str())
    }

    /// The first expression that forbids a configuration of this space.
    pub fn forbidden_by(&self, configuration: &Configuration) -> Option<&str> {
        let is_true = |forbidden: &&Forbidden| {
            evaluate(self, &forbidden.expression, configuration) == Some(Value::Truth(true))
        };
        self.forbidden.iter().find(is_true).map(|forbidden| forbidden.text.as_str())
    }
}

fn names_parameter(node: &Node) -> bool {
    match node {
        Node::Name(_) => true,
        Node::Number(_) | Node::Text(_) | Node::Boolean(_) => false,
        Node::Not(inner) | Node::Negative(inner) => names_parameter(inner),
        Node::Binary(_, left, right) => names_parameter(left) || names_parameter(right),
        Node::In(value, list) => names_parameter(value) || list.iter().any(names_parameter),
    }
}

/// The kind of an expression's value; an error says what does not fit together.
fn kind(space: &Space, node: &Node) -> core::result::Result<Kind, String> {
    let wanted = |node: &Node, wanted: Kind, what: &str| match kind(space, node)? {
        kind if kind == wanted => Ok(wanted),
        _ => Err(format!("{what} needs {}", noun(wanted))),
    };
    match node {
        Node::Number(_) => Ok(Kind::Number),
        Node::Text(_) => Ok(Kind::Text),
        Node::Boolean(_) => Ok(Kind::Truth),
        Node::Name(name) => kind_of_parameter(parameter(space, name)?),
        Node::Not(inner) => wanted(inner, Kind::Truth, "\"not\""),
        Node::Negative(inner) => wanted(inner, Kind::Number, "a sign"),
        Node::In(value, list) => {
            list.iter().try_for_each(|other| check_comparable(space, value, other))?;
            Ok(Kind::Truth)
        }
        Node::Binary(operator, left, right) => match operator {
            Operator::Or | Operator::And => {
                wanted(left, Kind::Truth, "\"and\" and \"or\"")?;
                wanted(right, Kind::Truth, "\"and\" and \"or\"")
            }
            Operator::Equal | Operator::NotEqual => {
                check_comparable(space, left, right)?;
                Ok(Kind::Truth)
            }
            Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {
                wanted(left, Kind::Number, "an order")?;
                wanted(right, Kind::Number, "an order")?;
                Ok(Kind::Truth)
            }
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
                wanted(left, Kind::Number, "arithmetic")?;
                wanted(right, Kind::Number, "arithmetic")
            }
        },
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Truth => "values that are true or false",
        Kind::Number => "numbers",
        Kind::Text => "texts",
        Kind::Mixed => "choices",
    }
}

fn parameter<'a>(space: &'a Space, name: &str) -> core::result::Result<&'a Parameter, String> {
    let index =
        space.find(name).map_err(|error| format!("{} (texts stand in quotes)", error.context()))?;
    Ok(&space.parameters()[index])
}

fn kind_of_parameter(parameter: &Parameter) -> core::result::Result<Kind, String> {
    let Domain::Categorical { choices } = parameter.domain() else { return Ok(Kind::Number) };
    let of = |choice: &Choice| match choice {
        Choice::Boolean(_) => Kind::Truth,
        Choice::Number(_) => Kind::Number,
        Choice::Text(_) => Kind::Text,
    };
    let first = choices.first().map_or(Kind::Mixed, of);
    Ok(if choices.iter().all(|choice| of(choice) == first) { first } else { Kind::Mixed })
}

/// Checks that two values can be equal: they are of one kind, and a literal beside a categorical
/// parameter is one of its choices.
fn check_comparable(space: &Space, left: &Node, right: &Node) -> core::result::Result<(), String> {
    let (one, other) = (kind(space, left)?, kind(space, right)?);
    if one != other && one != Kind::Mixed && other != Kind::Mixed {
        return Err(format!("{} and {} are never equal", noun(one), noun(other)));
    }
    for (node, literal) in [(left, right), (right, left)] {
        let Node::Name(name) = node else { continue };
        let Domain::Categorical { choices } = parameter(space, name)?.domain() else { continue };
        let wanted = match literal {
            Node::Number(number) => Choice::Number(*number),
            Node::Text(text) => Choice::Text(text.clone()),
            Node::Boolean(boolean) => Choice::Boolean(*boolean),
            _ => continue,
        };
        if !choices.contains(&wanted) {
            return Err(format!("\"{wanted}\" is no choice of \"{name}\""));
        }
    }
    Ok(())
}

/// The value of an expression; `None` where it depends on an inactive parameter.
fn evaluate(space: &Space, node: &Node, configuration: &Configuration) -> Option<Value> {
    let value = |node: &Node| evaluate(space, node, configuration);
    match node {
        Node::Number(number) => Some(Value::Number(*number)),
        Node::Text(text) => Some(Value::Text(text.clone())),
        Node::Boolean(boolean) => Some(Value::Truth(*boolean)),
        Node::Name(name) => {
            let index = space.index_of(name)?;
            let choice = space.parameters()[index].to_choice(configuration.get(index)?);
            Some(match choice {
                Choice::Boolean(boolean) => Value::Truth(boolean),
                Choice::Number(number) => Value::Number(number),
                Choice::Text(text) => Value::Text(text),
            })
        }
        Node::Not(inner) => Some(Value::Truth(!truth(value(inner))?)),
        Node::Negative(inner) => Some(Value::Number(-number(value(inner))?)),
        Node::In(one, list) => {
            let one = value(one)?;
            let is_one = list.iter().any(|other| value(other).as_ref() == Some(&one));
            Some(Value::Truth(is_one))
        }
        Node::Binary(operator, left, right) => binary(*operator, value(left), || value(right)),
    }
}

/// Kleene's logic for `and` and `or`; everything else needs both operands.
fn binary(
    operator: Operator,
    left: Option<Value>,
    right: impl Fn() -> Option<Value>,
) -> Option<Value> {
    let numbers = |left| Some((number(left)?, number(right())?));
    Some(match operator {
        Operator::Or | Operator::And => {
            // True decides a disjunction and false a conjunction, whatever the other side is.
            let decides = operator == Operator::Or;
            match (truth(left), truth(right())) {
                (Some(one), _) | (_, Some(one)) if one == decides => Value::Truth(decides),
                (Some(_), Some(_)) => Value::Truth(!decides),
                _ => return None,
            }
        }
        Operator::Equal => Value::Truth(left? == right()?),
        Operator::NotEqual => Value::Truth(left? != right()?),
        Operator::Less => numbers(left).map(|(one, other)| Value::Truth(one < other))?,
        Operator::AtMost => numbers(left).map(|(one, other)| Value::Truth(one <= other))?,
        Operator::Greater => numbers(left).map(|(one, other)| Value::Truth(one > other))?,
        Operator::AtLeast => numbers(left).map(|(one, other)| Value::Truth(one >= other))?,
        Operator::Add => numbers(left).map(|(one, other)| Value::Number(one + other))?,
        Operator::Subtract => numbers(left).map(|(one, other)| Value::Number(one - other))?,
        Operator::Multiply => numbers(left).map(|(one, other)| Value::Number(one * other))?,
        Operator::Divide => numbers(left).map(|(one, other)| Value::Number(one / other))?,
    })
}

fn truth(value: Option<Value>) -> Option<bool> {
    if let Some(Value::Truth(truth)) = value { Some(truth) } else { None }
}

fn number(value: Option<Value>) -> Option<f64> {
    if let Some(Value::Number(number)) = value { Some(number) } else { None }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    fn space() -> Space {
        Space::new(vec![
            Parameter::categorical("kind", ["sgd", "adam"]),
            Parameter::float("momentum", 0.0, 1.0).when("kind", ["sgd"]),
            Parameter::int("units", 1, 9),
            Parameter::categorical("fast", [true, false]),
            Parameter::float("log rate", 0.1, 10.0),
            Parameter::categorical::<Choice>("mixed", [1.0.into(), "one".into(), true.into()]),
        ])
        .unwrap()
    }

    /// Whether an expression forbids sgd with a momentum of 0.5, 4 units, fast, rate 2 and "one";
    /// and the same with adam.
    fn forbids(text: &str) -> (bool, bool) {
        let space = space().forbid([text]).unwrap();
        let is_forbidden = |kind, momentum| {
            let values = vec![Some(kind), momentum, Some(4.0), Some(0.0), Some(2.0), Some(1.0)];
            space.forbidden_by(&Configuration::new(values)).is_some()
        };
        (is_forbidden(0.0, Some(0.5)), is_forbidden(1.0, None))
    }

    #[test]
    fn expressions_are_evaluated() {
        for (text, expected) in [
            ("kind == 'sgd' and momentum > 0.4", (true, false)),
            ("kind==\"sgd\"&&momentum>.4", (true, false)),
            ("kind != 'sgd' or units >= 5", (false, true)),
            // Multiplication first, then addition, comparison, not, and, or.
            ("units + 2 * `log rate` == 8", (true, true)),
            ("(units + 2) * `log rate` == 12", (true, true)),
            ("units - 1 - 1 == 2 and units / 2 / 2 == 1", (true, true)),
            ("-units < -3 and not units < 4", (true, true)),
            ("not fast or units == 4 and fast", (true, true)),
            ("!(fast) || units in [1, 2, 4]", (true, true)),
            ("kind in ['adam']", (false, true)),
            ("fast == true and fast != false", (true, true)),
            ("mixed == 'one'", (true, true)),
            ("mixed in [1, true]", (false, false)),
            ("units > 1e1", (false, false)),
            // What depends on an inactive parameter is neither true nor false.
            ("momentum <= 0.5", (true, false)),
            ("not momentum > 0.5", (true, false)),
            ("momentum > 0.5 or units == 4", (true, true)),
            ("momentum != 0.25", (true, false)),
            ("1 / (units - 4) > 1e300", (true, true)),
        ] {
            assert_eq!(forbids(text), expected, "{text}");
        }
    }

    #[test]
    fn expressions_that_make_no_sense_are_refused() {
        let deep = "(".repeat(100_000) + "units";
        let long = "units > 3 or ".repeat(100_000) + "fast";
        for (text, message) in [
            ("", "byte 0: something is missing at the end"),
            ("units >", "something is missing at the end"),
            ("units > 3 units", "byte 10: \"units\" is not understood"),
            ("units = 3", "byte 6: \"= 3\""),
            ("kind == 'sgd", "something is missing"),
            ("(units > 3", "something is missing"),
            ("unit > 3", "the space has no parameter \"unit\""),
            ("kind == sgd", "no parameter \"sgd\"; it has kind, momentum, units"),
            ("kind == 'rmsprop'", "\"rmsprop\" is no choice of \"kind\""),
            ("kind in ['adam', 'sdg']", "\"sdg\" is no choice"),
            ("kind > 3", "an order needs numbers"),
            ("kind == 3", "texts and numbers are never equal"),
            ("units + fast > 1", "arithmetic needs numbers"),
            ("units and fast", "\"and\" and \"or\" needs"),
            ("not units", "\"not\" needs"),
            ("units + 1", "neither true nor false"),
            ("1 < 2", "names no parameter"),
            (&deep, "more than 50 parentheses"),
            (&long, "more than 500 operators"),
        ] {
            let error = space().forbid([text]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidSpace);
            assert!(error.context().contains(message), "{}", error.context());
        }
    }

    #[test]
    fn a_long_chain_fits_on_the_stack() {
        let text = "units > 9 or ".repeat(499) + "fast";
        assert_eq!(forbids(&text), (true, true));
    }

    #[test]
    fn a_space_with_expressions_survives_json() {
        let space = space().forbid(["units > 5", "kind == 'adam' and fast"]).unwrap();
        let json = space.to_json();
        assert_eq!(Space::from_json(&json).unwrap(), space);
        let listed: Vec<&str> = space.forbidden().collect();
        assert_eq!(listed, ["units > 5", "kind == 'adam' and fast"]);
        let values = vec![Some(1.0), None, Some(3.0), Some(0.0), Some(2.0), Some(0.0)];
        let error = space.validate(&Configuration::new(values)).unwrap_err();
        assert!(error.context().contains("forbidden: kind == 'adam' and fast"), "{error}");
    }
}

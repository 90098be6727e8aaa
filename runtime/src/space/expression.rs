//! Parses expressions over parameters into trees.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use winnow::{
    ModalResult, Parser,
    ascii::{float, multispace0},
    combinator::{alt, cut_err, delimited, eof, fail, not, opt, preceded, separated, terminated},
    token::{one_of, take_till, take_while},
};

/// An expression, by its syntax alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Number(f64),
    Text(String),
    Boolean(bool),
    /// A parameter.
    Name(String),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// Whether a value is one of several.
    In(Box<Node>, Vec<Node>),
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Deepest nesting of parentheses and signs, so that no text exhausts the stack.
const MAX_DEPTH: usize = 50;
/// Most operators of an expression: a chain of them makes a tree as deep as it is long.
const MAX_OPERATORS: usize = 500;

/// Parses an expression.
///
/// # Errors
///
/// A message with the byte at which the text is not understood.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if depth(text) > MAX_DEPTH {
        return Err(format!("more than {MAX_DEPTH} parentheses, signs or negations in a row"));
    }
    if operators(text) > MAX_OPERATORS {
        return Err(format!("more than {MAX_OPERATORS} operators"));
    }
    terminated(disjunction, (multispace0, eof)).parse(text).map_err(|error| {
        let rest: String = text[error.offset()..].chars().take(20).collect();
        match rest.as_str() {
            "" => format!("byte {}: something is missing at the end", error.offset()),
            rest => format!("byte {}: \"{rest}\" is not understood", error.offset()),
        }
    })
}

/// An upper bound of the depth to which the parser descends.
fn depth(text: &str) -> usize {
    // Negations are the only other way down; each needs a letter or a sign of its own.
    text.matches(['(', '-', '!']).count() + text.matches("not").count()
}

/// An upper bound of the number of operators that can be chained.
fn operators(text: &str) -> usize {
    text.matches(['+', '-', '*', '/']).count()
        + ["or", "and", "||", "&&"].iter().map(|sign| text.matches(sign).count()).sum::<usize>()
}

fn disjunction(input: &mut &str) -> ModalResult<Node> {
    chain(input, conjunction, |input| {
        alt((word("or"), "||".void())).value(Operator::Or).parse_next(input)
    })
}

fn conjunction(input: &mut &str) -> ModalResult<Node> {
    chain(input, negation, |input| {
        alt((word("and"), "&&".void())).value(Operator::And).parse_next(input)
    })
}

fn negation(input: &mut &str) -> ModalResult<Node> {
    let sign = preceded(multispace0, alt((word("not"), ('!', not('=')).void())));
    if opt(sign).parse_next(input)?.is_some() {
        return Ok(Node::Not(Box::new(cut_err(negation).parse_next(input)?)));
    }
    comparison(input)
}

fn comparison(input: &mut &str) -> ModalResult<Node> {
    let left = sum(input)?;
    if opt(preceded(multispace0, word("in"))).parse_next(input)?.is_some() {
        let list = delimited(token("["), separated(1.., sum, token(",")), token("]"));
        return Ok(Node::In(Box::new(left), cut_err(list).parse_next(input)?));
    }
    let operator = alt((
        "==".value(Operator::Equal),
        "!=".value(Operator::NotEqual),
        "<=".value(Operator::AtMost),
        ">=".value(Operator::AtLeast),
        "<".value(Operator::Less),
        ">".value(Operator::Greater),
    ));
    match opt(preceded(multispace0, operator)).parse_next(input)? {
        Some(operator) => {
            let right = cut_err(sum).parse_next(input)?;
            Ok(Node::Binary(operator, Box::new(left), Box::new(right)))
        }
        None => Ok(left),
    }
}

fn sum(input: &mut &str) -> ModalResult<Node> {
    chain(input, product, |input| {
        alt(('+'.value(Operator::Add), '-'.value(Operator::Subtract))).parse_next(input)
    })
}

fn product(input: &mut &str) -> ModalResult<Node> {
    chain(input, signed, |input| {
        alt(('*'.value(Operator::Multiply), '/'.value(Operator::Divide))).parse_next(input)
    })
}

fn signed(input: &mut &str) -> ModalResult<Node> {
    if opt(preceded(multispace0, '-')).parse_next(input)?.is_some() {
        return Ok(Node::Negative(Box::new(cut_err(signed).parse_next(input)?)));
    }
    preceded(multispace0, alt((number, text, parenthesis, quoted_name, name))).parse_next(input)
}

/// Operands of one precedence, from left to right.
fn chain(
    input: &mut &str,
    mut operand: impl FnMut(&mut &str) -> ModalResult<Node>,
    mut operator: impl FnMut(&mut &str) -> ModalResult<Operator>,
) -> ModalResult<Node> {
    let mut left = operand(input)?;
    while let Some(operator) =
        opt(preceded(multispace0, |input: &mut &str| operator(input))).parse_next(input)?
    {
        let right = cut_err(|input: &mut &str| operand(input)).parse_next(input)?;
        left = Node::Binary(operator, Box::new(left), Box::new(right));
    }
    Ok(left)
}

fn number(input: &mut &str) -> ModalResult<Node> {
    // A sign is an operator, and `inf` and `nan` are names.
    let begins = input.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if !begins {
        return fail.parse_next(input);
    }
    float.map(Node::Number).parse_next(input)
}

fn text(input: &mut &str) -> ModalResult<Node> {
    let quote = one_of(['\'', '"']).parse_next(input)?;
    cut_err(terminated(take_till(0.., quote), quote))
        .map(|text: &str| Node::Text(text.to_string()))
        .parse_next(input)
}

/// A name with spaces or signs, in backquotes.
fn quoted_name(input: &mut &str) -> ModalResult<Node> {
    delimited('`', cut_err(take_till(1.., '`')), cut_err('`'))
        .map(|name: &str| Node::Name(name.to_string()))
        .parse_next(input)
}

fn parenthesis(input: &mut &str) -> ModalResult<Node> {
    preceded('(', cut_err(terminated(disjunction, token(")")))).parse_next(input)
}

fn name(input: &mut &str) -> ModalResult<Node> {
    let letter = |letter: char| letter.is_alphabetic() || letter == '_';
    let name = (one_of(letter), take_while(0.., is_name_character)).take().parse_next(input)?;
    match name {
        "true" => Ok(Node::Boolean(true)),
        "false" => Ok(Node::Boolean(false)),
        "and" | "or" | "not" | "in" => fail.parse_next(input),
        name => Ok(Node::Name(name.to_string())),
    }
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '.'
}

/// A word that is not the beginning of a longer name.
fn word<'a>(
    word: &'static str,
) -> impl Parser<&'a str, (), winnow::error::ErrMode<winnow::error::ContextError>> {
    (word, not(one_of(is_name_character))).void()
}

/// A sign after spaces.
fn token<'a>(
    sign: &'static str,
) -> impl Parser<&'a str, &'a str, winnow::error::ErrMode<winnow::error::ContextError>> {
    preceded(multispace0, sign)
}

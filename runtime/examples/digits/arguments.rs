//! The command line of the program.

use std::fmt::Display;
use std::str::FromStr;

/// What `--help` prints.
pub const HELP: &str = "\
Trains a small neural network on the 8x8 optical digits and prints how well it does on images it
did not see: the error rate, then (the last number, to be minimized) the mean cross-entropy.

Usage: digits [--NAME VALUE | --NAME=VALUE]...

  --learning-rate X   1e-4 to 1                            [0.01]
  --batch-size N      images per step, 8 to 512            [32]
  --optimizer NAME    sgd, momentum, adam or rmsprop       [adam]
  --momentum X        0 to 0.99, only with --optimizer momentum; empty: not given  [0.9]
  --weight-decay X    1e-7 to 0.1, decoupled               [1e-5]
  --hidden-units N    units in every hidden layer, 4 to 256  [32]
  --layers N          hidden layers, 1 to 3                [1]
  --activation NAME   relu or tanh                         [relu]
  --dropout X         0 to 0.7                             [0]
  --epochs N          passes over the training images, 1 to 1000  [8]
  --seed N            initial weights, order and dropout   [0]
  --verbose           progress of every epoch on stderr
  --help              this text

The same arguments give the same numbers. Training that diverges is no failure: it scores 10, the
worst cross-entropy there is. Wrong arguments end the program with status 2.
";

/// The function between two layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

/// The rule that turns gradients into steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Plain gradient descent.
    Sgd,
    /// Gradient descent with heavy-ball momentum.
    Momentum(f32),
    /// Adam.
    Adam,
    /// RMSprop.
    RmsProp,
}

/// The hyperparameters and settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Length of a step.
    pub learning_rate: f32,
    /// Images per step.
    pub batch_size: usize,
    /// The rule that turns gradients into steps.
    pub optimizer: Optimizer,
    /// Decoupled weight decay: a weight loses this share, times the learning rate, at every step.
    pub weight_decay: f32,
    /// Units in every hidden layer.
    pub hidden_units: usize,
    /// How many hidden layers there are.
    pub layers: usize,
    /// The function after every hidden layer.
    pub activation: Activation,
    /// The probability that a hidden unit is dropped.
    pub dropout: f32,
    /// Passes over the training images.
    pub epochs: usize,
    /// Of initial weights, order of the images and dropout.
    pub seed: u64,
    /// Whether every epoch is reported on stderr.
    pub verbose: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            batch_size: 32,
            optimizer: Optimizer::Adam,
            weight_decay: 1e-5,
            hidden_units: 32,
            layers: 1,
            activation: Activation::Relu,
            dropout: 0.0,
            epochs: 8,
            seed: 0,
            verbose: false,
        }
    }
}

impl Arguments {
    /// Reads the words after the program's name; `None` when they ask for help. The error names the
    /// argument. Of an argument given twice the last value counts.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments = Self::default();
        let mut optimizer = String::from("adam");
        let mut momentum = None;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            match (name.as_str(), &attached) {
                ("--help" | "-h", None) => return Ok(None),
                ("--verbose", None) => {
                    arguments.verbose = true;
                    continue;
                }
                ("--help" | "-h" | "--verbose", Some(_)) => {
                    return Err(format!("{name} takes no value"));
                }
                _ => {}
            }
            if !NAMES.contains(&name.as_str()) {
                return Err(format!("unknown argument {name:?} (--help lists them)"));
            }
            let value = attached.or_else(|| words.next());
            let value = value.ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--learning-rate" => arguments.learning_rate = number(&name, &value, 1e-4, 1.0)?,
                "--batch-size" => arguments.batch_size = number(&name, &value, 8, 512)?,
                "--optimizer" => {
                    optimizer = choice(&name, &value, &["sgd", "momentum", "adam", "rmsprop"])?;
                }
                // A tuning tool leaves the value of an inactive parameter empty.
                "--momentum" if value.is_empty() => momentum = None,
                "--momentum" => momentum = Some(number(&name, &value, 0.0, 0.99)?),
                "--weight-decay" => arguments.weight_decay = number(&name, &value, 1e-7, 0.1)?,
                "--hidden-units" => arguments.hidden_units = number(&name, &value, 4, 256)?,
                "--layers" => arguments.layers = number(&name, &value, 1, 3)?,
                "--activation" => {
                    arguments.activation = match choice(&name, &value, &["relu", "tanh"])?.as_str()
                    {
                        "relu" => Activation::Relu,
                        _ => Activation::Tanh,
                    };
                }
                "--dropout" => arguments.dropout = number(&name, &value, 0.0, 0.7)?,
                "--epochs" => arguments.epochs = number(&name, &value, 1, 1000)?,
                _ => arguments.seed = number(&name, &value, 0, u64::MAX)?,
            }
        }
        if momentum.is_some() && optimizer != "momentum" {
            return Err(format!("--momentum is only for --optimizer momentum, not {optimizer}"));
        }
        arguments.optimizer = match optimizer.as_str() {
            "sgd" => Optimizer::Sgd,
            "momentum" => Optimizer::Momentum(momentum.unwrap_or(0.9)),
            "adam" => Optimizer::Adam,
            _ => Optimizer::RmsProp,
        };
        Ok(Some(arguments))
    }
}

/// The arguments that take a value.
const NAMES: [&str; 11] = [
    "--learning-rate",
    "--batch-size",
    "--optimizer",
    "--momentum",
    "--weight-decay",
    "--hidden-units",
    "--layers",
    "--activation",
    "--dropout",
    "--epochs",
    "--seed",
];

/// A number inside `low..=high`; NaN is inside nothing.
fn number<T: FromStr + PartialOrd + Display>(
    name: &str,
    text: &str,
    low: T,
    high: T,
) -> Result<T, String> {
    let value: T =
        text.parse().map_err(|_| format!("{name}: {text:?} is not a number it takes"))?;
    if value >= low && value <= high {
        Ok(value)
    } else {
        Err(format!("{name}: {text} is not between {low} and {high}"))
    }
}

/// One of the choices.
fn choice(name: &str, text: &str, choices: &[&str]) -> Result<String, String> {
    if choices.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("{name}: {text:?} is none of {}", choices.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Arguments>, String> {
        Arguments::parse(line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned))
    }

    #[test]
    fn every_argument_arrives_in_both_forms() {
        let words = "--learning-rate 0.5 --batch-size=64 --optimizer momentum --momentum=0.25 \
            --weight-decay 1e-3 --hidden-units=8 --layers 3 --activation tanh --dropout 0.1 \
            --epochs=2 --seed 18446744073709551615 --verbose";
        let expected = Arguments {
            learning_rate: 0.5,
            batch_size: 64,
            optimizer: Optimizer::Momentum(0.25),
            weight_decay: 1e-3,
            hidden_units: 8,
            layers: 3,
            activation: Activation::Tanh,
            dropout: 0.1,
            epochs: 2,
            seed: u64::MAX,
            verbose: true,
        };
        assert_eq!(parse(words), Ok(Some(expected)));
        assert_eq!(parse(""), Ok(Some(Arguments::default())));
        assert_eq!(parse("--seed 1 --help"), Ok(None));
    }

    #[test]
    fn help_tells_the_defaults() {
        let mut checked = 0;
        for line in HELP.lines().filter(|line| line.ends_with(']') && line.starts_with("  --")) {
            let name = line.split_whitespace().next().unwrap();
            let value = &line[line.rfind('[').unwrap() + 1..line.len() - 1];
            let given = parse(&format!("--optimizer momentum {name} {value}")).unwrap();
            let mut expected = parse("--optimizer momentum").unwrap();
            if name == "--optimizer" {
                expected = Some(Arguments::default());
            }
            assert_eq!(given, expected, "{line}");
            checked += 1;
        }
        assert_eq!(checked, NAMES.len());
    }

    #[test]
    fn an_empty_momentum_is_not_given() {
        assert_eq!(parse("--momentum="), Ok(Some(Arguments::default())));
        let words = ["--momentum", "", "--optimizer", "momentum"].map(str::to_owned);
        let arguments = Arguments::parse(words).unwrap().unwrap();
        assert_eq!(arguments.optimizer, Optimizer::Momentum(0.9));
    }

    #[test]
    fn errors_name_the_argument() {
        for (line, parts) in [
            ("--learning-rate 2", ["--learning-rate", "between 0.0001 and 1"]),
            ("--learning-rate NaN", ["--learning-rate", "between"]),
            ("--learning-rate inf", ["--learning-rate", "between"]),
            ("--learning-rate=", ["--learning-rate", "not a number"]),
            ("--layers 0", ["--layers", "between 1 and 3"]),
            ("--layers -1", ["--layers", "not a number"]),
            ("--hidden-units 8.5", ["--hidden-units", "not a number"]),
            ("--optimizer lion", ["--optimizer", "sgd, momentum, adam, rmsprop"]),
            ("--optimizer=", ["--optimizer", "none of"]),
            ("--momentum 0.5", ["--momentum", "not adam"]),
            ("--activation", ["--activation", "needs a value"]),
            ("--verbose=yes", ["--verbose", "takes no value"]),
            ("--rate 1", ["--rate", "unknown"]),
            ("digits", ["digits", "unknown"]),
        ] {
            let error = parse(line).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{line}: {error:?} does not say {part:?}");
            }
        }
    }
}

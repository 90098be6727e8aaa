//! Pruners as texts.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use super::{HyperbandPruner, PatientPruner, PercentilePruner, Pruner, SuccessiveHalvingPruner};
use crate::{Error, ErrorKind, Result};

/// Depth up to which patient pruners may be nested.
const MAX_DEPTH: usize = 8;

/// The options of a text, `name=value` each.
struct Options<'a> {
    pruner: &'static str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    fn parse(pruner: &'static str, text: Option<&'a str>) -> Result<Self> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for option in text.unwrap_or("").split(',').filter(|_| text.is_some()) {
            let Some((name, value)) = option.split_once('=') else {
                return Err(invalid(format!(
                    "options of \"{pruner}\" are written name=value, not \"{option}\""
                )));
            };
            pairs.push((name.trim(), value.trim()));
        }
        Ok(Self { pruner, pairs })
    }

    /// Takes the option with one of these names: the short one, and that of the field.
    fn take<T: FromStr>(&mut self, names: [&str; 2], kind: &str) -> Result<Option<T>> {
        let Some(place) = self.pairs.iter().position(|(name, _)| names.contains(name)) else {
            return Ok(None);
        };
        let (name, value) = self.pairs.remove(place);
        if self.pairs.iter().any(|(other, _)| names.contains(other)) {
            return Err(invalid(format!("\"{name}\" of \"{}\" is given twice", self.pruner)));
        }
        let parsed = value.parse().map_err(|_| {
            invalid(format!("\"{name}\" of \"{}\" is {kind}, not \"{value}\"", self.pruner))
        })?;
        Ok(Some(parsed))
    }

    fn set<T: FromStr>(&mut self, names: [&str; 2], field: &mut T) -> Result<()> {
        if let Some(value) = self.take(names, "a whole number")? {
            *field = value;
        }
        Ok(())
    }

    /// Refuses what nothing has taken.
    fn end(self, known: &str) -> Result<()> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(invalid(format!(
                "\"{}\" has no option \"{name}\"; there are {known}",
                self.pruner
            ))),
        }
    }
}

const MIN: [&str; 2] = ["min", "min_resource"];
const MAX: [&str; 2] = ["max", "max_resource"];
const FACTOR: [&str; 2] = ["factor", "reduction_factor"];
const BOOTSTRAP: [&str; 2] = ["bootstrap", "bootstrap_count"];

fn invalid(what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("pruner: {what}"))
}

fn percentile(name: &'static str, percentile: f64, options: Option<&str>) -> Result<Pruner> {
    let mut options = Options::parse(name, options)?;
    let mut pruner = PercentilePruner { percentile, ..PercentilePruner::default() };
    options.set(["startup", "n_startup_trials"], &mut pruner.n_startup_trials)?;
    options.set(["warmup", "n_warmup_steps"], &mut pruner.n_warmup_steps)?;
    options.set(["interval", "interval_steps"], &mut pruner.interval_steps)?;
    options.set(["min_trials", "n_min_trials"], &mut pruner.n_min_trials)?;
    options.end("startup, warmup, interval and min_trials")?;
    Ok(pruner.into())
}

fn successive_halving(options: Option<&str>) -> Result<Pruner> {
    let mut options = Options::parse("asha", options)?;
    let mut pruner = SuccessiveHalvingPruner::default();
    options.set(MIN, &mut pruner.min_resource)?;
    pruner.max_resource = options.take(MAX, "a whole number")?;
    options.set(FACTOR, &mut pruner.reduction_factor)?;
    options.set(["rate", "min_early_stopping_rate"], &mut pruner.min_early_stopping_rate)?;
    options.set(BOOTSTRAP, &mut pruner.bootstrap_count)?;
    options.end("min, max, factor, rate and bootstrap")?;
    Ok(pruner.into())
}

fn hyperband(options: Option<&str>) -> Result<Pruner> {
    let mut options = Options::parse("hyperband", options)?;
    let Some(max_resource) = options.take(MAX, "a whole number")? else {
        return Err(invalid(
            "\"hyperband\" needs \"max\", the last step of a trial: hyperband:max=81",
        ));
    };
    let mut pruner = HyperbandPruner::new(max_resource);
    options.set(MIN, &mut pruner.min_resource)?;
    options.set(FACTOR, &mut pruner.reduction_factor)?;
    options.set(BOOTSTRAP, &mut pruner.bootstrap_count)?;
    options.end("min, max, factor and bootstrap")?;
    Ok(pruner.into())
}

/// The number at the beginning of the options, and the rest of them.
fn leading<'a, T: FromStr>(
    text: Option<&'a str>,
    missing: &str,
    wrong: &str,
) -> Result<(T, Option<&'a str>)> {
    let text = text.ok_or_else(|| invalid(missing))?;
    let (number, rest) = match text.split_once(',') {
        Some((number, rest)) => (number, Some(rest)),
        None => (text, None),
    };
    let parsed = number.trim().parse();
    Ok((parsed.map_err(|_| invalid(format!("{wrong}, not \"{number}\"")))?, rest))
}

fn patient(text: Option<&str>, depth: usize) -> Result<Pruner> {
    if depth >= MAX_DEPTH {
        return Err(invalid(format!("more than {MAX_DEPTH} pruners are nested")));
    }
    let (own, wrapped) = match text.and_then(|text| text.split_once(':')) {
        Some((own, wrapped)) => (Some(own), Some(wrapped)),
        None => (text, None),
    };
    let (patience, options) = leading(
        own,
        "\"patient\" needs its patience, a number of reports: patient:5:median",
        "the patience of \"patient\" is a whole number",
    )?;
    let mut options = Options::parse("patient", options)?;
    let min_delta = options.take(["min_delta"; 2], "a number")?.unwrap_or(0.0);
    options.end("min_delta")?;
    let pruner = wrapped.map(|text| parse(text, depth + 1).map(Box::new)).transpose()?;
    Ok(PatientPruner { pruner, patience, min_delta }.into())
}

fn parse(text: &str, depth: usize) -> Result<Pruner> {
    let (name, options) = match text.split_once(':') {
        Some((name, options)) => (name, Some(options)),
        None => (text, None),
    };
    let pruner = match name.trim() {
        "median" => percentile("median", 50.0, options)?,
        "percentile" => {
            let (number, options) = leading(
                options,
                "\"percentile\" needs the part that is kept, in percent: percentile:25",
                "the percentile of \"percentile\" is a number",
            )?;
            percentile("percentile", number, options)?
        }
        "asha" => successive_halving(options)?,
        "hyperband" => hyperband(options)?,
        "patient" => patient(options, depth)?,
        other => {
            return Err(invalid(format!(
                "there is no \"{other}\"; there are median, percentile, asha, hyperband and patient"
            )));
        }
    };
    pruner.check()?;
    Ok(pruner)
}

impl FromStr for Pruner {
    type Err = Error;

    /// Parses a text as [`Pruner`] describes it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`], naming the pruner and the option.
    fn from_str(text: &str) -> Result<Self> {
        parse(text, 0)
    }
}

impl fmt::Display for Pruner {
    /// The text with every option, so that it means the same whatever the defaults are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(PercentilePruner {
                percentile,
                n_startup_trials,
                n_warmup_steps,
                interval_steps,
                n_min_trials,
            }) => {
                let name = if *percentile == 50.0 {
                    "median:".to_string()
                } else {
                    format!("percentile:{percentile},")
                };
                write!(
                    formatter,
                    "{name}startup={n_startup_trials},warmup={n_warmup_steps},\
                     interval={interval_steps},min_trials={n_min_trials}"
                )
            }
            Self::SuccessiveHalving(SuccessiveHalvingPruner {
                min_resource,
                max_resource,
                reduction_factor,
                min_early_stopping_rate,
                bootstrap_count,
            }) => {
                let max = max_resource.map_or(String::new(), |max| format!("max={max},"));
                write!(
                    formatter,
                    "asha:min={min_resource},{max}factor={reduction_factor},\
                     rate={min_early_stopping_rate},bootstrap={bootstrap_count}"
                )
            }
            Self::Hyperband(HyperbandPruner {
                min_resource,
                max_resource,
                reduction_factor,
                bootstrap_count,
            }) => write!(
                formatter,
                "hyperband:min={min_resource},max={max_resource},factor={reduction_factor},\
                 bootstrap={bootstrap_count}"
            ),
            Self::Patient(PatientPruner { pruner, patience, min_delta }) => {
                write!(formatter, "patient:{patience},min_delta={min_delta}")?;
                match pruner {
                    Some(pruner) => write!(formatter, ":{pruner}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        for (text, written) in [
            ("median", "median:startup=5,warmup=0,interval=1,min_trials=1"),
            ("percentile:50", "median:startup=5,warmup=0,interval=1,min_trials=1"),
            (
                "percentile:12.5,n_startup_trials=2,interval=3",
                "percentile:12.5,startup=2,warmup=0,interval=3,min_trials=1",
            ),
            ("asha", "asha:min=1,factor=4,rate=0,bootstrap=0"),
            (
                "asha:min=2, max=50,reduction_factor=3",
                "asha:min=2,max=50,factor=3,rate=0,bootstrap=0",
            ),
            ("hyperband:max=81", "hyperband:min=1,max=81,factor=3,bootstrap=0"),
            ("patient:5", "patient:5,min_delta=0"),
            (
                "patient:5,min_delta=1e-3:asha:factor=2",
                "patient:5,min_delta=0.001:asha:min=1,factor=2,rate=0,bootstrap=0",
            ),
        ] {
            let pruner: Pruner = text.parse().unwrap();
            assert_eq!(pruner.to_string(), written);
            assert_eq!(written.parse::<Pruner>().unwrap(), pruner);
        }
        let nested = PatientPruner::new(Pruner::median(), 5);
        assert_eq!("patient:5:median".parse::<Pruner>().unwrap(), nested.into());
    }

    #[test]
    fn errors_name_the_option() {
        for (text, part) in [
            ("", "there is no \"\""),
            ("halving", "there is no \"halving\""),
            ("median:", "name=value, not \"\""),
            ("median:5", "name=value, not \"5\""),
            ("median:startup=x", "\"startup\" of \"median\" is a whole number, not \"x\""),
            ("median:warmup=-1", "\"warmup\" of \"median\" is a whole number, not \"-1\""),
            ("median:startup=1,n_startup_trials=2", "\"startup\" of \"median\" is given twice"),
            ("median:interval=0", "interval_steps is at least 1, not 0"),
            ("median:min_trials=0", "n_min_trials is at least 1, not 0"),
            ("percentile", "percentile:25"),
            ("percentile:x", "is a number, not \"x\""),
            ("percentile:101", "percentile is a number from 0 to 100, not 101"),
            ("percentile:NaN", "percentile is a number from 0 to 100, not NaN"),
            ("asha:min=0", "min_resource is at least 1"),
            ("asha:factor=1", "reduction_factor is at least 2, not 1"),
            ("asha:min=9,max=8", "max_resource is at least min_resource, 9, not 8"),
            ("asha:steps=3", "\"asha\" has no option \"steps\"; there are min, max"),
            ("hyperband", "\"hyperband\" needs \"max\""),
            ("hyperband:min=1", "\"hyperband\" needs \"max\""),
            ("patient", "patient:5:median"),
            ("patient:median", "the patience of \"patient\" is a whole number, not \"median\""),
            ("patient:5,min_delta=-1", "min_delta is a number of at least 0, not -1"),
            ("patient:5:hyperband", "\"hyperband\" needs \"max\""),
        ] {
            let error = text.parse::<Pruner>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidValue);
            assert!(error.context().contains(part), "{text}: {error}");
        }
        let deep = "patient:1:".repeat(1000) + "median";
        assert!(deep.parse::<Pruner>().unwrap_err().context().contains("nested"));
    }
}

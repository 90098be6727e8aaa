//! Values of options, as they are read from their texts.

use std::time::Duration;

use optiformer::study::Pruner;

/// A named group of study files.
#[derive(Clone, Debug)]
pub struct GroupArgument {
    /// The name.
    pub name: String,
    /// The files.
    pub files: Vec<String>,
}

/// A group of study files, `NAME=FILE,FILE…`.
pub fn group(text: &str) -> Result<GroupArgument, String> {
    let (name, files) = text.split_once('=').ok_or("a group is NAME=FILE,FILE…")?;
    let files: Vec<String> = files.split(',').map(str::to_string).collect();
    if name.is_empty() || files.iter().any(String::is_empty) {
        return Err("a group has a name and files without gaps".to_string());
    }
    Ok(GroupArgument { name: name.to_string(), files })
}

/// A pruner by its text form.
pub fn pruner(text: &str) -> Result<Pruner, String> {
    text.parse().map_err(|error: optiformer::Error| error.context().to_string())
}

/// A number of seconds above zero.
pub fn timeout(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("a timeout is longer than nothing".to_string()),
        limit => Ok(limit),
    }
}

/// An objective to reach.
pub fn target(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => Ok(number),
        _ => Err("not a number".to_string()),
    }
}

/// A number of seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    if number.is_nan() || number < 0.0 {
        return Err("a time is not negative".to_string());
    }
    Duration::try_from_secs_f64(number).map_err(|_| "longer than can be counted".to_string())
}

/// A time with units, such as `90s`, `2h` or `1h30m`.
pub fn budget(text: &str) -> Result<Duration, String> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest
            .find(|letter: char| letter.is_ascii_alphabetic())
            .ok_or_else(|| format!("\"{rest}\" has no unit: s, m, h or d"))?;
        let number: f64 =
            rest[..end].trim().parse().map_err(|_| format!("\"{}\" is no number", &rest[..end]))?;
        let seconds = match rest.as_bytes()[end] {
            b's' => 1.0,
            b'm' => 60.0,
            b'h' => 3600.0,
            b'd' => 86_400.0,
            _ => return Err(format!("\"{}\" is no unit; there are s, m, h and d", &rest[end..])),
        };
        if number.is_nan() || number < 0.0 {
            return Err("a time is not negative".to_string());
        }
        total += number * seconds;
        rest = rest[end + 1..].trim_start();
    }
    if total <= 0.0 {
        return Err("a budget is longer than nothing, e.g. 90s, 30m, 2h or 1d".to_string());
    }
    Duration::try_from_secs_f64(total).map_err(|_| "longer than can be counted".to_string())
}

/// A number of parameters, such as `2M` or `350000`.
pub fn parameters(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (digits, unit) = match text.char_indices().next_back() {
        Some((end, 'k' | 'K')) => (&text[..end], 1e3),
        Some((end, 'm' | 'M')) => (&text[..end], 1e6),
        Some((end, 'b' | 'B')) => (&text[..end], 1e9),
        Some((end, 't' | 'T')) => (&text[..end], 1e12),
        _ => (text, 1.0),
    };
    let number: f64 =
        digits.parse().map_err(|_| "not a number such as 2M, 350M or 2B".to_string())?;
    let number = (number * unit).round();
    if !(1.0..=1e15).contains(&number) {
        return Err("a budget is between 1 and 1000T parameters".to_string());
    }
    Ok(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("2h", 7200.0),
            ("1.5m", 90.0),
            ("1h30m", 5400.0),
            (" 1d 2h ", 93_600.0),
        ] {
            assert_eq!(budget(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "0s", "2", "h", "-1h", "nanh", "2 weeks", "1h30", "1e999h", "2µ"] {
            assert!(budget(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_of_parameters_have_magnitudes() {
        for (text, number) in [
            ("2M", 2_000_000),
            ("2B", 2_000_000_000),
            ("1.5k", 1500),
            ("350m", 350_000_000),
            ("7", 7),
        ] {
            assert_eq!(parameters(text), Ok(number), "{text}");
        }
        for text in ["", "M", "0", "-2M", "2G", "nan", "infB", "1e99", "2 M M"] {
            assert!(parameters(text).is_err(), "{text}");
        }
    }
}

//! Trials in old logs.

use serde_json::{Map, Number, Value};

/// A field of a trial's line.
pub type Fields = Map<String, Value>;

/// The trial of a line like `… Trial 3: arch_idx=17, d_model=64, …` or `Trial 3 done: loss=0.5`:
/// its number and its fields. `None` for any other line.
pub fn parse_line(line: &str) -> Option<(u64, Fields)> {
    let place = line.find("Trial ")?;
    let rest = &line[place + "Trial ".len()..];
    let (number, fields) = rest.split_once(':')?;
    let end = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
    let number = number[..end].parse().ok()?;
    let fields: Fields = fields
        .split([',', ';'])
        .filter_map(|field| field.split_once('='))
        .map(|(name, text)| (name.trim().to_string(), value(text.trim())))
        .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
        .collect();
    (!fields.is_empty()).then_some((number, fields))
}

/// A number where the text is one, nothing for a lost value, else the text.
fn value(text: &str) -> Value {
    if matches!(text, "" | "None" | "null" | "?" | "nan" | "NaN") {
        return Value::Null;
    }
    if let Ok(number) = text.parse::<u64>() {
        return number.into();
    }
    match text.parse::<f64>().ok().and_then(Number::from_f64) {
        Some(number) => Value::Number(number),
        None => text.into(),
    }
}

/// The object with the field `name` in a line of JSON: the line itself, or one inside it.
pub fn object_with<'a>(line: &'a mut Value, name: &str) -> Option<&'a mut Fields> {
    let object = line.as_object_mut()?;
    if object.contains_key(name) {
        return Some(object);
    }
    object.values_mut().find_map(|inner| object_with(inner, name))
}

/// Whether a logged value says the same as `known`; `None` where it is lost.
///
/// A count with a magnitude, like `2.1M`, says the same within half of its last digit.
pub fn agrees(logged: Option<&Value>, known: u64) -> Option<bool> {
    match logged {
        None | Some(Value::Null) => None,
        Some(Value::Number(number)) => Some(number.as_f64() == Some(known as f64)),
        Some(Value::String(text)) => Some(rounds_to(text.trim(), known)),
        // A field of another kind that happens to have the name.
        Some(_) => None,
    }
}

fn rounds_to(text: &str, known: u64) -> bool {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((end, 'K' | 'k')) => (&text[..end], 1e3),
        Some((end, 'M' | 'm')) => (&text[..end], 1e6),
        Some((end, 'B' | 'b')) => (&text[..end], 1e9),
        _ => (text, 1.0),
    };
    // Thousands may be grouped with underscores.
    let digits = digits.trim().replace('_', "");
    let Ok(number) = digits.parse::<f64>() else { return false };
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let last = unit * 10_f64.powi(-(decimals as i32));
    let slack = if unit == 1.0 { 0.0 } else { 0.5 * last * (1.0 + 1e-9) };
    (number * unit - known as f64).abs() <= slack
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trials_are_found_in_text() {
        let line = "2025-12-13 10:00:01 INFO Trial 3: arch_idx=17, d_model=64, n_heads=None, lr=1e-3, note=a b";
        let (number, fields) = parse_line(line).unwrap();
        let expected =
            json!({"arch_idx": 17, "d_model": 64, "n_heads": null, "lr": 1e-3, "note": "a b"});
        assert_eq!((number, Value::Object(fields)), (3, expected));
        let (number, fields) = parse_line("Trial 12/50 finished: loss=0.5").unwrap();
        assert_eq!((number, Value::Object(fields)), (12, json!({"loss": 0.5})));
        for line in ["", "Trial 3", "Trial 3:", "Trial x: a=1", "Trial 3: done", "trials: a=1"] {
            assert_eq!(parse_line(line), None, "{line}");
        }
    }

    #[test]
    fn rounded_counts_agree() {
        for (logged, agreement) in [
            (json!(2_142_145), Some(true)),
            (json!(2_142_145.0), Some(true)),
            (json!("2.1M"), Some(true)),
            (json!("2.14M"), Some(true)),
            (json!("2M"), Some(true)),
            (json!("2_142_145"), Some(true)),
            (json!(null), None),
            (json!("2.2M"), Some(false)),
            (json!(2_142_146), Some(false)),
            (json!("many"), Some(false)),
            (json!({"lr": 0.1}), None),
        ] {
            assert_eq!(agrees(Some(&logged), 2_142_145), agreement, "{logged}");
        }
        assert_eq!(agrees(None, 1), None);
    }

    #[test]
    fn objects_are_found_inside() {
        let mut line = json!({"trial": {"id": 1, "values": {"arch_idx": 4}}, "best": null});
        assert_eq!(object_with(&mut line, "arch_idx").unwrap()["arch_idx"], 4);
        assert!(object_with(&mut json!([1]), "arch_idx").is_none());
    }
}

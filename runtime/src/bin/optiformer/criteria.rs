//! Success criteria: `NAME < NUMBER`, one a line.

/// A bound on a measured number.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    pub name: String,
    comparison: Comparison,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

const SIGNS: [(&str, Comparison); 4] = [
    // Longer signs first, because "<" is the beginning of "<=".
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Parses criteria, one a line; empty lines and what follows `#` are skipped.
///
/// # Errors
///
/// A message that names the line.
pub fn parse(text: &str) -> Result<Vec<Criterion>, String> {
    let mut criteria = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if !line.is_empty() {
            let wrong = || format!("line {}: \"{line}\" is not NAME < NUMBER", index + 1);
            criteria.push(criterion(line).ok_or_else(wrong)?);
        }
    }
    if criteria.is_empty() {
        return Err("there are no criteria".to_string());
    }
    Ok(criteria)
}

fn criterion(line: &str) -> Option<Criterion> {
    let (sign, comparison) = SIGNS.into_iter().find(|(sign, _)| line.contains(sign))?;
    let (name, bound) = line.split_once(sign)?;
    let (name, bound) = (name.trim(), bound.trim().parse::<f64>().ok()?);
    (!name.is_empty() && bound.is_finite()).then(|| Criterion {
        name: name.to_string(),
        comparison,
        bound,
    })
}

impl Criterion {
    /// Whether a number satisfies the criterion.
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Less => value < self.bound,
            Comparison::AtMost => value <= self.bound,
            Comparison::Greater => value > self.bound,
            Comparison::AtLeast => value >= self.bound,
        }
    }
}

impl std::fmt::Display for Criterion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = SIGNS.iter().find(|(_, comparison)| *comparison == self.comparison);
        write!(formatter, "{} {} {}", self.name, sign.map_or("", |(sign, _)| sign), self.bound)
    }
}

/// Mean of repeated measurements, with half of its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// Half of the width of the interval; `None` of a single measurement.
    pub margin: Option<f64>,
}

/// 97.5 % quantiles of Student's t distribution with 1, 2, … degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

impl Estimate {
    /// The estimate from measurements, of which there is at least one.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        if values.len() < 2 {
            return Self { mean, margin: None };
        }
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        // Beyond thirty the quantile is at most 2 % below the last one of the table.
        let quantile = STUDENT[(values.len() - 2).min(STUDENT.len() - 1)];
        Self { mean, margin: Some(quantile * error) }
    }

    /// Whether every number of the interval satisfies the criterion, or none does; `None` where the
    /// interval holds the bound.
    pub fn verdict(&self, criterion: &Criterion) -> Option<bool> {
        let margin = self.margin.unwrap_or(0.0);
        let (low, high) = (self.mean - margin, self.mean + margin);
        (criterion.holds(low) == criterion.holds(high)).then(|| criterion.holds(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_are_read_line_by_line() {
        let text = "# the document's\nquality loss <= 0.01\n\nspeedup>1.3 # measured\nx >= -2e3\n";
        let criteria = parse(text).unwrap();
        let shown: Vec<String> = criteria.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["quality loss <= 0.01", "speedup > 1.3", "x >= -2000"]);
        assert!(criteria[0].holds(0.01) && !criteria[1].holds(1.3) && criteria[2].holds(-2000.0));
        for (text, message) in [
            ("", "no criteria"),
            ("a < 1\nb = 2", "line 2: \"b = 2\""),
            ("< 1", "line 1"),
            ("a < b", "line 1"),
            ("a < inf", "line 1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn intervals_follow_student() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]);
        assert_eq!(estimate.mean, 2.0);
        assert!((estimate.margin.unwrap() - 4.303 / 3f64.sqrt()).abs() < 1e-12);
        let criterion = |text: &str| parse(text).unwrap().remove(0);
        assert_eq!(estimate.verdict(&criterion("x < 5")), Some(true));
        assert_eq!(estimate.verdict(&criterion("x < 3")), None);
        assert_eq!(estimate.verdict(&criterion("x > 9")), Some(false));
        let single = Estimate::of(&[1.0]);
        assert_eq!((single.margin, single.verdict(&criterion("x < 2"))), (None, Some(true)));
        assert_eq!(Estimate::of(&[1.0; 40]).margin, Some(0.0));
    }
}

//! Intermediate values of programs that do not print them for the tool.

use std::str::FromStr;

use regex::Regex;

/// Longest line that is looked at, in bytes.
const LONGEST: usize = 4096;

/// A regular expression that finds a step and its value in a line.
#[derive(Clone, Debug)]
pub struct StepPattern(Regex);

impl FromStr for StepPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = Regex::new(text).map_err(|error| error.to_string())?;
        for name in ["step", "value"] {
            if pattern.capture_names().flatten().all(|group| group != name) {
                return Err(format!("there is no group named \"{name}\", as in (?<{name}>\\S+)"));
            }
        }
        Ok(Self(pattern))
    }
}

impl StepPattern {
    /// The step and the value in a line, if both are there and are numbers.
    fn find(&self, line: &str) -> Option<(u64, f64)> {
        let found = self.0.captures(line)?;
        Some((
            found.name("step")?.as_str().parse().ok()?,
            found.name("value")?.as_str().parse().ok()?,
        ))
    }
}

/// Looks for steps in a stream of bytes.
#[derive(Debug)]
pub struct StepScanner {
    pattern: StepPattern,
    line: Vec<u8>,
}

impl StepScanner {
    /// A scanner at the beginning of a stream.
    pub fn new(pattern: StepPattern) -> Self {
        Self { pattern, line: Vec::new() }
    }

    /// Processes the next piece of the stream; `report` gets each step with its value. A carriage
    /// return ends a line too, because progress bars write over themselves.
    pub fn feed(&mut self, bytes: &[u8], report: &mut dyn FnMut(u64, f64)) {
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                self.end_line(report);
            } else if self.line.len() <= LONGEST {
                self.line.push(*byte);
            }
        }
    }

    /// Processes a last line without a line break.
    pub fn finish(&mut self, report: &mut dyn FnMut(u64, f64)) {
        self.end_line(report);
    }

    fn end_line(&mut self, report: &mut dyn FnMut(u64, f64)) {
        if !self.line.is_empty() && self.line.len() <= LONGEST {
            let line = String::from_utf8_lossy(&self.line);
            if let Some((step, value)) = self.pattern.find(&line) {
                report(step, value);
            }
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_in_lines() {
        let pattern: StepPattern = r"^Epoch (?<step>\d+)/\d+: loss=(?<value>\S+)".parse().unwrap();
        let text = format!(
            "Epoch 1/9: loss=0.5\nEpoch 2/9: loss=?\r\nepoch 3/9: loss=1\rEpoch 4/9: loss=-1e-3 x\n\
             {}\nEpoch 99999999999999999999/9: loss=1\nEpoch 6/9: loss=nan",
            "x".repeat(10_000)
        );
        for size in [1, 7, text.len()] {
            let mut scanner = StepScanner::new(pattern.clone());
            let mut steps = Vec::new();
            let mut report = |step, value: f64| steps.push((step, value.to_string()));
            text.as_bytes().chunks(size).for_each(|piece| scanner.feed(piece, &mut report));
            scanner.finish(&mut report);
            let expected = [(1, "0.5".into()), (4, "-0.001".into()), (6, "NaN".into())];
            assert_eq!(steps, expected);
        }
    }

    #[test]
    fn patterns_need_their_groups() {
        for (text, part) in [
            (r"(?<step>\d+) (\S+)", "no group named \"value\""),
            (r"(\d+) (?<value>\S+)", "no group named \"step\""),
            (r"(?<step>\d+", "unclosed group"),
        ] {
            let error = text.parse::<StepPattern>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}

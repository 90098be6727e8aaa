//! Pass criteria with what was measured.

use std::fmt;

/// One criterion of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// The plan's step.
    pub step: u8,
    /// What is asked.
    pub what: &'static str,
    /// What was measured.
    pub measured: String,
    /// What it takes to pass.
    pub threshold: String,
    /// Whether it passed.
    pub passed: bool,
}

/// The criteria in the order they were measured.
#[derive(Clone, Debug, Default)]
pub struct Criteria(Vec<Criterion>);

impl Criteria {
    /// A figure that must be at least `least`.
    pub fn at_least(&mut self, step: u8, what: &'static str, measured: f64, least: f64) {
        self.add(step, what, figure(measured), format!("≥ {}", figure(least)), measured >= least);
    }

    /// A figure that must be at most `most`.
    pub fn at_most(&mut self, step: u8, what: &'static str, measured: f64, most: f64) {
        self.add(step, what, figure(measured), format!("≤ {}", figure(most)), measured <= most);
    }

    /// A figure that must be `wanted` exactly.
    pub fn equals(&mut self, step: u8, what: &'static str, measured: f64, wanted: f64) {
        self.add(step, what, figure(measured), format!("= {}", figure(wanted)), measured == wanted);
    }

    /// Something that is or is not so.
    pub fn holds(&mut self, step: u8, what: &'static str, measured: String, passed: bool) {
        self.add(step, what, measured, String::from("yes"), passed);
    }

    fn add(
        &mut self,
        step: u8,
        what: &'static str,
        measured: String,
        threshold: String,
        passed: bool,
    ) {
        let mark = if passed { "pass" } else { "FAIL" };
        eprintln!("  step {step}: {what}: {measured} ({threshold}) {mark}");
        self.0.push(Criterion { step, what, measured, threshold, passed });
    }

    /// The criteria, in the order they were measured.
    pub fn list(&self) -> &[Criterion] {
        &self.0
    }

    /// Whether every criterion passed.
    pub fn all_passed(&self) -> bool {
        self.0.iter().all(|criterion| criterion.passed)
    }
}

fn figure(value: f64) -> String {
    if value == value.round() && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}

impl fmt::Display for Criteria {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| step | criterion | measured | threshold | |")?;
        writeln!(formatter, "|---|---|---|---|---|")?;
        for criterion in &self.0 {
            let Criterion { step, what, measured, threshold, passed } = criterion;
            let mark = if *passed { "pass" } else { "FAIL" };
            writeln!(formatter, "| {step} | {what} | {measured} | {threshold} | {mark} |")?;
        }
        let passed = self.0.iter().filter(|criterion| criterion.passed).count();
        write!(formatter, "\n{passed} passed, {} failed", self.0.len() - passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_the_whole() {
        let mut criteria = Criteria::default();
        criteria.at_least(1, "trials", 1000.0, 1000.0);
        criteria.at_most(2, "error", 0.49, 0.5);
        assert!(criteria.all_passed());
        criteria.at_most(2, "not a number", f64::NAN, 0.5);
        assert!(!criteria.all_passed());
        let table = criteria.to_string();
        assert!(table.contains("| 2 | error | 0.4900 | ≤ 0.5000 | pass |"), "{table}");
        assert!(table.ends_with("2 passed, 1 failed"));
    }
}

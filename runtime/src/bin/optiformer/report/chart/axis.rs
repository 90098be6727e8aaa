//! Axes: where a value is drawn, and which values are labelled.

use optiformer::space::{Choice, Domain, Parameter};

/// An axis from 0 to 1.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What the axis shows.
    pub name: String,
    scale: Scale,
    low: f64,
    high: f64,
    /// Whether values beyond the ends are to be expected.
    clipped: (bool, bool),
    /// Whether only whole numbers are labelled.
    whole: bool,
}

#[derive(Clone, Debug)]
enum Scale {
    Linear,
    Log,
    Categories(Vec<String>),
}

/// A labelled place.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Between 0 and 1.
    pub place: f64,
    /// The label.
    pub label: String,
}

/// Ratio of the objectives of all but the worst tenth from which an axis is logarithmic.
const LOG_RATIO: f64 = 5.0;

impl Axis {
    /// The axis of a parameter, from bound to bound.
    pub fn of_parameter(parameter: &Parameter) -> Self {
        let (scale, low, high) = match parameter.domain() {
            Domain::Categorical { choices } => {
                let labels = choices.iter().map(Choice::to_string).collect();
                (Scale::Categories(labels), 0.0, 1.0)
            }
            Domain::Int { low, high, log: true, .. } => (Scale::Log, low - 0.5, high + 0.5),
            Domain::Float { low, high, log: true, .. } => (Scale::Log, *low, *high),
            Domain::Int { low, high, step, .. } => {
                (Scale::Linear, low - 0.5 * step, high + 0.5 * step)
            }
            Domain::Float { low, high, step, .. } => {
                let margin = 0.5 * step.unwrap_or(0.0);
                (Scale::Linear, low - margin, high + margin)
            }
        };
        let whole = matches!(parameter.domain(), Domain::Int { .. });
        let name = parameter.name().to_string();
        Self { name, scale, low, high, clipped: (false, false), whole }
    }

    /// The axis of trial numbers up to `last`.
    pub fn of_trials(last: u64) -> Self {
        let high = (last as f64).max(1.0);
        let margin = 0.015 * high;
        let (low, high) = (-margin, high + margin);
        Self { whole: true, ..Self::linear("trial", low, high) }
    }

    /// The axis of the steps of intermediate values.
    pub fn of_steps(first: f64, last: f64) -> Self {
        let last = last.max(first + 1.0);
        let margin = 0.015 * (last - first);
        Self { whole: true, ..Self::linear("step", first - margin, last + margin) }
    }

    /// The axis of objectives, of which `losses` are the negated or plain ones, smaller is better.
    ///
    /// It is logarithmic where they spread over orders of magnitude, and ends before bad outliers,
    /// which would press everything else together.
    pub fn of_objectives(name: &str, values: &[f64], smaller_is_better: bool) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        if !smaller_is_better {
            sorted.reverse();
        }
        let (Some(best), Some(worst)) = (sorted.first().copied(), sorted.last().copied()) else {
            return Self::linear(name, 0.0, 1.0);
        };
        // Nine tenths of the objectives are at least as good as this one.
        let typical = sorted[(sorted.len() - 1) * 9 / 10];
        let logarithmic = best > 0.0 && worst > 0.0 && {
            let ratio = typical / best;
            ratio.max(1.0 / ratio) >= LOG_RATIO
        };
        let forward = |value: f64| if logarithmic { value.ln() } else { value / 4.0 };
        let back = |value: f64| if logarithmic { value.exp() } else { value * 4.0 };
        let (from, to, typical) = (forward(best), forward(worst), forward(typical));
        let spread = typical - from;
        let clips = spread != 0.0 && (to - from) / spread > 3.0;
        let end = if clips { typical + 0.3 * spread } else { to };
        let margin = 0.04 * (end - from);
        let ends = [from - margin, if clips { end } else { end + margin }].map(back);
        let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let scale = if logarithmic { Scale::Log } else { Scale::Linear };
        let mut axis = Self::linear(name, best, worst);
        if low < high && low.is_finite() && high.is_finite() {
            axis = Self { scale, low, high, ..axis };
        }
        axis.clipped = (clips && !smaller_is_better, clips && smaller_is_better);
        axis
    }

    /// A linear axis between two values in any order.
    pub fn linear(name: &str, one: f64, other: f64) -> Self {
        let (mut low, mut high) = (one.min(other), one.max(other));
        if low == high {
            let margin = (0.05 * low.abs()).clamp(0.5, f64::MAX / 4.0);
            (low, high) = ((low - margin).max(f64::MIN), (high + margin).min(f64::MAX));
        }
        let (name, scale) = (name.to_string(), Scale::Linear);
        Self { name, scale, low, high, clipped: (false, false), whole: false }
    }

    /// Whether the scale is logarithmic.
    pub fn is_log(&self) -> bool {
        matches!(self.scale, Scale::Log)
    }

    /// Number of categories; `None` for numbers.
    pub fn categories(&self) -> Option<usize> {
        match &self.scale {
            Scale::Categories(labels) => Some(labels.len()),
            _ => None,
        }
    }

    /// Where a value is, clamped to the axis.
    pub fn place(&self, value: f64) -> f64 {
        let place = match &self.scale {
            Scale::Categories(labels) => (value + 0.5) / labels.len() as f64,
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
            // Halved, so that the range of two huge values is finite.
            Scale::Linear => (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0),
        };
        if place.is_nan() { 0.5 } else { place.clamp(0.0, 1.0) }
    }

    /// Whether a value is beyond the end of an axis that leaves out outliers.
    pub fn is_beyond(&self, value: f64) -> bool {
        (self.clipped.0 && value < self.low) || (self.clipped.1 && value > self.high)
    }

    /// About `count` labelled places, at round values.
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        match &self.scale {
            Scale::Categories(labels) => self.category_ticks(labels, count),
            Scale::Linear => self.linear_ticks(count),
            Scale::Log => self.log_ticks(count),
        }
    }

    fn category_ticks(&self, labels: &[String], count: usize) -> Vec<Tick> {
        let every = labels.len().div_ceil(count.max(1)).max(1);
        let tick = |(index, label): (usize, &String)| Tick {
            place: self.place(index as f64),
            label: label.clone(),
        };
        labels.iter().enumerate().step_by(every).map(tick).collect()
    }

    fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        // Halved twice for the range of huge values.
        let raw = (self.high / 4.0 - self.low / 4.0) / count.max(1) as f64 * 4.0;
        let decade = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * decade)
            .find(|step| *step >= raw * 0.999)
            .unwrap_or(raw)
            .max(if self.whole { 1.0 } else { 0.0 });
        let first = (self.low / step).ceil();
        if !step.is_normal() || !first.is_finite() || first.abs() > 1e15 {
            return self.end_ticks();
        }
        (0..=2 * count + 2)
            .map(|index| (first + index as f64) * step)
            .take_while(|value| *value <= self.high)
            .map(|value| Tick { place: self.place(value), label: number(value, step) })
            .collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<Tick> {
        let (bottom, top) = (self.low.log10(), self.high.log10());
        let decades = (top - bottom).max(1e-9);
        if decades < 0.7 {
            return self.linear_ticks(count);
        }
        let factors: &[f64] = if decades * 3.0 <= count as f64 + 1.5 {
            &[1.0, 2.0, 5.0]
        } else if decades * 2.0 <= count as f64 + 1.5 {
            &[1.0, 3.0]
        } else {
            &[1.0]
        };
        let every = (decades / count.max(1) as f64).ceil().max(1.0) as i32;
        let mut ticks = Vec::new();
        for exponent in (bottom.floor() as i32..=top.ceil() as i32).filter(|it| it % every == 0) {
            for factor in factors {
                let value = factor * 10f64.powi(exponent);
                if value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9) {
                    ticks.push(Tick { place: self.place(value), label: number(value, value) });
                }
            }
        }
        if ticks.len() < 2 { self.end_ticks() } else { ticks }
    }

    fn end_ticks(&self) -> Vec<Tick> {
        let tick =
            |value: f64| Tick { place: self.place(value), label: crate::output::short(value) };
        vec![tick(self.low), tick(self.high)]
    }
}

/// A tick's value, a multiple of `step`, as people write it.
fn number(value: f64, step: f64) -> String {
    if value == 0.0 || value.abs() < step * 1e-9 {
        return "0".to_string();
    }
    let magnitude = value.abs();
    if !(1e-4..1e6).contains(&magnitude) {
        let exponent = (magnitude.log10() + 1e-9).floor() as i32;
        let digits = (f64::from(exponent) - step.abs().log10() - 1e-9).ceil().clamp(0.0, 9.0);
        let mantissa = value / 10f64.powi(exponent);
        let power = format!("10{}", superscript(exponent));
        let mantissa = format!("{mantissa:.*}", digits as usize);
        return match mantissa.as_str() {
            "1" => power,
            "-1" => format!("−{power}"),
            mantissa => format!("{}·{power}", mantissa.replace('-', "−")),
        };
    }
    let decimals = (-step.abs().log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}").replace('-', "−")
}

fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |letter: char| letter.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]);
    exponent.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, count: usize) -> Vec<String> {
        axis.ticks(count).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round() {
        let unit = Axis::linear("x", 0.0, 1.0);
        assert_eq!(labels(&unit, 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear("x", -3.0, 3.0), 3), ["−2", "0", "2"]);
        let rate = Axis::of_parameter(&Parameter::float("rate", 1e-5, 1.0).log());
        assert_eq!(labels(&rate, 6), ["10⁻⁵", "0.0001", "0.001", "0.01", "0.1", "1"]);
        let units = Axis::of_parameter(&Parameter::int("units", 4, 256).log());
        assert_eq!(labels(&units, 6), ["5", "10", "20", "50", "100", "200"]);
        let kind = Axis::of_parameter(&Parameter::categorical("k", ["a", "b"]));
        assert_eq!(labels(&kind, 4), ["a", "b"]);
        assert_eq!(labels(&Axis::of_trials(0), 9), ["0", "1"]);
        assert_eq!(labels(&Axis::linear("x", 0.0, 3e7), 3), ["0", "10⁷", "2·10⁷", "3·10⁷"]);
    }

    #[test]
    fn any_values_have_an_axis() {
        for values in [
            &[][..],
            &[1.0],
            &[0.0, 0.0],
            &[1e308, -1e308],
            &[5e-324, 1.0],
            &[5e-324],
            &[1e308],
            &[1.0, 1.0 + 1e-15],
            &[-1e-300, 1e-300],
        ] {
            for smaller in [true, false] {
                let axis = Axis::of_objectives("objective", values, smaller);
                for value in values {
                    assert!((0.0..=1.0).contains(&axis.place(*value)), "{values:?} {axis:?}");
                }
                let ticks = axis.ticks(5);
                assert!(ticks.len() < 14, "{values:?} {ticks:?}");
                assert!(ticks.iter().all(|tick| (0.0..=1.0).contains(&tick.place)), "{ticks:?}");
            }
        }
    }

    #[test]
    fn outliers_do_not_press_the_rest_together() {
        let mut values: Vec<f64> = (0..20).map(|index| 2.0 + 0.1 * f64::from(index)).collect();
        values.push(1e6);
        let axis = Axis::of_objectives("objective", &values, true);
        assert!(axis.is_beyond(1e6) && !axis.is_beyond(3.9));
        assert!(axis.place(3.0) > 0.3);
        let negated: Vec<f64> = values.iter().map(|value| -value).collect();
        assert!(Axis::of_objectives("objective", &negated, false).is_beyond(-1e6));
        let decades: Vec<f64> = (0..20).map(|index| 10f64.powi(index - 10)).collect();
        assert!(Axis::of_objectives("objective", &decades, true).is_log());
    }
}

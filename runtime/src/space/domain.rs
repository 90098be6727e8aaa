use alloc::vec::Vec;

use super::Choice;

/// Largest magnitude of an int: beyond it an `f64` skips whole numbers.
pub(super) const LARGEST_INT: f64 = 9_007_199_254_740_992.0;

/// Finest step of a float, as a fraction of its larger bound (2^−40): levels stay distinct after
/// rounding.
pub(crate) const FINEST_STEP: f64 = 1.0 / 1_099_511_627_776.0;

/// The set of values of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// A real number in `[low, high]`.
    Float {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether the scale is logarithmic.
        log: bool,
        /// If given, the legal values are `low + k·step` up to `high`, for whole `k`.
        step: Option<f64>,
    },
    /// A whole number in `[low, high]`.
    Int {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether the scale is logarithmic.
        log: bool,
        /// The legal values are `low + k·step`.
        step: f64,
    },
    /// One of several unordered choices; the value is the choice's index.
    Categorical {
        /// The choices.
        choices: Vec<Choice>,
    },
}

impl Domain {
    /// Number of legal values; `None` if continuous.
    pub fn levels(&self) -> Option<u64> {
        match self {
            Self::Float { step: None, .. } => None,
            Self::Float { low, high, step: Some(step), .. } => {
                let count = (high - low) / step;
                let nearest = libm::round(count);
                let slack = float_slack(*low, *high, *step) / step;
                let whole =
                    if (nearest - count).abs() <= slack { nearest } else { libm::floor(count) };
                Some(whole as u64 + 1)
            }
            // Bounds up to ±2^53 may differ by 2^54, where doubles skip whole numbers.
            Self::Int { low, high, step, .. } => {
                Some(((*high as i64 - *low as i64) / *step as i64) as u64 + 1)
            }
            Self::Categorical { choices } => Some(choices.len() as u64),
        }
    }

    /// Legal value number `level`, counted from the lowest and clamped to the highest.
    ///
    /// For a continuous domain, `low`.
    pub fn level(&self, level: u64) -> f64 {
        let level = level.min(self.levels().unwrap_or(1) - 1);
        match self {
            Self::Float { low, high, step, .. } => {
                (low + level as f64 * step.unwrap_or(0.0)).min(*high)
            }
            Self::Int { low, step, .. } => (*low as i64 + level as i64 * *step as i64) as f64,
            Self::Categorical { .. } => level as f64,
        }
    }

    /// Level of the legal value nearest to `value`; 0 for a continuous domain.
    pub fn level_of(&self, value: f64) -> u64 {
        let Some(levels) = self.levels() else { return 0 };
        let level = match self {
            Self::Float { low, step, .. } => (value - low) / step.unwrap_or(1.0),
            Self::Int { low, high, step, .. } => {
                let (value, low) = (libm::round(value.clamp(*low, *high)) as i64, *low as i64);
                let step = *step as i64;
                return (((value - low + step / 2) / step) as u64).min(levels - 1);
            }
            Self::Categorical { .. } => value,
        };
        (libm::round(level).max(0.0) as u64).min(levels - 1)
    }

    /// Whether `value` is legal. A float with steps may deviate by a billionth of a step, or by the
    /// rounding of the bounds where that is more.
    pub fn contains(&self, value: f64) -> bool {
        match self {
            Self::Float { low, high, step, .. } => {
                value >= *low
                    && value <= *high
                    && step.is_none_or(|step| {
                        let nearest = self.level(self.level_of(value));
                        (value - nearest).abs() <= float_slack(*low, *high, step)
                    })
            }
            Self::Int { low, high, step, .. } => {
                value >= *low
                    && value <= *high
                    && value == libm::floor(value)
                    && (value as i64 - *low as i64) % *step as i64 == 0
            }
            Self::Categorical { choices } => {
                value >= 0.0 && value < choices.len() as f64 && value == libm::floor(value)
            }
        }
    }

    /// Maps `[0, 1]` to the legal values; 0 and 1 give the exact bounds.
    ///
    /// A continuous domain is mapped linearly, in the logarithm if `log`. The values of a discrete
    /// domain share the interval equally, or on a logarithmic scale by the logarithm of the cell
    /// `value ± ½`. Coordinates outside are clamped.
    pub fn from_unit(&self, unit: f64) -> f64 {
        let unit = if unit.is_nan() { 0.5 } else { unit.clamp(0.0, 1.0) };
        match self {
            // The logarithm would miss a bound by its rounding.
            Self::Float { low, step: None, .. } | Self::Int { low, .. } if unit == 0.0 => *low,
            Self::Float { high, step: None, .. } | Self::Int { high, log: true, .. }
                if unit == 1.0 =>
            {
                *high
            }
            Self::Float { low, high, log, step: None } => {
                if *log {
                    let (bottom, top) = (libm::log(*low), libm::log(*high));
                    libm::exp(bottom + unit * (top - bottom)).clamp(*low, *high)
                } else {
                    (low + unit * (high - low)).clamp(*low, *high)
                }
            }
            Self::Int { low, high, log: true, .. } => {
                let (bottom, top) = (libm::log(low - 0.5), libm::log(high + 0.5));
                let value = libm::exp(bottom + unit * (top - bottom));
                libm::round(value).clamp(*low, *high)
            }
            _ => {
                let levels = self.levels().unwrap_or(1);
                self.level((unit * levels as f64) as u64)
            }
        }
    }

    /// Coordinate of a legal value in `[0, 1]`: the middle of its cell if the domain is discrete.
    /// The inverse of [`from_unit`](Self::from_unit).
    pub fn to_unit(&self, value: f64) -> f64 {
        let unit = match self {
            Self::Float { low, high, log, step: None } => {
                if *log {
                    let (bottom, top) = (libm::log(*low), libm::log(*high));
                    (libm::log(value) - bottom) / (top - bottom)
                } else {
                    (value - low) / (high - low)
                }
            }
            Self::Int { low, high, log: true, .. } => {
                let (bottom, top) = (libm::log(low - 0.5), libm::log(high + 0.5));
                (libm::log(value) - bottom) / (top - bottom)
            }
            _ => (self.level_of(value) as f64 + 0.5) / self.levels().unwrap_or(1) as f64,
        };
        if unit.is_nan() { 0.5 } else { unit.clamp(0.0, 1.0) }
    }

    /// Whether the scale is logarithmic.
    pub fn is_log(&self) -> bool {
        matches!(self, Self::Float { log: true, .. } | Self::Int { log: true, .. })
    }

    /// Whether the domain is categorical.
    pub fn is_categorical(&self) -> bool {
        matches!(self, Self::Categorical { .. })
    }
}

/// Tolerance of a legal value of a float with steps.
fn float_slack(low: f64, high: f64, step: f64) -> f64 {
    1e-9 * step + 1e-15 * low.abs().max(high.abs())
}

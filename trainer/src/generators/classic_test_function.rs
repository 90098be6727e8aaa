//! Shapes of classical test functions, each drawn at random: curved valleys, ridges, ripples, many
//! basins.
//!
//! People try optimizers on such functions (Hansen et al., *Real-Parameter Black-Box Optimization
//! Benchmarking: Noiseless Functions Definitions*, 2009, names the difficulties). None of those is
//! here: bends, exponents, frequencies, depths, conditions, rotations and centers are all random.

use rand::RngExt;

use super::{Landscape, cosine::cosine_of_turns};
use crate::random::{self, SeededRng, log_uniform, normal};

/// A well of a [`ClassicShape::Basins`].
#[derive(Clone, Debug, PartialEq)]
struct Basin {
    center: Vec<f64>,
    /// One over the squared width, per axis.
    precision: Vec<f64>,
    depth: f64,
}

/// The value as a function of `z`, the turned and stretched difference from the center; 0 at `z =
/// 0`, and nowhere lower (but for [`ClassicShape::Basins`], which does not look at `z`).
#[derive(Clone, Debug, PartialEq)]
enum ClassicShape {
    /// `Σ zᵢ²`, over axes whose stretches differ by up to a thousand.
    Ellipsoid,
    /// `Σ zᵢ² + steepness · (zᵢ₊₁ − b zᵢ − c zᵢ² − d sin 2πzᵢ)²`: the floor of a bent valley.
    Valley { steepness: f64, bends: Vec<[f64; 3]> },
    /// `z₀² + steepness · √(Σ zᵢ²)` over the others: a crest with a sharp edge.
    Ridge { steepness: f64 },
    /// `Σ |zᵢ|^pᵢ`.
    Powers(Vec<f64>),
    /// `(Σ (sᵢ zᵢ)²)^p` where `sᵢ` is larger on one side.
    Sector { factors: Vec<f64>, power: f64 },
    /// `Σ zᵢ² + depth · (1 − cos 2πtᵢzᵢ)`: a bowl with dents.
    Ripples { turns: Vec<f64>, depth: f64 },
    /// `Σ zᵢ²/4 + Σₖ aᵏ (1 − cos 2π bᵏ zᵢ)`: rough at every scale.
    Octaves { amplitude: f64, ratio: f64, count: usize },
    /// The lower of two bowls, the wider of which is the worse.
    Funnels { other: Vec<f64>, width: f64, height: f64, depth: f64 },
    /// `Σ zᵢ²` of `z` rounded to whole steps.
    Terraces { step: f64 },
    /// The deepest of many wells.
    Basins(Vec<Basin>),
}

/// A shape laid over some coordinates, turned, stretched and moved.
#[derive(Clone, Debug)]
pub struct ClassicTestFunction {
    dimensions: usize,
    relevant: Vec<usize>,
    center: Vec<f64>,
    /// `[relevant, relevant]`, by rows.
    axes: Vec<f64>,
    shape: ClassicShape,
}

/// The most relevant coordinates that fit on the stack.
const MOST: usize = 32;

impl ClassicTestFunction {
    /// A random function of the coordinates `relevant` (one to 32).
    ///
    /// # Panics
    ///
    /// With more relevant coordinates.
    pub fn draw(dimensions: usize, relevant: &[usize], rng: &mut SeededRng) -> Self {
        let size = relevant.len();
        assert!((1..=MOST).contains(&size), "{size} relevant coordinates");
        let center: Vec<f64> = relevant.iter().map(|_| place(rng)).collect();
        let shape = ClassicShape::draw(size, rng);
        let mut axes = if rng.random_bool(0.6) {
            random::rotation(size, rng).concat()
        } else {
            let mut identity = vec![0.0; size * size];
            (0..size).for_each(|index| identity[index * (size + 1)] = 1.0);
            identity
        };
        let condition = shape.condition(rng);
        let scale = log_uniform(0.5, 3.0, rng);
        for row in axes.chunks_exact_mut(size) {
            let stretch = scale * condition.powf(rng.random::<f64>());
            row.iter_mut().for_each(|value| *value *= stretch);
        }
        Self { dimensions, relevant: relevant.to_vec(), center, axes, shape }
    }
}

/// A coordinate anywhere; now and then on a bound.
fn place(rng: &mut SeededRng) -> f64 {
    match random::weighted(&[0.94, 0.03, 0.03], rng) {
        0 => rng.random(),
        1 => 0.0,
        _ => 1.0,
    }
}

impl ClassicShape {
    fn draw(size: usize, rng: &mut SeededRng) -> Self {
        // A valley, a crest and the like need two coordinates.
        let several = if size > 1 { 1.0 } else { 0.0 };
        let weights = [1.5, 3.0 * several, several, 1.0, 1.0, 2.0, 1.0, 1.0, 0.7, 2.0];
        match random::weighted(&weights, rng) {
            0 => Self::Ellipsoid,
            1 => Self::Valley {
                steepness: log_uniform(3.0, 300.0, rng),
                bends: (1..size)
                    .map(|_| {
                        let wave = if rng.random_bool(0.3) { 0.2 } else { 0.0 };
                        [normal(rng), normal(rng), wave * normal(rng)]
                    })
                    .collect(),
            },
            2 => Self::Ridge { steepness: log_uniform(2.0, 100.0, rng) },
            3 => Self::Powers((0..size).map(|_| log_uniform(0.7, 6.0, rng)).collect()),
            4 => Self::Sector {
                factors: (0..size)
                    .map(|_| {
                        let factor = log_uniform(1.0, 30.0, rng);
                        if rng.random_bool(0.5) { factor } else { 1.0 / factor }
                    })
                    .collect(),
                power: rng.random_range(0.5..1.0),
            },
            5 => {
                let turns = log_uniform(1.0, 6.0, rng);
                Self::Ripples {
                    turns: (0..size).map(|_| turns * log_uniform(0.7, 1.4, rng)).collect(),
                    depth: log_uniform(0.01, 0.3, rng),
                }
            }
            6 => Self::Octaves {
                amplitude: rng.random_range(0.3..0.6),
                ratio: rng.random_range(1.7..3.2),
                count: rng.random_range(3..=5),
            },
            7 => Self::Funnels {
                other: (0..size).map(|_| normal(rng)).collect(),
                width: log_uniform(1.2, 3.0, rng),
                height: log_uniform(0.02, 0.5, rng),
                depth: if rng.random_bool(0.5) { log_uniform(0.01, 0.2, rng) } else { 0.0 },
            },
            8 => Self::Terraces { step: log_uniform(0.05, 0.4, rng) },
            _ => Self::Basins(basins(size, rng)),
        }
    }

    /// How many times as long the longest axis may be as the shortest.
    fn condition(&self, rng: &mut SeededRng) -> f64 {
        match self {
            Self::Ellipsoid => log_uniform(3.0, 1000.0, rng),
            Self::Ripples { .. } | Self::Octaves { .. } | Self::Valley { .. } => {
                log_uniform(1.0, 5.0, rng)
            }
            Self::Powers(_) | Self::Sector { .. } | Self::Funnels { .. } => {
                log_uniform(1.0, 10.0, rng)
            }
            Self::Ridge { .. } | Self::Terraces { .. } => log_uniform(1.0, 30.0, rng),
            Self::Basins(_) => 1.0,
        }
    }

    fn evaluate(&self, z: &[f64]) -> f64 {
        let square = || z.iter().map(|value| value * value).sum::<f64>();
        match self {
            Self::Ellipsoid => square(),
            Self::Valley { steepness, bends } => {
                let walls = bends.iter().zip(z.windows(2)).map(|([b, c, d], pair)| {
                    let from = pair[0];
                    let wave = d * cosine_of_turns(from - 0.25);
                    (pair[1] - b * from - c * from * from - wave).powi(2)
                });
                square() + steepness * walls.sum::<f64>()
            }
            Self::Ridge { steepness } => {
                let aside: f64 = z[1..].iter().map(|value| value * value).sum();
                z[0] * z[0] + steepness * aside.sqrt()
            }
            Self::Powers(powers) => {
                z.iter().zip(powers).map(|(value, power)| value.abs().powf(*power)).sum()
            }
            Self::Sector { factors, power } => {
                let stretched = z.iter().zip(factors).map(|(value, factor)| {
                    let value = if *value > 0.0 { value * factor } else { *value };
                    value * value
                });
                stretched.sum::<f64>().powf(*power)
            }
            Self::Ripples { turns, depth } => {
                let dents = z.iter().zip(turns).map(|(value, turns)| {
                    value * value + depth * (1.0 - cosine_of_turns(turns * value))
                });
                dents.sum()
            }
            Self::Octaves { amplitude, ratio, count } => {
                let mut total = 0.25 * square();
                for value in z {
                    let (mut weight, mut turns) = (0.5, *value);
                    for _ in 0..*count {
                        total += weight * (1.0 - cosine_of_turns(turns));
                        weight *= amplitude;
                        turns *= ratio;
                    }
                }
                total
            }
            Self::Funnels { other, width, height, depth } => {
                let away: f64 = z.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum();
                let dents: f64 =
                    z.iter().map(|value| depth * (1.0 - cosine_of_turns(4.0 * value))).sum();
                square().min(height + away / (width * width)) + dents
            }
            Self::Terraces { step } => {
                // A slight slope tells where the middle of the lowest terrace is.
                let stairs = z.iter().map(|value| (step * (value / step).round()).powi(2));
                stairs.sum::<f64>() + 1e-3 * square()
            }
            Self::Basins(_) => 0.0,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ellipsoid => "ellipsoid",
            Self::Valley { .. } => "bent valley",
            Self::Ridge { .. } => "ridge",
            Self::Powers(_) => "powers",
            Self::Sector { .. } => "sector",
            Self::Ripples { .. } => "ripples",
            Self::Octaves { .. } => "octaves",
            Self::Funnels { .. } => "two funnels",
            Self::Terraces { .. } => "terraces",
            Self::Basins(_) => "basins",
        }
    }
}

/// Wells of differing depth and width, the deepest at least a little deeper than the second.
fn basins(size: usize, rng: &mut SeededRng) -> Vec<Basin> {
    let count = log_uniform(2.0, 30.0, rng) as usize;
    // Distances in the cube grow with the root of the number of coordinates.
    let typical = log_uniform(0.06, 0.3, rng) * (size as f64).sqrt();
    let shallower = rng.random_range(0.5..0.98);
    (0..count)
        .map(|number| Basin {
            center: (0..size).map(|_| place(rng)).collect(),
            precision: (0..size).map(|_| (typical * log_uniform(0.5, 2.0, rng)).powi(-2)).collect(),
            depth: if number == 0 { 1.0 } else { rng.random_range(0.1..shallower) },
        })
        .collect()
}

impl Landscape for ClassicTestFunction {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        let mut at = [0.0; MOST];
        for (value, coordinate) in at.iter_mut().zip(&self.relevant) {
            *value = unit[*coordinate];
        }
        let at = &at[..self.relevant.len()];
        if let ClassicShape::Basins(basins) = &self.shape {
            let wells = basins.iter().map(|basin| {
                let exponent: f64 = at
                    .iter()
                    .zip(basin.center.iter().zip(&basin.precision))
                    .map(|(value, (center, precision))| (value - center).powi(2) * precision)
                    .sum();
                basin.depth * (-0.5 * exponent).exp()
            });
            return -wells.fold(0.0, f64::max);
        }
        let mut z = [0.0; MOST];
        for (value, row) in z.iter_mut().zip(self.axes.chunks_exact(at.len())) {
            for ((weight, at), center) in row.iter().zip(at).zip(&self.center) {
                *value += weight * (at - center);
            }
        }
        self.shape.evaluate(&z[..at.len()])
    }

    fn hints(&self) -> Vec<Vec<f64>> {
        let center = match &self.shape {
            ClassicShape::Basins(basins) => &basins[0].center,
            _ => &self.center,
        };
        let mut hint = vec![0.5; self.dimensions];
        for (coordinate, value) in self.relevant.iter().zip(center) {
            hint[*coordinate] = *value;
        }
        vec![hint]
    }

    fn description(&self) -> String {
        format!("classic test function: {}", self.shape.name())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_hint_is_the_lowest_point() {
        let mut rng = SeededRng::seed_from_u64(12);
        let mut shapes = std::collections::BTreeSet::new();
        for number in 0..400 {
            let dimensions = 1 + number % 5;
            let relevant: Vec<usize> = (0..dimensions).collect();
            let function = ClassicTestFunction::draw(dimensions, &relevant, &mut rng);
            let hint = function.hints().remove(0);
            let lowest = function.evaluate(&hint);
            let bottom = if matches!(function.shape, ClassicShape::Basins(_)) { -1.0 } else { 0.0 };
            assert!((lowest - bottom).abs() < 1e-9, "{} {lowest}", function.description());
            for scale in [1e-3, 0.03, 0.3, 1.0] {
                for _ in 0..20 {
                    let point: Vec<f64> = hint
                        .iter()
                        .map(|at| (at + scale * normal(&mut rng)).clamp(0.0, 1.0))
                        .collect();
                    let value = function.evaluate(&point);
                    assert!(value.is_finite() && value >= lowest - 1e-9);
                }
            }
            shapes.insert(function.shape.name());
        }
        assert_eq!(shapes.len(), 10, "{shapes:?}");
    }

    /// The floor of a valley is far lower than its walls, and bent: the straight way to the bottom
    /// leads over a wall.
    #[test]
    fn valleys_are_bent() {
        let mut rng = SeededRng::seed_from_u64(3);
        let shape = ClassicShape::Valley { steepness: 100.0, bends: vec![[0.0, 1.0, 0.0]] };
        let floor = shape.evaluate(&[0.8, 0.64]);
        assert!(floor < 0.5 * shape.evaluate(&[0.4, 0.32]));
        // And a ridge is sharp: the slope towards the crest does not vanish near it.
        let ridge = ClassicShape::Ridge { steepness: 10.0 };
        let near = ridge.evaluate(&[0.5, 1e-6]) - ridge.evaluate(&[0.5, 0.0]);
        assert!((near - 1e-5).abs() < 1e-9);
        // Irrelevant coordinates change nothing.
        let function = ClassicTestFunction::draw(3, &[1], &mut rng);
        assert_eq!(function.evaluate(&[0.1, 0.7, 0.9]), function.evaluate(&[0.8, 0.7, 0.2]));
    }
}

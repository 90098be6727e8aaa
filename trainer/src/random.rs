//! Distributions that the generators share.

use rand::RngExt;
pub use rand_xoshiro::Xoshiro256PlusPlus as SeededRng;

/// A standard normal number (Box and Muller 1958).
pub fn normal(rng: &mut SeededRng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// A number whose logarithm is normal, with so much `spread` about `middle`.
pub fn log_normal(middle: f64, spread: f64, rng: &mut SeededRng) -> f64 {
    middle * (spread * normal(rng)).exp()
}

/// A number whose logarithm is uniform.
pub fn log_uniform(low: f64, high: f64, rng: &mut SeededRng) -> f64 {
    low * (high / low).powf(rng.random())
}

/// A Poisson number (Knuth's method; `mean` is small here).
pub fn poisson(mean: f64, rng: &mut SeededRng) -> u32 {
    let limit = (-mean).exp();
    let (mut count, mut product) = (0, rng.random::<f64>());
    while product > limit {
        count += 1;
        product *= rng.random::<f64>();
    }
    count
}

/// A chi-squared number with `degrees` degrees of freedom.
pub fn chi_squared(degrees: usize, rng: &mut SeededRng) -> f64 {
    (0..degrees).map(|_| normal(rng).powi(2)).sum()
}

/// A draw from the Gamma distribution with mean `shape · scale` (Marsaglia and Tsang 2000), `shape
/// ≥ 1`.
pub fn gamma(shape: f64, scale: f64, rng: &mut SeededRng) -> f64 {
    debug_assert!(shape >= 1.0);
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        let u: f64 = 1.0 - rng.random::<f64>();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v * scale;
        }
    }
}

/// The index of a weight, as often as its share of the sum (none negative, one at least positive).
pub fn weighted(weights: &[f64], rng: &mut SeededRng) -> usize {
    let mut place = rng.random::<f64>() * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        if place < *weight {
            return index;
        }
        place -= weight;
    }
    weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0)
}

/// A point of the unit cube, uniformly.
pub fn point(dimensions: usize, rng: &mut SeededRng) -> Vec<f64> {
    (0..dimensions).map(|_| rng.random()).collect()
}

/// A rotation from the uniform (Haar) distribution, by rows: Gram and Schmidt on normal vectors.
pub fn rotation(dimensions: usize, rng: &mut SeededRng) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(dimensions);
    while rows.len() < dimensions {
        let mut row: Vec<f64> = (0..dimensions).map(|_| normal(rng)).collect();
        for other in &rows {
            let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
        }
        let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        // A row that lies almost in the span of the others is drawn again.
        if length > 1e-6 {
            row.iter_mut().for_each(|value| *value /= length);
            rows.push(row);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn moments_are_right() {
        let mut rng = SeededRng::seed_from_u64(1);
        let mean = |draw: &mut dyn FnMut() -> f64| (0..40_000).map(|_| draw()).sum::<f64>() / 4e4;
        assert!(mean(&mut || normal(&mut rng)).abs() < 0.02);
        assert!((mean(&mut || normal(&mut rng).powi(2)) - 1.0).abs() < 0.03);
        assert!((mean(&mut || f64::from(poisson(1.5, &mut rng))) - 1.5).abs() < 0.03);
        assert!((mean(&mut || chi_squared(3, &mut rng)) - 3.0).abs() < 0.06);
        assert!((mean(&mut || gamma(3.0, 0.5, &mut rng)) - 1.5).abs() < 0.03);
        let squared = mean(&mut || gamma(3.0, 0.5, &mut rng).powi(2));
        assert!((squared - 3.0).abs() < 0.1);
        let weights = [1.0, 0.0, 3.0];
        assert!((mean(&mut || weighted(&weights, &mut rng) as f64) - 1.5).abs() < 0.03);
    }

    #[test]
    fn rotations_keep_lengths() {
        let rotation = rotation(5, &mut SeededRng::seed_from_u64(3));
        for (i, row) in rotation.iter().enumerate() {
            for (j, other) in rotation.iter().enumerate() {
                let product: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }
}

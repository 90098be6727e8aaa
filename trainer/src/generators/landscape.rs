/// A deterministic function over the unit cube, to be minimised.
pub trait Landscape: Send + Sync {
    /// How many coordinates a point has.
    fn dimensions(&self) -> usize;

    /// The value at a point (`unit.len() == dimensions()`, each coordinate in `[0, 1]`).
    fn evaluate(&self, unit: &[f64]) -> f64;

    /// What it is, in a few words.
    fn description(&self) -> String;
}

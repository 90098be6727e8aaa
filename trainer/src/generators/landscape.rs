/// A deterministic function over the unit cube, to be minimized.
pub trait Landscape: Send + Sync {
    /// How many coordinates a point has.
    fn dimensions(&self) -> usize;

    /// The value at a point (`unit.len() == dimensions()`, each coordinate in `[0, 1]`).
    fn evaluate(&self, unit: &[f64]) -> f64;

    /// The value at a point as a [`Function`](super::Function) asks for it, or `None` where a trial
    /// fails. Landscapes that are made of others ask these for [`evaluate`](Self::evaluate) alone,
    /// so that one that fails anywhere is no part of another.
    fn outcome(&self, unit: &[f64]) -> Option<f64> {
        Some(self.evaluate(unit))
    }

    /// Points of the cube where the function is known or likely to be low, for the search for its
    /// optimum to start from.
    fn hints(&self) -> Vec<Vec<f64>> {
        Vec::new()
    }

    /// What it is, in a few words.
    fn description(&self) -> String;
}

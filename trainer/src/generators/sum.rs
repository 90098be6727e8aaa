use super::Landscape;

/// A weighted sum of landscapes of the same coordinates.
pub(super) struct Sum(pub Vec<(f64, Box<dyn Landscape>)>);

impl Landscape for Sum {
    fn dimensions(&self) -> usize {
        self.0.first().map_or(0, |(_, part)| part.dimensions())
    }

    fn evaluate(&self, unit: &[f64]) -> f64 {
        self.0.iter().map(|(weight, part)| weight * part.evaluate(unit)).sum()
    }

    fn hints(&self) -> Vec<Vec<f64>> {
        self.0.iter().flat_map(|(_, part)| part.hints()).collect()
    }

    fn description(&self) -> String {
        let parts =
            self.0.iter().map(|(weight, part)| format!("{weight:.2} {}", part.description()));
        parts.collect::<Vec<_>>().join(" + ")
    }
}

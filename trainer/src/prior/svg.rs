//! Small charts as SVG text.

use std::fmt::Write;

/// Width and height of a chart, in pixels.
pub(super) const SIZE: (f64, f64) = (190.0, 150.0);
/// Room for the title above.
const TOP: f64 = 16.0;
/// Room at the other sides.
const EDGE: f64 = 4.0;

/// A chart whose coordinates go from 0 to 1 in both directions, up and to the right.
pub(super) struct Chart {
    body: String,
}

impl Chart {
    /// An empty chart with a title.
    pub fn new(title: &str) -> Self {
        let (width, height) = SIZE;
        let mut body = format!(
            "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{0}\"><text x=\"{EDGE}\" y=\"11\">{0}</text>",
            escape(title)
        );
        let (w, h) = (width - 2.0 * EDGE, height - TOP - EDGE);
        let _ = write!(
            body,
            "<rect class=\"frame\" x=\"{EDGE}\" y=\"{TOP}\" width=\"{w}\" height=\"{h}\"/>"
        );
        Self { body }
    }

    fn x(value: f64) -> f64 {
        EDGE + value.clamp(0.0, 1.0) * (SIZE.0 - 2.0 * EDGE)
    }

    fn y(value: f64) -> f64 {
        SIZE.1 - EDGE - value.clamp(0.0, 1.0) * (SIZE.1 - TOP - EDGE)
    }

    /// A line through points, of the class `class` (`l0` to `l7` are the colors of lines). A
    /// `None` interrupts it.
    pub fn line(&mut self, class: &str, points: impl IntoIterator<Item = Option<(f64, f64)>>) {
        let mut path = String::new();
        let mut drawing = false;
        for point in points {
            match point {
                Some((x, y)) => {
                    let command = if drawing { 'L' } else { 'M' };
                    let _ = write!(path, "{command}{:.1} {:.1}", Self::x(x), Self::y(y));
                    drawing = true;
                }
                None => drawing = false,
            }
        }
        let _ = write!(self.body, "<path class=\"line {class}\" d=\"{path}\"/>");
    }

    /// A dot.
    pub fn dot(&mut self, class: &str, x: f64, y: f64, radius: f64) {
        let (x, y) = (Self::x(x), Self::y(y));
        let _ = write!(
            self.body,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
        );
    }

    /// A cross.
    pub fn cross(&mut self, class: &str, x: f64, y: f64) {
        let (x, y) = (Self::x(x), Self::y(y));
        let _ = write!(
            self.body,
            "<path class=\"{class}\" d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\"/>",
            x - 4.0,
            y - 4.0
        );
    }

    /// A bar from the bottom.
    pub fn bar(&mut self, class: &str, from: f64, to: f64, height: f64) {
        let (left, right, top) = (Self::x(from), Self::x(to), Self::y(height));
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
             height=\"{:.1}\"/>",
            (right - left - 0.5).max(0.5),
            Self::y(0.0) - top
        );
    }

    /// A grid of shades, row by row from the bottom: `h0` to `h{shades - 1}`, and `failed` where
    /// there is none. Neighbors of the same shade become one shape.
    pub fn shades(&mut self, columns: usize, cells: &[Option<usize>], shades: usize) {
        let rows = cells.len() / columns;
        let mut paths = vec![String::new(); shades + 1];
        for (row, cells) in cells.chunks_exact(columns).enumerate() {
            let (bottom, top) =
                (Self::y(row as f64 / rows as f64), Self::y((row + 1) as f64 / rows as f64));
            let mut from = 0;
            for column in 1..=columns {
                if column < columns && cells[column] == cells[from] {
                    continue;
                }
                let left = Self::x(from as f64 / columns as f64);
                let right = Self::x(column as f64 / columns as f64);
                let path = &mut paths[cells[from].unwrap_or(shades)];
                let _ = write!(path, "M{left:.1} {top:.1}H{right:.1}V{bottom:.1}H{left:.1}z");
                from = column;
            }
        }
        for (shade, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let class = if shade < shades { format!("h{shade}") } else { String::from("failed") };
            let _ = write!(self.body, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }

    /// The SVG element.
    pub fn finish(self) -> String {
        self.body + "</svg>"
    }
}

/// Text with the characters that mean something in HTML replaced.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_of_one_shade_are_one_shape() {
        let mut chart = Chart::new("a < b");
        chart.shades(3, &[Some(0), Some(0), None, Some(1), Some(0), Some(0)], 2);
        let text = chart.finish();
        assert!(text.contains("a &lt; b"));
        let path = |class: &str| {
            let start = text.find(&format!("class=\"{class}\" d=\"")).unwrap();
            let rest = &text[start..];
            rest[..rest.find("/>").unwrap()].matches('z').count()
        };
        assert_eq!((path("h0"), path("h1"), path("failed")), (2, 1, 1));
    }

    #[test]
    fn a_gap_interrupts_a_line() {
        let mut chart = Chart::new("");
        chart.line("l0", [Some((0.0, 0.0)), Some((0.5, 1.0)), None, Some((1.0, 0.0))]);
        let text = chart.finish();
        assert_eq!(text.matches('M').count(), 2);
        assert_eq!(text.matches('L').count(), 1);
    }
}

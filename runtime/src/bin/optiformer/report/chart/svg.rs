//! Text of a vector image.

use std::fmt::Write;

use askama::filters::{Escaper, Html, Safe};

/// An image under construction. Texts are escaped; classes are those of the page's style sheet.
pub struct Svg {
    text: String,
}

impl Svg {
    /// An empty image of this size in pixels, with a description for those who cannot see it.
    pub fn new(width: f64, height: f64, description: &str) -> Self {
        let mut svg = Self { text: String::new() };
        let _ = write!(
            svg.text,
            "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" aria-label=\"",
            Coordinate(width),
            Coordinate(height)
        );
        svg.escaped(description);
        svg.text.push_str("\">");
        svg
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.path(class, &format!("M{}L{}", point(from), point(to)));
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut outline = String::new();
        for (index, place) in points.iter().enumerate() {
            outline.push(if index == 0 { 'M' } else { 'L' });
            outline += &point(*place);
        }
        self.path(class, &outline);
    }

    /// A path with the commands `outline`.
    pub fn path(&mut self, class: &str, outline: &str) {
        let _ = write!(self.text, "<path class=\"{class}\" d=\"{outline}\"/>");
    }

    /// A path with a tooltip.
    pub fn path_with_title(&mut self, class: &str, outline: &str, title: &str) {
        let _ = write!(self.text, "<path class=\"{class}\" d=\"{outline}\"><title>");
        self.escaped(title);
        self.text.push_str("</title></path>");
    }

    /// A rectangle with its upper left corner at `at`.
    pub fn rectangle(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        let _ = write!(
            self.text,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            Coordinate(at.0),
            Coordinate(at.1),
            Coordinate(size.0),
            Coordinate(size.1)
        );
    }

    /// A circle with a tooltip.
    pub fn circle(&mut self, class: &str, center: (f64, f64), radius: f64, title: &str) {
        let _ = write!(
            self.text,
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>",
            Coordinate(center.0),
            Coordinate(center.1),
            Coordinate(radius)
        );
        self.escaped(title);
        self.text.push_str("</title></circle>");
    }

    /// A text; `class` says how it is anchored.
    pub fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let _ = write!(
            self.text,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">",
            Coordinate(at.0),
            Coordinate(at.1)
        );
        self.escaped(text);
        self.text.push_str("</text>");
    }

    /// A text that reads upward.
    pub fn upward_text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let _ = write!(
            self.text,
            "<text class=\"{class}\" transform=\"translate({} {}) rotate(-90)\">",
            Coordinate(at.0),
            Coordinate(at.1)
        );
        self.escaped(text);
        self.text.push_str("</text>");
    }

    /// The markup.
    pub fn finish(mut self) -> Safe<String> {
        self.text.push_str("</svg>");
        Safe(self.text)
    }

    fn escaped(&mut self, text: &str) {
        let _ = Html.write_escaped_str(&mut self.text, text);
    }
}

/// A point in a path.
pub fn point((x, y): (f64, f64)) -> String {
    format!("{} {}", Coordinate(x), Coordinate(y))
}

/// A coordinate in a path.
pub fn rounded(coordinate: f64) -> String {
    Coordinate(coordinate).to_string()
}

/// A coordinate with one decimal at most.
struct Coordinate(f64);

impl std::fmt::Display for Coordinate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (10.0 * self.0).round();
        if !tenths.is_finite() {
            return formatter.write_str("0");
        }
        write!(formatter, "{}", tenths / 10.0 + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_coordinates_short() {
        let mut svg = Svg::new(10.0, 20.0, "\"<a>\" & 'b'");
        svg.text("tick", (1.0 / 3.0, -0.01), "<script>alert(1)</script>");
        svg.circle("dot", (f64::NAN, 2.0), 1.0, "a<b");
        let text = svg.finish().0;
        assert!(!text.contains("<script>") && !text.contains("<a>") && !text.contains("a<b"));
        assert!(text.contains("x=\"0.3\" y=\"0\"") && text.contains("cx=\"0\""), "{text}");
    }
}

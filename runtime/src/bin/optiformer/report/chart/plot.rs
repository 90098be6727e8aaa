//! The area of a chart between two axes.

use super::{
    abbreviated,
    axis::{Axis, Tick},
    svg::{Svg, point},
};

/// A chart with a horizontal and a vertical axis.
pub struct Plot {
    /// The image.
    pub svg: Svg,
    across: Axis,
    up: Axis,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// Width of a letter of a label, in pixels.
const LETTER: f64 = 7.9;
/// Letters of a label that fit beside the vertical axis.
const SIDE_LETTERS: usize = 12;

impl Plot {
    /// The frame, grid and labels of a chart of this size. `gutter` pixels stay free at the right.
    pub fn new(size: (f64, f64), gutter: f64, across: Axis, up: Axis, description: &str) -> Self {
        let mut svg = Svg::new(size.0, size.1, description);
        let side = up.ticks(((size.1 - 60.0) / 44.0) as usize);
        let letters = side.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
        let left = 38.0 + LETTER * letters.min(SIDE_LETTERS) as f64;
        let (top, right, bottom) = (12.0, size.0 - 12.0 - gutter, size.1 - 44.0);
        let mut plot = Self { svg: Svg::new(0.0, 0.0, ""), across, up, left, top, right, bottom };
        for tick in &side {
            let y = bottom - tick.place * (bottom - top);
            svg.line("grid", (left, y), (right, y));
            svg.text("tick end", (left - 8.0, y + 4.5), &abbreviated(&tick.label, SIDE_LETTERS));
        }
        plot.svg = svg;
        plot.label_across(size.1);
        let middle = (top + bottom) / 2.0;
        let name = abbreviated(&plot.up.name, 26);
        plot.svg.upward_text("label middle", (13.0, middle), &name);
        plot
    }

    fn label_across(&mut self, height: f64) {
        let (left, right, bottom) = (self.left, self.right, self.bottom);
        let ticks = self.fitting_ticks();
        let room = (right - left) / ticks.len().max(1) as f64;
        let letters = ((room / LETTER) as usize).max(4);
        for tick in &ticks {
            let x = left + tick.place * (right - left);
            self.svg.line("grid", (x, self.top), (x, bottom));
            let label = abbreviated(&tick.label, letters);
            self.svg.text("tick middle", (x, bottom + 18.0), &label);
        }
        self.svg.line("axis", (left, bottom), (right, bottom));
        let name = abbreviated(&self.across.name, 40);
        self.svg.text("label middle", ((left + right) / 2.0, height - 6.0), &name);
    }

    /// As many labels as fit beside each other.
    fn fitting_ticks(&self) -> Vec<Tick> {
        let width = self.right - self.left;
        let mut count = (width / 60.0).max(2.0) as usize;
        if let Some(categories) = self.across.categories() {
            return self.across.ticks(categories.min((width / 34.0) as usize));
        }
        loop {
            let ticks = self.across.ticks(count);
            let letters = ticks.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
            if count <= 2 || ticks.len() as f64 * (letters as f64 + 1.5) * LETTER <= width {
                return ticks;
            }
            count -= 1;
        }
    }

    /// Where a value of the horizontal axis is.
    pub fn x(&self, value: f64) -> f64 {
        self.left + self.across.place(value) * (self.right - self.left)
    }

    /// Where a value of the vertical axis is.
    pub fn y(&self, value: f64) -> f64 {
        self.bottom - self.up.place(value) * (self.bottom - self.top)
    }

    /// Left, top, right and bottom.
    pub fn frame(&self) -> (f64, f64, f64, f64) {
        (self.left, self.top, self.right, self.bottom)
    }

    /// A dot, or a triangle at the edge for a value beyond the vertical axis.
    pub fn dot(&mut self, class: &str, at: (f64, f64), radius: f64, title: &str) {
        let place = (self.x(at.0), self.y(at.1));
        self.mark(class, place, self.is_beyond(at.1), radius, title);
    }

    /// As [`dot`](Self::dot), at `x` pixels.
    pub fn dot_at(&mut self, class: &str, x: f64, value: f64, radius: f64, title: &str) {
        self.mark(class, (x, self.y(value)), self.is_beyond(value), radius, title);
    }

    /// Whether a value is beyond the vertical axis.
    pub fn is_beyond(&self, value: f64) -> bool {
        self.up.is_beyond(value)
    }

    fn mark(&mut self, class: &str, (x, y): (f64, f64), beyond: bool, radius: f64, title: &str) {
        if !beyond {
            return self.svg.circle(class, (x, y), radius, title);
        }
        let tip = if y < (self.top + self.bottom) / 2.0 { -1.3 * radius } else { 1.3 * radius };
        let outline = format!(
            "M{}L{}L{}Z",
            point((x, y + tip)),
            point((x - 1.2 * radius, y - 0.6 * tip)),
            point((x + 1.2 * radius, y - 0.6 * tip))
        );
        self.svg.path_with_title(class, &outline, title);
    }
}

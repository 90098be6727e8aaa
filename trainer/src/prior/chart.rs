//! Small charts, which plotters draws as SVG.

use optiformer::{Error, ErrorKind, Result};
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};

/// Width and height of a chart, in pixels.
const SIZE: (u32, u32) = (190, 150);
/// Room for the title above, in pixels.
const TOP: u32 = 16;
/// Room at the other sides, in pixels.
const EDGE: u32 = 4;
/// Half the width of a cross, in pixels.
const CROSS: i32 = 4;
/// The title, which the page's style gives the color of its text.
const INK: RGBColor = RGBColor(128, 128, 128);

/// A chart whose coordinates go from 0 to 1 in both directions, up and to the right. What lies
/// outside is drawn at the edge.
pub(super) struct Chart {
    title: String,
    shapes: Vec<Shape>,
}

/// A finished chart.
pub(super) struct Picture {
    pub title: String,
    /// An SVG element.
    pub svg: String,
}

/// What a chart shows, in its coordinates.
enum Shape {
    Line(RGBAColor, Vec<(f64, f64)>),
    Dot { color: RGBAColor, center: (f64, f64), radius: u32 },
    Cross { color: RGBAColor, center: (f64, f64) },
    Rectangle { color: RGBAColor, corners: [(f64, f64); 2] },
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Chart {
    /// An empty chart with a title.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), shapes: Vec::new() }
    }

    /// A line through points. A `None` interrupts it.
    pub fn line(&mut self, color: RGBAColor, points: impl IntoIterator<Item = Option<(f64, f64)>>) {
        let points: Vec<Option<(f64, f64)>> = points.into_iter().collect();
        let pieces = points.split(Option::is_none).filter(|piece| !piece.is_empty());
        let pieces = pieces.map(|piece| piece.iter().flatten().map(|point| inside(*point)));
        self.shapes.extend(pieces.map(|piece| Shape::Line(color, piece.collect())));
    }

    /// A dot.
    pub fn dot(&mut self, color: RGBAColor, x: f64, y: f64, radius: u32) {
        self.shapes.push(Shape::Dot { color, center: inside((x, y)), radius });
    }

    /// A cross.
    pub fn cross(&mut self, color: RGBAColor, x: f64, y: f64) {
        self.shapes.push(Shape::Cross { color, center: inside((x, y)) });
    }

    /// A bar from the bottom.
    pub fn bar(&mut self, color: RGBAColor, from: f64, to: f64, height: f64) {
        let corners = [inside((from, 0.0)), inside((to, height))];
        self.shapes.push(Shape::Rectangle { color, corners });
    }

    /// A grid of cells, row by row from the bottom. Neighbors in a row that have one color become
    /// one shape.
    pub fn cells(&mut self, columns: usize, cells: &[RGBAColor]) {
        let rows = cells.len() / columns;
        for (row, cells) in cells.chunks_exact(columns).enumerate() {
            let height = |row: usize| row as f64 / rows as f64;
            let mut from = 0;
            for run in cells.chunk_by(|one, other| one == other) {
                let width = |column: usize| column as f64 / columns as f64;
                let to = from + run.len();
                let corners = [(width(from), height(row)), (width(to), height(row + 1))];
                self.shapes.push(Shape::Rectangle { color: run[0], corners });
                from = to;
            }
        }
    }

    /// Draws the chart.
    ///
    /// # Errors
    ///
    /// What plotters says.
    pub fn finish(self) -> Result<Picture> {
        let mut svg = String::new();
        self.draw(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area()).map_err(
            |error| Error::new(ErrorKind::Unsupported, format!("cannot draw a chart: {error}")),
        )?;
        Ok(Picture { title: self.title, svg })
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        let style = ("sans-serif", 11).into_font().color(&INK);
        area.draw(&Text::new(self.title.as_str(), (EDGE as i32, 2), style))?;
        let mut plane = ChartBuilder::on(area)
            .margin(EDGE)
            .margin_top(TOP)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        for shape in &self.shapes {
            shape.draw(&mut plane)?;
        }
        let frame = [(0.0, 0.0), (1.0, 1.0)];
        plane.draw_series([Rectangle::new(frame, INK.mix(0.5))])?;
        area.present()?;
        Ok(())
    }
}

impl Shape {
    fn draw(&self, plane: &mut Plane<'_>) -> Drawn {
        match self {
            Self::Line(color, points) => {
                plane.draw_series([PathElement::new(points.clone(), *color)])?;
            }
            Self::Dot { color, center, radius } => {
                plane.draw_series([Circle::new(*center, *radius, color.filled())])?;
            }
            Self::Cross { color, center } => {
                let style = color.stroke_width(2);
                plane.draw_series([EmptyElement::at(*center)
                    + PathElement::new([(-CROSS, -CROSS), (CROSS, CROSS)], style)
                    + PathElement::new([(-CROSS, CROSS), (CROSS, -CROSS)], style)])?;
            }
            Self::Rectangle { color, corners } => {
                plane.draw_series([Rectangle::new(*corners, color.filled())])?;
            }
        }
        Ok(())
    }
}

/// The nearest point of the chart.
fn inside((x, y): (f64, f64)) -> (f64, f64) {
    (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_of_one_color_are_one_shape() {
        let (one, other) = (RED.to_rgba(), BLUE.to_rgba());
        let mut chart = Chart::new("a < b");
        chart.cells(3, &[one, one, other, other, one, one]);
        let picture = chart.finish().unwrap();
        assert!(picture.svg.contains("a &lt; b"));
        let filled = |color: &str| picture.svg.matches(&format!("fill=\"{color}\"")).count();
        assert_eq!((filled("#FF0000"), filled("#0000FF")), (2, 2));
    }

    #[test]
    fn a_gap_interrupts_a_line() {
        let mut chart = Chart::new("");
        let points = [Some((0.0, 0.0)), Some((0.5, 1.0)), None, Some((1.0, 0.0)), Some((0.9, 7.0))];
        chart.line(RED.to_rgba(), points);
        assert_eq!(chart.finish().unwrap().svg.matches("<polyline").count(), 2);
    }
}

//! Pictures of what the runs say, as SVG.

use optiformer::{Error, ErrorKind, Result};
use plotters::{coord::types::RangedCoordf64, prelude::*};
use rand::{RngExt, SeedableRng};

use super::scores::Scores;
use crate::random::SeededRng;

/// Colors that the color-blind tell apart (Okabe & Ito 2008); from the ninth sampler on, the lines
/// of the same color are thinner.
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
    RGBColor(140, 140, 140),
];
/// The size of a picture, in pixels.
const SIZE: (u32, u32) = (860, 460);
/// Regrets below this are drawn here.
const LEAST: f64 = 1e-4;
/// Resamples of the confidence bands.
const RESAMPLES: usize = 200;

/// Regret and rank against the number of trials, and regret against time.
///
/// # Errors
///
/// What drawing says.
pub fn pictures(scores: &Scores<'_>) -> Result<Vec<String>> {
    let budgets: Vec<usize> = (1..=scores.trials()).collect();
    let mut regrets = Vec::new();
    let mut bands = Vec::new();
    for sampler in scores.samplers() {
        let means: Vec<Vec<f64>> =
            budgets.iter().map(|trials| scores.problem_means(sampler, *trials)).collect();
        regrets.push(means.iter().map(|of| of.iter().sum::<f64>() / of.len() as f64).collect());
        bands.push(band(&means));
    }
    let ranks: Vec<Vec<f64>> = budgets.iter().map(|trials| scores.ranks(*trials)).collect();
    let of_sampler = |number: usize| ranks.iter().map(|ranks| ranks[number]).collect();
    let ranks: Vec<Vec<f64>> = (0..scores.samplers().len()).map(of_sampler).collect();
    let failed =
        |error: DrawingError| Error::new(ErrorKind::Unsupported, format!("cannot draw: {error}"));
    let regret = Curves {
        quantity: "mean normalized regret (95 % band)",
        lines: &regrets,
        bands: &bands,
        is_logarithmic: true,
    };
    let rank = Curves { quantity: "mean rank", lines: &ranks, bands: &[], is_logarithmic: false };
    let drawn = [regret.draw(scores), rank.draw(scores), costs(scores)];
    drawn.into_iter().map(|picture| picture.map_err(failed)).collect()
}

/// 95 % of the means of resampled problems (percentile bootstrap), trial by trial.
fn band(means: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let problems = means.first().map_or(0, Vec::len);
    let mut rng = SeededRng::seed_from_u64(0);
    let draws: Vec<Vec<usize>> = (0..RESAMPLES)
        .map(|_| (0..problems).map(|_| rng.random_range(0..problems)).collect())
        .collect();
    let of_budget = |means: &Vec<f64>| {
        let mut all: Vec<f64> = draws
            .iter()
            .map(|draw| draw.iter().map(|index| means[*index]).sum::<f64>() / problems as f64)
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        (all[RESAMPLES / 40], all[RESAMPLES - 1 - RESAMPLES / 40])
    };
    means.iter().map(of_budget).collect()
}

type DrawingError = DrawingAreaErrorKind<std::io::Error>;
type Drawing = std::result::Result<String, DrawingError>;

/// Lines over the number of trials, one for each sampler.
struct Curves<'a> {
    /// What the vertical axis shows.
    quantity: &'a str,
    /// Values, `[samplers][trials]`.
    lines: &'a [Vec<f64>],
    /// Confidence bands, `[samplers][trials]`; empty for none.
    bands: &'a [Vec<(f64, f64)>],
    is_logarithmic: bool,
}

impl Curves<'_> {
    /// Where a value is along the vertical axis.
    fn place(&self, value: f64) -> f64 {
        if self.is_logarithmic { value.max(LEAST).log10() } else { value }
    }

    fn label(&self, place: f64) -> String {
        if self.is_logarithmic {
            format!("{:.2e}", 10f64.powf(place))
        } else {
            format!("{place:.1}")
        }
    }

    /// The picture; empty where no value is finite.
    fn draw(&self, scores: &Scores<'_>) -> Drawing {
        let all = self.lines.iter().flatten().map(|value| self.place(*value));
        let Some((low, high)) = range(all) else { return Ok(String::new()) };
        let margin = 0.05 * (high - low) + 1e-3;
        let mut picture = String::new();
        {
            let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
            area.fill(&WHITE)?;
            let heights = low - margin..high + margin;
            let mut chart =
                layout(&area).build_cartesian_2d(1.0..scores.trials() as f64, heights)?;
            chart
                .configure_mesh()
                .x_desc("trials")
                .y_desc(self.quantity)
                .y_label_formatter(&|place| self.label(*place))
                .draw()?;
            for (number, sampler) in scores.samplers().iter().enumerate() {
                self.draw_sampler(&mut chart, number, sampler)?;
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.85))
                .border_style(BLACK.mix(0.2))
                .draw()?;
            area.present()?;
        }
        Ok(picture)
    }

    /// A sampler's band, line and place in the legend.
    fn draw_sampler(
        &self,
        chart: &mut Chart<'_>,
        number: usize,
        sampler: &str,
    ) -> std::result::Result<(), DrawingError> {
        let color = COLORS[number % COLORS.len()];
        let trial = |at: usize| (at + 1) as f64;
        if let Some(band) = self.bands.get(number) {
            let band = band.iter().enumerate();
            let upper = band.clone().map(|(at, (_, high))| (trial(at), self.place(*high)));
            let lower = band.map(|(at, (low, _))| (trial(at), self.place(*low)));
            let outline: Vec<(f64, f64)> = upper.chain(lower.rev()).collect();
            chart.draw_series([Polygon::new(outline, color.mix(0.12))])?;
        }
        let line = self.lines[number].iter().enumerate();
        let line = line.map(|(at, value)| (trial(at), self.place(*value)));
        let style = color.stroke_width(if number < COLORS.len() { 2 } else { 1 });
        chart
            .draw_series(LineSeries::new(line, style))?
            .label(sampler)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        Ok(())
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The margins of a picture.
fn layout<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(12).x_label_area_size(38).y_label_area_size(64);
    builder
}

/// The least and the largest of the finite values; `None` where there are none.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// Regret at the end against the time of a suggestion.
fn costs(scores: &Scores<'_>) -> Drawing {
    let of_sampler = |sampler: &String| {
        let seconds = scores.seconds(sampler).max(1e-7);
        ((1e3 * seconds).log10(), scores.mean(sampler, scores.trials()))
    };
    let points: Vec<(f64, f64)> = scores.samplers().iter().map(of_sampler).collect();
    let ranges =
        (range(points.iter().map(|point| point.0)), range(points.iter().map(|point| point.1)));
    let (Some((left, right)), Some((low, high))) = ranges else { return Ok(String::new()) };
    let margin = 0.1 * (high - low) + 1e-4;
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = layout(&area)
            .build_cartesian_2d(left - 0.3..right + 1.0, low - margin..high + margin)?;
        chart
            .configure_mesh()
            .x_desc("milliseconds a suggestion")
            .y_desc(format!("regret after {} trials", scores.trials()))
            .x_label_formatter(&|value| format!("{:.3}", 10f64.powf(*value)))
            .draw()?;
        for (number, (point, sampler)) in points.iter().zip(scores.samplers()).enumerate() {
            let color = COLORS[number % COLORS.len()];
            chart.draw_series([Circle::new(*point, 5, color.filled())])?;
            let label = Text::new(sampler.clone(), (point.0 + 0.05, point.1), ("sans-serif", 14));
            chart.draw_series([label])?;
        }
        area.present()?;
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_the_mean() {
        let bands = band(&[vec![0.1, 0.2, 0.3, 0.4]]);
        assert!(bands[0].0 < 0.25 && bands[0].1 > 0.25);
    }

    #[test]
    fn a_range_leaves_out_what_is_not_finite() {
        assert_eq!(range([2.0, f64::NAN, -1.0, f64::INFINITY].into_iter()), Some((-1.0, 2.0)));
        assert_eq!(range([f64::NAN].into_iter()), None);
    }
}

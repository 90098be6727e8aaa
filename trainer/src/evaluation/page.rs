//! What the runs say, as a page of HTML with pictures in it.

use std::fmt::Write;

use optiformer::{Error, ErrorKind, Result};
use plotters::prelude::*;
use rand::{RngExt, SeedableRng};

use super::{report::Table, scores::Scores};
use crate::random::SeededRng;

/// Colors that the color-blind tell apart (Okabe & Ito 2008), the line's dash saying the rest
/// from the eighth sampler on.
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

/// One set of problems: its heading, what was run, its tables and pictures.
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What was run.
    pub summary: String,
    /// Pictures as SVG.
    pub pictures: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// The page.
pub fn html(title: &str, sections: &[Section]) -> String {
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let _ = write!(page, "<title>{}</title><style>{STYLE}</style></head><body>", escape(title));
    let _ = writeln!(page, "<h1>{}</h1>", escape(title));
    for section in sections {
        let _ = writeln!(
            page,
            "<h2>{}</h2>\n<p>{}</p>",
            escape(&section.heading),
            escape(&section.summary)
        );
        for picture in &section.pictures {
            let _ = writeln!(page, "<figure>{picture}</figure>");
        }
        for table in &section.tables {
            let _ = writeln!(
                page,
                "<h3>{}</h3>\n<p>{}</p>",
                escape(&table.title),
                escape(&table.remark)
            );
            let cells = |row: &[String], tag: &str| -> String {
                row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
            };
            let _ = writeln!(page, "<table><tr>{}</tr>", cells(&table.header, "th"));
            for row in &table.rows {
                let _ = writeln!(page, "<tr>{}</tr>", cells(row, "td"));
            }
            page.push_str("</table>\n");
        }
    }
    page.push_str("</body></html>\n");
    page
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}\
td,th{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}\
td:first-child,th:first-child{text-align:left}figure{margin:1rem 0}svg{max-width:100%;height:auto}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

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
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Unsupported, format!("cannot draw: {error}"))
    };
    Ok(vec![
        curves(scores, "mean normalized regret (95 % band)", &regrets, &bands, true)
            .map_err(|error| failed(&error))?,
        curves(scores, "mean rank", &ranks, &[], false).map_err(|error| failed(&error))?,
        costs(scores).map_err(|error| failed(&error))?,
    ])
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

type Drawing = std::result::Result<String, Box<dyn std::error::Error>>;

fn curves(
    scores: &Scores<'_>,
    what: &str,
    lines: &[Vec<f64>],
    bands: &[Vec<(f64, f64)>],
    logarithmic: bool,
) -> Drawing {
    let scale = |value: f64| if logarithmic { value.max(LEAST).log10() } else { value };
    let all = lines.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(scale(value)), high.max(scale(value)))
    });
    if !(low.is_finite() && high.is_finite()) {
        return Ok(String::new());
    }
    let margin = 0.05 * (high - low) + 1e-3;
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(64)
            .build_cartesian_2d(1.0..scores.trials() as f64, low - margin..high + margin)?;
        chart
            .configure_mesh()
            .x_desc("trials")
            .y_desc(what)
            .y_label_formatter(&|value| {
                if logarithmic {
                    format!("{:.2e}", 10f64.powf(*value))
                } else {
                    format!("{value:.1}")
                }
            })
            .draw()?;
        for (number, sampler) in scores.samplers().iter().enumerate() {
            let color = COLORS[number % COLORS.len()];
            if let Some(band) = bands.get(number) {
                let upper = band.iter().enumerate().map(|(at, b)| ((at + 1) as f64, scale(b.1)));
                let lower = band.iter().enumerate().map(|(at, b)| ((at + 1) as f64, scale(b.0)));
                let outline: Vec<(f64, f64)> = upper.chain(lower.rev()).collect();
                chart.draw_series([Polygon::new(outline, color.mix(0.12))])?;
            }
            let points = lines[number].iter().enumerate();
            let points = points.map(|(at, value)| ((at + 1) as f64, scale(*value)));
            let width = if number < COLORS.len() { 2 } else { 1 };
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(width)))?
                .label(sampler)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(width))
                });
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

/// Regret at the end against the time of a suggestion.
fn costs(scores: &Scores<'_>) -> Drawing {
    let points: Vec<(f64, f64)> = scores
        .samplers()
        .iter()
        .map(|sampler| {
            let seconds = scores.seconds(sampler).max(1e-7);
            ((1e3 * seconds).log10(), scores.mean(sampler, scores.trials()))
        })
        .collect();
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(pick).filter(|value| value.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    if !(left.is_finite() && low.is_finite()) {
        return Ok(String::new());
    }
    let margin = 0.1 * (high - low) + 1e-4;
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(64)
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
    use crate::evaluation::record::Run;

    #[test]
    fn the_page_has_its_curves_and_escapes_what_it_is_given() {
        let run = |sampler: &str, seed: u64| Run {
            suite: String::from("s"),
            problem: format!("p{seed}"),
            dimensions: 1,
            sampler: sampler.to_owned(),
            version: String::from("<1>"),
            seed,
            fixed: true,
            optimum: None,
            losses: (0..12).map(|trial| Some(20.0 / (trial + seed + 1) as f64)).collect(),
            seconds: 0.01,
        };
        let runs = [run("a", 1), run("b", 1), run("a", 2), run("b", 2)];
        let names = [String::from("a"), String::from("b")];
        let scores = Scores::new(&runs, &names, 12);
        let drawn = pictures(&scores).unwrap();
        assert_eq!(drawn.len(), 3);
        assert!(drawn[0].contains("<polyline") && drawn[0].contains("<polygon"));
        let summary = crate::evaluation::report::summary(&scores);
        let tables = crate::evaluation::report::tables(&scores, &names, &[5, 12]);
        let section = Section { heading: String::from("Test"), summary, pictures: drawn, tables };
        let page = html("Report", &[section]);
        assert!(page.contains("&lt;1&gt;") && !page.contains("<1>"));
        assert_eq!(page.matches("<table>").count(), 4);
    }

    #[test]
    fn a_band_holds_the_mean() {
        let bands = band(&[vec![0.1, 0.2, 0.3, 0.4]]);
        assert!(bands[0].0 < 0.25 && bands[0].1 > 0.25);
    }
}

//! The log of a run: a line per entry in a CSV file, and a picture of the losses.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use optiformer::{Error, ErrorKind, Result};
use plotters::prelude::*;

/// One line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogEntry {
    /// Optimizer steps made.
    pub step: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds spent training.
    pub seconds: f64,
    /// Score loss, smoothed over the last steps.
    pub score: f64,
    /// Value loss, smoothed.
    pub value: f64,
    /// Category loss, smoothed.
    pub category: f64,
    /// Score loss on held-out records; not a number between validations.
    pub validation_score: f64,
    /// Value loss on held-out records; not a number between validations.
    pub validation_value: f64,
    /// Learning rate.
    pub rate: f64,
    /// Norm of the gradient.
    pub gradient: f64,
}

const HEADER: &str =
    "step,tokens,seconds,score,value,category,validation_score,validation_value,rate,gradient";

/// A CSV file that entries are added to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log of a run that has made `step` steps: entries beyond them, left by a session
    /// that stopped after its last checkpoint, are dropped.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn open(path: &Path, step: u64) -> Result<Self> {
        let kept: Vec<LogEntry> = match read(path) {
            Ok(entries) => entries.into_iter().filter(|entry| entry.step <= step).collect(),
            Err(error) if error.kind() == ErrorKind::Io => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut text = format!("{HEADER}\n");
        if step > 0 {
            kept.iter().for_each(|entry| text.push_str(&line(entry)));
        }
        std::fs::write(path, text)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn add(&mut self, entry: &LogEntry) -> Result<()> {
        Ok(self.file.write_all(line(entry).as_bytes())?)
    }

    /// Draws the losses over the tokens seen, beside the log, as SVG.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn plot(&self) -> Result<()> {
        draw(&read(&self.path)?, &self.path.with_extension("svg"))
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}

fn line(entry: &LogEntry) -> String {
    format!(
        "{},{},{:.1},{:.5},{:.5},{:.5},{:.5},{:.5},{:.3e},{:.3}\n",
        entry.step,
        entry.tokens,
        entry.seconds,
        entry.score,
        entry.value,
        entry.category,
        entry.validation_score,
        entry.validation_value,
        entry.rate,
        entry.gradient
    )
}

/// Reads a log.
///
/// # Errors
///
/// A file that cannot be read, or a line that is no entry; the message has its number.
pub fn read(path: &Path) -> Result<Vec<LogEntry>> {
    let mut entries = Vec::new();
    for (number, text) in BufReader::new(File::open(path)?).lines().enumerate().skip(1) {
        let text = text?;
        let fields: Option<Vec<f64>> = text.split(',').map(|field| field.parse().ok()).collect();
        let Some([step, tokens, rest @ ..]) = fields.as_deref().filter(|f| f.len() == 10) else {
            let context = format!("{}, line {}: no log entry", path.display(), number + 1);
            return Err(Error::new(ErrorKind::InvalidValue, context));
        };
        entries.push(LogEntry {
            step: *step as u64,
            tokens: *tokens as u64,
            seconds: rest[0],
            score: rest[1],
            value: rest[2],
            category: rest[3],
            validation_score: rest[4],
            validation_value: rest[5],
            rate: rest[6],
            gradient: rest[7],
        });
    }
    Ok(entries)
}

fn draw(entries: &[LogEntry], path: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    type Curve = (&'static str, RGBColor, bool, fn(&LogEntry) -> f64);
    let curves: [Curve; 4] = [
        ("score, training", RGBColor(150, 180, 220), false, |entry| entry.score),
        ("value, training", RGBColor(225, 175, 140), false, |entry| entry.value),
        ("score, held out", RGBColor(20, 70, 160), true, |entry| entry.validation_score),
        ("value, held out", RGBColor(180, 80, 10), true, |entry| entry.validation_value),
    ];
    let millions = |entry: &LogEntry| entry.tokens as f64 / 1e6;
    let losses = || {
        entries
            .iter()
            .flat_map(|entry| curves.iter().map(|curve| (curve.3)(entry)))
            .filter(|l| l.is_finite())
    };
    let low = losses().fold(f64::INFINITY, f64::min);
    let high = losses().fold(f64::NEG_INFINITY, f64::max);
    let last = entries.last().map_or(1.0, millions);
    if low >= high {
        return Ok(());
    }
    let area = SVGBackend::new(path, (900, 520)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(55)
        .build_cartesian_2d(0.0..last, low - 0.05..high + 0.05)?;
    chart
        .configure_mesh()
        .x_desc("tokens seen, millions")
        .y_desc("loss, nats")
        .light_line_style(WHITE)
        .draw()?;
    for (name, color, thick, loss) in curves {
        let points = entries
            .iter()
            .map(|entry| (millions(entry), loss(entry)))
            .filter(|(_, loss)| loss.is_finite());
        let style = color.stroke_width(if thick { 3 } else { 1 });
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_log_drops_what_came_after_the_checkpoint() {
        let path = std::env::temp_dir().join(format!("optiformer-log-{}.csv", std::process::id()));
        let entry = |step| LogEntry {
            step,
            tokens: step * 100,
            validation_score: f64::NAN,
            score: 5.0,
            value: 6.0,
            ..LogEntry::default()
        };
        let mut log = Log::open(&path, 0).unwrap();
        (1..=5).for_each(|step| log.add(&entry(step)).unwrap());
        let mut log = Log::open(&path, 3).unwrap();
        log.add(&entry(4)).unwrap();
        let steps: Vec<u64> = read(&path).unwrap().iter().map(|entry| entry.step).collect();
        assert_eq!(steps, [1, 2, 3, 4]);
        log.plot().unwrap();
        let picture = std::fs::read_to_string(path.with_extension("svg")).unwrap();
        assert!(picture.contains("<svg") && picture.contains("held out"));
        std::fs::write(&path, "step\nnonsense\n").unwrap();
        assert!(read(&path).unwrap_err().context().contains("line 2"));
        std::fs::remove_file(path.with_extension("svg")).unwrap();
        std::fs::remove_file(path).unwrap();
    }
}

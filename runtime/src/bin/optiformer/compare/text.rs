//! A comparison as text.

use super::{
    advice::p_value,
    comparison::{Comparison, Round, RoundResult},
};
use crate::{
    output::short,
    text::{counted, wrapped},
};

impl Comparison {
    /// The comparison for people.
    pub fn to_text(&self) -> String {
        let studies: usize = self.groups.iter().map(|group| group.runs.len()).sum();
        let mut text = format!(
            "{}: {} in {}\n",
            self.direction,
            match studies {
                1 => "1 study".into(),
                _ => format!("{studies} studies"),
            },
            counted(self.groups.len(), "group")
        );
        let what = self.quantity;
        text += &format!("median of the {what} [interval of the median, its confidence]\n");
        for round in &self.rounds {
            text += &self.round_text(round);
        }
        if self.groups.len() > 1 {
            let test = if self.paired {
                "Wilcoxon's signed-rank test over pairs of seeds"
            } else {
                "the Mann–Whitney test"
            };
            text += &wrapped(&format!("p: {test} against {}.", self.groups[0].name));
        }
        if !self.advice.is_empty() {
            text.push('\n');
        }
        for sentence in &self.advice {
            text += &wrapped(sentence);
        }
        text.trim_end().to_string()
    }

    fn round_text(&self, round: &Round) -> String {
        let rows: Vec<[String; 5]> = self
            .groups
            .iter()
            .zip(&round.results)
            .map(|(group, result)| match result {
                Some(result) => self.row(&group.name, result),
                None => {
                    [group.name.clone(), "–".into(), String::new(), String::new(), String::new()]
                }
            })
            .collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        let mut text = format!("\nafter {}\n", counted(round.trials, "trial"));
        for row in &rows {
            let mut line = format!("  {:width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(widths).skip(1) {
                line += &format!("  {cell:width$}");
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    fn row(&self, name: &str, result: &RoundResult) -> [String; 5] {
        let number = |loss: f64| match self.objective(loss) {
            value if value.is_finite() => short(value),
            _ => "none".into(),
        };
        let mut ends = [result.interval.low, result.interval.high].map(number);
        if self.objective(1.0) < 0.0 {
            ends.reverse();
        }
        let interval = match result.studies {
            1 => String::new(),
            _ => format!("[{}, {}] {:.0} %", ends[0], ends[1], 100.0 * result.interval.coverage),
        };
        let studies = match result.studies {
            1 => "1 study".to_string(),
            count => format!("{count} studies"),
        };
        let p = result.p.map_or(String::new(), p_value);
        [name.to_string(), number(result.median), interval, studies, p]
    }
}

//! `optiformer show`.

use optiformer::study::{JournalSnapshot, Study};

use crate::{ExitState, Failure, arguments::ShowOptions, csv, output};

/// Shows a study file.
pub fn run(options: &ShowOptions) -> Result<ExitState, Failure> {
    let snapshot = JournalSnapshot::read(&options.study)?;
    let study = snapshot.study();
    if let Some(note) = snapshot.note() {
        output::print_error(&format!("note: {note}"));
    }
    if options.csv {
        // The last line ends like the others.
        output::print(&format!("{}\r", csv::trials(study)))?;
    } else if options.json {
        let summary = output::summary_json(study, snapshot.sampler(), ExitState::Success);
        output::print(&summary.to_string())?;
    } else {
        output::print(&format!(
            "{}, sampler {}, seed {}, {} parameters\n{}",
            wanted(study),
            snapshot.sampler(),
            snapshot.seed(),
            study.space().len(),
            output::report(study)
        ))?;
    }
    Ok(ExitState::Success)
}

/// What the study optimizes.
fn wanted(study: &Study) -> String {
    let mut text = match study.objectives() {
        [only] => only.direction.to_string(),
        several => several
            .iter()
            .map(|objective| format!("{} {}", objective.direction, objective.name))
            .collect::<Vec<_>>()
            .join(", "),
    };
    if !study.constraints().is_empty() {
        text += &format!(", constraints {}", study.constraints().join(", "));
    }
    text
}

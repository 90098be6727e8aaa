//! `optiformer show`.

use optiformer::study::JournalSnapshot;

use crate::{ExitState, Failure, arguments::ShowOptions, output};

/// Shows a study file.
pub fn run(options: &ShowOptions) -> Result<ExitState, Failure> {
    let snapshot = JournalSnapshot::read(&options.study)?;
    let study = snapshot.study();
    if let Some(note) = snapshot.note() {
        output::print_error(&format!("note: {note}"));
    }
    if options.json {
        let summary = output::summary_json(study, snapshot.sampler(), ExitState::Success);
        output::print(&summary.to_string())?;
    } else {
        output::print(&format!(
            "{}, sampler {}, seed {}, {} parameters\n{}",
            snapshot.direction(),
            snapshot.sampler(),
            snapshot.seed(),
            study.space().len(),
            output::report(study)
        ))?;
    }
    Ok(ExitState::Success)
}

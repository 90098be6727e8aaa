//! `optiformer show`.

use optiformer::study::Recording;

use crate::{Ending, Failure, arguments::ShowOptions, output};

/// Shows a study file.
pub fn run(options: &ShowOptions) -> Result<Ending, Failure> {
    let recording = Recording::read(&options.study)?;
    let study = recording.study();
    if let Some(note) = recording.note() {
        output::complain(&format!("note: {note}"));
    }
    if options.json {
        let summary = output::summary_json(study, recording.sampler(), Ending::Fine);
        output::print(&summary.to_string())?;
    } else {
        output::print(&format!(
            "{}, sampler {}, seed {}, {} parameters\n{}",
            recording.direction(),
            recording.sampler(),
            recording.seed(),
            study.space().len(),
            output::report(study)
        ))?;
    }
    Ok(Ending::Fine)
}

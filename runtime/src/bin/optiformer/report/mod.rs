//! `optiformer report`: studies as a page that people look at.

mod chart;
mod facts;
mod objective_part;
mod page;
mod section;
mod sensitivity;
mod study_data;
mod surrogate;
mod trial_table;

use std::path::Path;

use askama::Template;
use optiformer::study::JournalSnapshot;

use crate::{ExitState, Failure, arguments::ReportOptions, output};

use self::{page::Page, study_data::StudyFile};

/// Writes the page of the studies.
pub fn run(options: &ReportOptions) -> Result<ExitState, Failure> {
    let mut studies = Vec::with_capacity(options.studies.len());
    for path in &options.studies {
        let snapshot = JournalSnapshot::read(path)?;
        if let Some(note) = snapshot.note() {
            output::print_error(&format!("note: {note}"));
        }
        studies.push(StudyFile::new(path, snapshot));
    }
    let page = Page::new(&studies);
    let html = page.render().map_err(|error| Failure::Error(format!("the page: {error}")))?;
    if options.output.as_os_str() == "-" {
        output::print(html.trim_end())?;
    } else {
        write(&options.output, &html)?;
        output::print(&format!("report: {}", options.output.display()))?;
    }
    Ok(ExitState::Success)
}

fn write(path: &Path, html: &str) -> Result<(), Failure> {
    std::fs::write(path, html)
        .map_err(|error| Failure::Error(format!("{}: {error}", path.display())))
}

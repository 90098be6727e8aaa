//! `optiformer compare`: groups of studies of one problem beside each other.

mod advice;
mod comparison;
mod hypervolume;
mod text;

pub use comparison::{Comparison, Entry};

use optiformer::study::JournalSnapshot;

use crate::{ExitState, Failure, arguments::CompareOptions, output};

/// Compares study files.
pub fn run(options: &CompareOptions) -> Result<ExitState, Failure> {
    let mut files = Vec::new();
    for path in &options.studies {
        files.push((None, path.clone()));
    }
    for group in &options.groups {
        let named = |file: &str| (Some(group.name.clone()), file.into());
        files.extend(group.files.iter().map(|file| named(file)));
    }
    if files.is_empty() {
        return Err(Failure::Usage("there are no study files to compare".into()));
    }
    let mut snapshots = Vec::with_capacity(files.len());
    for (group, path) in files {
        let snapshot = JournalSnapshot::read(&path)?;
        let group = group.unwrap_or_else(|| snapshot.sampler().to_string());
        snapshots.push((group, path, snapshot));
    }
    let entries: Vec<Entry<'_>> = snapshots
        .iter()
        .map(|(group, path, snapshot)| Entry {
            group: group.clone(),
            name: path.display().to_string(),
            study: snapshot.study(),
        })
        .collect();
    let comparison = Comparison::new(&entries, options.paired).map_err(Failure::Error)?;
    if options.json {
        output::print(&comparison.to_json().to_string())?;
    } else {
        output::print(&comparison.to_text())?;
    }
    Ok(ExitState::Success)
}

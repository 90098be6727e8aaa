//! `--repeats`: a study for each of several seeds.

use std::path::{Path, PathBuf};

use optiformer::study::{Direction, StoredStudy};

use crate::{
    ExitState, Failure,
    arguments::{StudyOptions, TuneOptions},
    compare::{Comparison, Entry},
    output, text, tune,
};

/// Runs the studies one after the other, and compares them.
pub fn run(options: &TuneOptions, direction: Direction) -> Result<ExitState, Failure> {
    let seed = options.study.seed.unwrap_or(0);
    let mut studies: Vec<(String, StoredStudy)> = Vec::new();
    let mut ending = ExitState::Success;
    for number in 1..=options.repeats {
        let study = StudyOptions {
            study: options.study.study.as_deref().map(|path| numbered(path, number)),
            seed: Some(seed.wrapping_add(number - 1)),
            ..options.study.clone()
        };
        let name = match &study.study {
            Some(path) => path.display().to_string(),
            None => format!("study {number}"),
        };
        let output = options.output.as_ref().map(|folder| folder.join(number.to_string()));
        let options = TuneOptions { study, output, ..options.clone() };
        let prefix = format!("{name} ({number} of {})", options.repeats);
        let (state, study) = tune::tune(&options, direction, Some(&prefix))?;
        if options.json {
            let summary = output::summary_json(study.study(), study.study().sampler_name(), state);
            output::print(&summary.to_string())?;
        }
        studies.push((name, study));
        if state == ExitState::Interrupted {
            ending = state;
            break;
        }
    }
    let finished = studies.iter().any(|(_, study)| study.study().best().is_some());
    if ending != ExitState::Interrupted && !finished {
        ending = ExitState::AllFailed;
    }
    print(options, &studies)?;
    Ok(ending)
}

fn print(options: &TuneOptions, studies: &[(String, StoredStudy)]) -> Result<(), Failure> {
    let entries: Vec<Entry<'_>> = studies
        .iter()
        .map(|(name, study)| Entry {
            group: study.study().sampler_spec().to_string(),
            name: name.clone(),
            study: study.study(),
        })
        .collect();
    let comparison = Comparison::new(&entries, false).map_err(Failure::Error)?;
    if options.json {
        return output::print(&comparison.to_json().to_string());
    }
    let mut best: Option<&Entry<'_>> = None;
    for entry in &entries {
        let value = |entry: &Entry<'_>| entry.study.best().and_then(|trial| trial.value());
        let direction = entry.study.direction();
        if let Some(ours) = value(entry)
            && best.and_then(value).is_none_or(|theirs| direction.is_better(ours, theirs))
        {
            best = Some(entry);
        }
    }
    if options.quiet {
        let json = best.map_or(serde_json::Value::Null, |entry| output::best_json(entry.study));
        return output::print(&json.to_string());
    }
    let mut summary = String::new();
    for entry in &entries {
        summary +=
            &format!("{} (seed {}): {}\n", entry.name, entry.study.seed(), text::best(entry.study));
    }
    if let Some(entry) = best {
        summary += &format!("\nbest of all, in {}\n", entry.name);
        summary += &output::report(entry.study);
        summary.push('\n');
    }
    summary += &format!("\n{}", comparison.to_text());
    output::print(&summary)
}

/// `STUDY-NUMBER.jsonl` of `STUDY.jsonl`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_before_their_extension() {
        assert_eq!(numbered(Path::new("a/b.c.jsonl"), 2), Path::new("a/b.c-2.jsonl"));
        assert_eq!(numbered(Path::new("study"), 1), Path::new("study-1"));
    }
}

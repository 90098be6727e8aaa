//! The page of the report.

use askama::{Template, filters::Safe};
use optiformer::study::TrialState;

use super::{
    chart::{self, Series},
    section::Section,
    study_data::{StudyData, StudyFile},
};
use crate::output::short;

/// The page; its template is `templates/report/page.html`.
#[derive(Template)]
#[template(path = "report/page.html")]
pub struct Page {
    title: String,
    version: &'static str,
    overview: Option<Overview>,
    sections: Vec<Section>,
}

/// Several studies beside each other.
struct Overview {
    /// Curves for wide and for narrow screens; `None` where they cannot be compared.
    curves: Option<[Safe<String>; 2]>,
    /// The best of all studies in words.
    sentence: String,
    rows: Vec<OverviewRow>,
    note: String,
}

/// A study in the overview.
struct OverviewRow {
    anchor: String,
    class: String,
    name: String,
    sampler: String,
    seed: u64,
    trials: usize,
    failed: usize,
    best: String,
    found: String,
}

impl Page {
    /// The page of these studies, of which there is at least one.
    pub fn new(studies: &[StudyFile]) -> Self {
        let sections: Vec<Section> =
            studies.iter().enumerate().map(|(number, file)| Section::new(file, number)).collect();
        let title = match studies {
            [one] => one.name.clone(),
            many => format!("{} studies", many.len()),
        };
        let overview = (studies.len() > 1).then(|| Overview::new(studies, &sections));
        Self { title, version: env!("CARGO_PKG_VERSION"), overview, sections }
    }
}

impl Overview {
    fn new(files: &[StudyFile], sections: &[Section]) -> Self {
        let studies: Vec<StudyData<'_>> = files.iter().map(|file| file.view(0)).collect();
        let studies = studies.as_slice();
        let series = Series::of_studies(studies);
        let same = |pick: fn(&StudyData<'_>, &StudyData<'_>) -> bool| {
            studies.windows(2).all(|pair| pick(&pair[0], &pair[1]))
        };
        let alike = same(|one, other| one.study().objectives() == other.study().objectives());
        let shared = alike && studies[0].study().objectives().len() == 1;
        let any = studies.iter().any(|data| data.best().is_some());
        let mut notes = Vec::new();
        let several = studies.iter().any(|data| data.study().objectives().len() > 1);
        if several {
            notes.push("Studies of several objectives share no chart.");
        } else if !alike {
            notes.push("The studies have different objectives, so they share no chart.");
        } else if !same(|one, other| one.space() == other.space()) {
            notes.push("The studies have different search spaces.");
        }
        let row = |(series, section): (&Series<'_>, &Section)| {
            let data = series.data;
            let best = data.best().filter(|_| data.study().objectives().len() == 1);
            OverviewRow {
                anchor: section.anchor.clone(),
                class: series.class(),
                name: data.name.to_string(),
                sampler: data.snapshot().sampler().to_string(),
                seed: data.snapshot().seed(),
                trials: data.trials().len(),
                failed: data.in_state(TrialState::Failed).count(),
                best: best.map_or("none".into(), |it| short(it.1)),
                found: best.map_or(String::new(), |it| it.0.id.to_string()),
            }
        };
        Self {
            curves: (shared && any).then(|| {
                [(1040.0, 380.0), (356.0, 300.0)].map(|size| chart::best_so_far(&series, size))
            }),
            sentence: if shared { sentence(studies) } else { String::new() },
            rows: series.iter().zip(sections).map(row).collect(),
            note: notes.join(" "),
        }
    }
}

/// The best trial of all studies, which have one direction.
fn sentence(studies: &[StudyData<'_>]) -> String {
    let mut best: Option<(&StudyData<'_>, u64, f64)> = None;
    for data in studies {
        if let Some((trial, value)) = data.best()
            && best.is_none_or(|(_, _, other)| data.direction().is_better(value, other))
        {
            best = Some((data, trial.id, value));
        }
    }
    let Some((data, trial, value)) = best else { return "No trial has finished.".into() };
    let superlative = if data.smaller_is_better() { "smallest" } else { "largest" };
    format!("The {superlative} objective is {}, from trial {trial} of {}.", short(value), data.name)
}

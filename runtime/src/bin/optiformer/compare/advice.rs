//! What a comparison says, and what to do next, in plain words.

use super::comparison::{Comparison, Entry, Group, Round, RoundResult, at_bounds};
use crate::{output::short, text::counted};

/// Below this a difference counts as shown.
const LEVEL: f64 = 0.05;

/// A few sentences.
pub fn sentences(comparison: &Comparison, entries: &[Entry<'_>]) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(round) = comparison.rounds.last() {
        let names = comparison.groups.iter().map(|group| group.name.as_str());
        for (name, result) in names.zip(&round.results).skip(1) {
            sentences.extend(difference(comparison, round, name, result.as_ref()));
        }
        sentences.extend(too_few(comparison, round));
    } else {
        sentences.push("A study has no finished or failed trial, so nothing is compared.".into());
    }
    for group in &comparison.groups {
        sentences.extend(against_default(group, comparison));
        sentences.extend(failures(group));
    }
    sentences.extend(bounds(entries));
    if entries.windows(2).any(|pair| pair[0].study.space() != pair[1].study.space()) {
        sentences.push("The studies do not have the same search space.".into());
    }
    sentences
}

/// Whether a group differs from the first.
fn difference(
    comparison: &Comparison,
    round: &Round,
    name: &str,
    result: Option<&RoundResult>,
) -> Option<String> {
    let first = round.results.first()?.as_ref()?;
    let (result, other) = (result?, &comparison.groups[0].name);
    let p = result.p?;
    let trials = counted(round.trials, "trial");
    if p >= LEVEL {
        return Some(format!(
            "After {trials} no difference between {name} and {other} can be shown ({}).",
            p_value(p)
        ));
    }
    let verdict = if result.median < first.median { "better" } else { "worse" };
    Some(format!("After {trials} {name} is {verdict} than {other} ({}).", p_value(p)))
}

/// That no p-value could be small with so few studies.
fn too_few(comparison: &Comparison, round: &Round) -> Option<String> {
    let mut counts = round.results.iter().flatten().map(|result| result.studies);
    let first = counts.next()?;
    let fewest = counts.min()?;
    let least = if comparison.paired {
        2.0 * 0.5f64.powi(fewest as i32)
    } else {
        // Two of all ways to choose the first group's places among all.
        let ways: f64 = (0..first)
            .map(|index| (fewest + first - index) as f64 / (first - index) as f64)
            .product();
        (2.0 / ways).min(1.0)
    };
    (least >= LEVEL).then(|| {
        format!(
            "With so few studies no p value can be below {}: repeat with more seeds (--repeats 5, \
             or more).",
            short((1000.0 * least).round() / 1000.0)
        )
    })
}

/// Whether the studies of a group improved on the configuration that they were given first.
fn against_default(group: &Group, comparison: &Comparison) -> Option<String> {
    let known: Vec<(f64, f64)> =
        group.runs.iter().filter_map(|run| Some((run.default?, run.last()?))).collect();
    let improved = known.iter().filter(|(default, best)| best < default).count();
    let (name, count) = (&group.name, known.len());
    let (default, _) = *known.first()?;
    let default = short(comparison.objective(default));
    if improved == count {
        let studies = if count == 1 { "the study" } else { "every study" };
        return Some(format!(
            "{name}: {studies} improved on the configuration given first ({default})."
        ));
    }
    let what = if improved == 0 {
        format!("no improvement over the configuration given first ({default})")
    } else {
        format!(
            "{} of {count} studies did not improve on the configuration given first ({default})",
            count - improved
        )
    };
    Some(format!(
        "{name}: {what}. Give it more trials, or a space that is narrower around what is known to \
         be good; if the same configuration gives different objectives, average some runs of it."
    ))
}

/// Many failed trials.
fn failures(group: &Group) -> Option<String> {
    let failed: usize = group.runs.iter().map(|run| run.failed).sum();
    let trials: usize = group.runs.iter().map(|run| run.trials()).sum();
    (5 * failed > trials && failed > 2).then(|| {
        format!(
            "{}: {failed} of {trials} trials failed. optiformer report STUDY shows why.",
            group.name
        )
    })
}

/// Parameters whose best values are at a bound in most studies.
fn bounds(entries: &[Entry<'_>]) -> Option<String> {
    let mut names: Vec<(&str, usize)> = Vec::new();
    for entry in entries {
        for name in at_bounds(entry.study) {
            match names.iter_mut().find(|it| it.0 == name) {
                Some((_, count)) => *count += 1,
                None => names.push((name, 1)),
            }
        }
    }
    names.retain(|(_, count)| 2 * count > entries.len());
    if names.is_empty() {
        return None;
    }
    let names: Vec<&str> = names.into_iter().map(|it| it.0).collect();
    let (names, verb) = (names.join(", "), if names.len() == 1 { "lies" } else { "lie" });
    Some(format!(
        "The best {names} {verb} at a bound in most studies: a wider range may be better."
    ))
}

/// A p-value as text.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

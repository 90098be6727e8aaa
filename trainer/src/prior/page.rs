//! The page: tables of shares and checks, and pictures of some of the functions.

use askama::{Template, filters::Safe};
use optiformer::{Error, ErrorKind, Result};

use super::{ProfiledFunction, checks::SampleStatistic, picture};
use crate::{
    criteria::{Criteria, Criterion},
    problem::FunctionFamily,
};

/// The page; its template is `templates/prior.html`.
#[derive(Template)]
#[template(path = "prior.html")]
struct Page<'a> {
    functions: usize,
    made: &'a str,
    groups: Vec<Group>,
    criteria: &'a [Criterion],
    /// Names of families, and functions of each.
    families: Vec<(String, Vec<Card>)>,
}

/// Statistics that belong together, as texts.
struct Group {
    name: &'static str,
    rows: Vec<(String, String)>,
}

/// A function.
struct Card {
    heading: String,
    text: String,
    charts: Vec<Chart>,
}

/// A chart of a function.
struct Chart {
    title: String,
    svg: Safe<String>,
}

/// One HTML page that needs nothing else; of each family it draws about the same number of
/// functions, `pictures` in all.
///
/// # Errors
///
/// What drawing says.
pub fn write(
    sample: &[ProfiledFunction],
    statistics: &[SampleStatistic],
    criteria: &Criteria,
    pictures: usize,
    made: &str,
) -> Result<String> {
    let each = pictures.div_ceil(FunctionFamily::ALL.len());
    let families = FunctionFamily::ALL.into_iter().map(|family| {
        let of_family = |one: &(usize, &ProfiledFunction)| one.1.drawn.function.family == family;
        let members = sample.iter().enumerate().filter(of_family).take(each);
        let cards: Result<Vec<Card>> =
            members.map(|(number, one)| Card::new(number, one)).collect();
        Ok((format!("{family:?}"), cards?))
    });
    let page = Page {
        functions: sample.len(),
        made,
        groups: groups(statistics),
        criteria: criteria.list(),
        families: families.collect::<Result<_>>()?,
    };
    page.render()
        .map_err(|error| Error::new(ErrorKind::Unsupported, format!("cannot write HTML: {error}")))
}

impl Card {
    fn new(number: usize, one: &ProfiledFunction) -> Result<Self> {
        let structure = &one.drawn.function.structure;
        let mut parts = vec![one.drawn.function.description()];
        let influence = one.measures.influence.iter().enumerate();
        let flat: Vec<String> = influence
            .filter(|(_, influence)| **influence == Some(0.0))
            .map(|(index, _)| format!("x{index}"))
            .collect();
        if !flat.is_empty() {
            parts.push(format!("{} do not matter", flat.join(", ")));
        }
        let activations = structure.activations.iter().enumerate();
        let conditions: Vec<String> = activations
            .filter_map(|(index, activation)| {
                let activation = (*activation)?;
                let values: Vec<String> = (0..64)
                    .filter(|value| activation.values >> value & 1 == 1)
                    .map(|value| value.to_string())
                    .collect();
                Some(format!("x{index} if x{} ∈ {{{}}}", activation.parent, values.join(", ")))
            })
            .collect();
        if !conditions.is_empty() {
            parts.push(conditions.join(", "));
        }
        let plural = if structure.kinds.len() == 1 { "" } else { "s" };
        let charts = picture::charts(one)?.into_iter();
        Ok(Self {
            heading: format!("#{number}: {} parameter{plural}", structure.kinds.len()),
            text: parts.join("; "),
            charts: charts
                .map(|picture| Chart { title: picture.title, svg: Safe(picture.svg) })
                .collect(),
        })
    }
}

fn groups(statistics: &[SampleStatistic]) -> Vec<Group> {
    let of_group = |of_group: &[SampleStatistic]| Group {
        name: of_group[0].group,
        rows: of_group.iter().map(|one| (one.what.clone(), figure(one))).collect(),
    };
    statistics.chunk_by(|one, other| one.group == other.group).map(of_group).collect()
}

/// A statistic as text: shares in percent.
pub fn figure(statistic: &SampleStatistic) -> String {
    if statistic.is_share {
        format!("{:.1} %", 100.0 * statistic.value)
    } else {
        format!("{:.2}", statistic.value)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{checks, sample},
        *,
    };
    use crate::generators::FunctionOptions;

    #[test]
    fn the_page_draws_every_family_and_closes_what_it_opens() {
        let teachers = "oracle_guided".parse().unwrap();
        let sample = sample(&FunctionOptions::default(), &teachers, 60, 20, 2).unwrap();
        let statistics = checks::statistics(&sample);
        let mut criteria = Criteria::default();
        checks::check(&sample, &statistics, &mut criteria);
        let page = write(&sample, &statistics, &criteria, 14, "a & b").unwrap();
        for family in FunctionFamily::ALL {
            assert!(page.contains(&format!("<h2>{family:?}</h2>")));
        }
        assert!(page.contains("a &#38; b"));
        let count = |what: &str| page.matches(what).count();
        assert_eq!(count("<article>"), 14);
        for tag in ["svg", "article", "table", "section", "tr", "td"] {
            let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
            assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
        }
        assert!(count("<polyline") > 12 && count("<circle") > 12 && count("<rect") > 100);
        assert!(!page.contains("NaN"));
    }
}

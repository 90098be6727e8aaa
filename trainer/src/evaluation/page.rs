//! What the runs say, as a page of HTML with pictures in it.

use askama::{Template, filters::Safe};

use super::report::Table;

/// One set of problems: its heading, what was run, its tables and pictures.
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What was run.
    pub summary: String,
    /// Pictures as SVG.
    pub pictures: Vec<Safe<String>>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// The page; its template is `templates/evaluation.html`.
#[derive(Template)]
#[template(path = "evaluation.html")]
pub struct Page<'a> {
    /// The heading of the page.
    pub title: &'a str,
    /// Sets of problems.
    pub sections: &'a [Section],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{pictures::pictures, record::Run, scores::Scores};

    #[test]
    fn the_page_has_its_curves_and_escapes_what_it_is_given() {
        let run = |sampler: &str, seed: u64| Run {
            suite: String::from("s"),
            problem: format!("p{seed}"),
            dimensions: 1,
            sampler: sampler.to_owned(),
            version: String::from("<1>"),
            seed,
            fixed: true,
            optimum: None,
            losses: (0..12).map(|trial| Some(20.0 / (trial + seed + 1) as f64)).collect(),
            seconds: 0.01,
        };
        let runs = [run("a", 1), run("b", 1), run("a", 2), run("b", 2)];
        let names = [String::from("a"), String::from("b")];
        let scores = Scores::new(&runs, &names, 12);
        let drawn = pictures(&scores).unwrap();
        assert_eq!(drawn.len(), 3);
        assert!(drawn[0].contains("<polyline") && drawn[0].contains("<polygon"));
        let summary = crate::evaluation::report::summary(&scores);
        let tables = crate::evaluation::report::tables(&scores, &names, &[5, 12]);
        let section = Section {
            heading: String::from("Test"),
            summary,
            pictures: drawn.into_iter().map(Safe).collect(),
            tables,
        };
        let page = Page { title: "Report", sections: &[section] }.render().unwrap();
        assert!(page.contains("&#60;1&#62;") && !page.contains("<1>"));
        assert_eq!(page.matches("<table>").count(), 4);
    }
}

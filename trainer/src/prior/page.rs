//! The page: tables of shares and checks, and pictures of some of the functions.

use std::fmt::Write;

use super::{
    ProfiledFunction,
    checks::SampleStatistic,
    picture::{self, COLORS, SHADES},
    svg::escape,
};
use crate::{criteria::Criteria, problem::FunctionFamily};

/// One HTML page that needs nothing else; of each family it draws about the same number of
/// functions, `pictures` in all.
pub fn write(
    sample: &[ProfiledFunction],
    statistics: &[SampleStatistic],
    criteria: &Criteria,
    pictures: usize,
    made: &str,
) -> String {
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width\">");
    let _ = write!(page, "<title>The prior</title><style>{}</style></head><body>", style());
    let _ = write!(
        page,
        "<h1>What the model learns from</h1><p>{} functions: {}.</p>",
        sample.len(),
        escape(made)
    );
    page.push_str("<section class=\"tables\">");
    shares(statistics, &mut page);
    checks(criteria, &mut page);
    page.push_str("</section>");
    page.push_str(
        "<p>Of each function: a map over its two strongest parameters, the others as at the optimum (shades are twelfths of the \
         random points, dark is good, hatched gray fails; dots are trials, the cross is the optimum); slices through the \
         optimum along up to eight parameters; a trajectory with the best so far; the scores at random points. Heights go from the \
         optimum to the 95 % quantile of random points; failed trials are at the top.</p>",
    );
    let each = pictures.div_ceil(FunctionFamily::ALL.len());
    for family in FunctionFamily::ALL {
        let members: Vec<(usize, &ProfiledFunction)> = sample
            .iter()
            .enumerate()
            .filter(|(_, one)| one.drawn.function.family == family)
            .collect();
        let _ = write!(page, "<h2>{family:?}</h2>");
        for (number, one) in members.iter().take(each) {
            card(*number, one, &mut page);
        }
    }
    page.push_str("</body></html>\n");
    page
}

fn card(number: usize, one: &ProfiledFunction, page: &mut String) {
    let structure = &one.drawn.function.structure;
    let conditions = structure.activations.iter().enumerate().filter_map(|(index, activation)| {
        let activation = (*activation)?;
        let values: Vec<String> = (0..64)
            .filter(|value| activation.values >> value & 1 == 1)
            .map(|value| value.to_string())
            .collect();
        Some(format!("x{index} if x{} ∈ {{{}}}", activation.parent, values.join(", ")))
    });
    let conditions: Vec<String> = conditions.collect();
    let flat: Vec<String> = one
        .measures
        .influence
        .iter()
        .enumerate()
        .filter(|(_, influence)| **influence == Some(0.0))
        .map(|(index, _)| format!("x{index}"))
        .collect();
    let _ = write!(
        page,
        "<article><h3>#{number}: {} parameter{}</h3><p>{}",
        structure.kinds.len(),
        if structure.kinds.len() == 1 { "" } else { "s" },
        escape(&one.drawn.function.description())
    );
    if !flat.is_empty() {
        let _ = write!(page, "; {} do not matter", flat.join(", "));
    }
    if !conditions.is_empty() {
        let _ = write!(page, "; {}", escape(&conditions.join(", ")));
    }
    let _ = write!(page, "</p>{}</article>", picture::charts(one));
}

fn shares(statistics: &[SampleStatistic], page: &mut String) {
    page.push_str("<table><caption>Shares</caption>");
    let mut group = "";
    for statistic in statistics {
        if statistic.group != group {
            group = statistic.group;
            let _ = write!(page, "<tr><th colspan=\"2\">{group}</th></tr>");
        }
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(&statistic.what),
            figure(statistic)
        );
    }
    page.push_str("</table>");
}

/// A fact's figure as text: shares in percent.
pub fn figure(statistic: &SampleStatistic) -> String {
    if statistic.is_share {
        format!("{:.1} %", 100.0 * statistic.value)
    } else {
        format!("{:.2}", statistic.value)
    }
}

fn checks(criteria: &Criteria, page: &mut String) {
    page.push_str("<table><caption>Checks</caption>");
    for criterion in criteria.list() {
        let (class, mark) = if criterion.passed { ("good", "pass") } else { ("bad", "FAIL") };
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"{class}\">{mark}</td></tr>",
            escape(criterion.what),
            escape(&criterion.measured),
            escape(&criterion.threshold)
        );
    }
    page.push_str("</table>");
}

fn style() -> String {
    let mut style = String::from(
        ":root{color-scheme:light dark;--ink:light-dark(#222,#ddd);--faint:light-dark(#ccc,#444)}\
         body{font:14px/1.4 system-ui,sans-serif;color:var(--ink);margin:1.5rem auto;max-width:54rem;padding:0 1rem}\
         .tables{display:flex;flex-wrap:wrap;gap:2rem;align-items:start}\
         table{border-collapse:collapse}caption{font-weight:600;text-align:left;padding:.3rem 0}\
         td,th{padding:.1rem .5rem .1rem 0;text-align:left;vertical-align:top}\
         td:nth-child(n+2){font-variant-numeric:tabular-nums}\
         .good{color:light-dark(#17733a,#6cd493)}.bad{color:light-dark(#b3261e,#ff8a80);font-weight:700}\
         article{border-top:1px solid var(--faint);padding:.4rem 0}h3,article p{margin:.2rem 0;font-size:13px}\
         article p{overflow-wrap:anywhere}svg{margin-right:.6rem}svg text{font-size:11px;fill:var(--ink)}\
         .frame{fill:none;stroke:var(--faint)}.failed{fill:#8886}.trial{fill:light-dark(#0008,#fffa)}\
         .lost{fill:#d33}.optimum{stroke:#f06;stroke-width:2;fill:none}.bar{fill:light-dark(#4a6fa5,#8ab0e6)}\
         .line{fill:none;stroke-width:1.4}.best{stroke:#f06}",
    );
    // From dark blue (good) to pale yellow (bad), as light as it is far.
    for shade in 0..SHADES {
        let t = shade as f64 / (SHADES - 1) as f64;
        let (hue, light) = (260.0 - 200.0 * t, 24.0 + 64.0 * t);
        let _ = write!(style, ".h{shade}{{fill:hsl({hue:.0} 55% {light:.0}%)}}");
    }
    for color in 0..COLORS {
        let hue = 45 * color;
        let _ = write!(style, ".l{color}{{stroke:hsl({hue} 70% 48%)}}");
        let _ = write!(style, ".d{color}{{fill:hsl({hue} 70% 48%)}}");
    }
    style
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
        let page = write(&sample, &statistics, &criteria, 12, "a & b");
        for family in FunctionFamily::ALL {
            assert!(page.contains(&format!("<h2>{family:?}</h2>")));
        }
        assert!(page.contains("a &amp; b"));
        let count = |what: &str| page.matches(what).count();
        assert_eq!(count("<article>"), 12);
        for tag in ["svg", "article", "table", "section", "tr", "td"] {
            let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
            assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
        }
        assert!(count("class=\"h0\"") > 3 && count("class=\"optimum\"") > 3);
        assert!(!page.contains("NaN"));
    }
}

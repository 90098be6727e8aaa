//! `optiformer report`: pages of ordinary, extreme and hostile studies.

use std::{fmt::Write, fs};

use serde_json::{Value, json};

use super::Place;

/// The header of a study file.
fn header(parameters: Value, direction: &str) -> String {
    let space = json!({"parameters": parameters});
    let header = json!({"optiformer": "journal", "version": 1, "direction": direction,
        "sampler": "random", "seed": 7, "space": space});
    format!("{header}\n")
}

/// A finished or failed trial as a line of a study file.
fn added(id: usize, values: Value, value: Option<f64>, reason: &str) -> String {
    let mut add = json!({"id": id, "values": values});
    match value {
        Some(value) => add["value"] = value.into(),
        None => {
            add["failed"] = true.into();
            add["reason"] = reason.into();
        }
    }
    format!("{}\n", json!({"add": add}))
}

fn float(name: &str, low: f64, high: f64) -> Value {
    json!({"name": name, "type": "float", "low": low, "high": high})
}

/// `count` places that fill the unit square evenly.
fn places(count: usize) -> impl Iterator<Item = (usize, f64, f64)> {
    (0..count).map(|index| {
        let at = |step: f64| (index as f64 * step + 0.5).fract();
        (index, at(0.754_877_666), at(0.569_840_291))
    })
}

/// Writes a study, reports it, checks the page as a whole, and returns it.
fn page(place: &Place, study: &str) -> String {
    fs::write(place.file("study.jsonl"), study).unwrap();
    let ran = place.run(&["report", "study.jsonl", "--output", "page.html"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let page = place.read("page.html");
    check(&page);
    page
}

/// What holds for every page: tags are closed, nothing is loaded, no number is missing.
fn check(page: &str) {
    assert!(page.starts_with("<!doctype html>"));
    for tag in [
        "html",
        "head",
        "body",
        "main",
        "section",
        "header",
        "figure",
        "figcaption",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "td",
        "th",
        "svg",
        "text",
        "title",
        "pre",
        "script",
        "style",
        "bdi",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "<{tag}>");
    }
    for word in ["http:", "https:", "src=\"", "@import", "url(", "{{", "{%"] {
        assert!(!page.contains(word), "{word}");
    }
    let (body, _) = page.split_once("<script>").unwrap();
    for word in [">NaN", "\"NaN", "NaN ", "inf ", ">inf", "\"inf"] {
        assert!(!body.contains(word), "{word}");
    }
}

/// A study of a bowl with a failed corner.
fn bowl(count: usize) -> String {
    let mut study = header(json!([float("x", 0.0, 1.0), float("y", 0.0, 1.0)]), "minimize");
    for (id, x, y) in places(count) {
        let loss = (x < 0.9 || y < 0.9).then_some((x - 0.25).powi(2) + 4.0 * (y - 0.5).powi(2));
        study += &added(id, json!({"x": x, "y": y}), loss, "exit code 3");
    }
    study
}

#[test]
fn a_page_says_what_a_study_came_to() {
    let place = Place::new("report");
    let page = page(&place, &bowl(100));
    let show = place.run(&["show", "study.jsonl", "--json"]).summary();
    let best = show["best"]["value"].as_f64().unwrap();
    let id = show["best"]["id"].as_u64().unwrap();
    assert!(page.contains(&format!("from trial {id}.")), "{page}");
    assert!(page.contains(&format!("{best:.5}")[..6]));
    assert!(page.contains(&format!("{} of 100 trials failed.", show["failed"])));
    for heading in ["Best so far", "What matters", "Where it is good", "All parameters", "Trials"] {
        assert!(page.contains(&format!("<h3>{heading}")), "{heading}");
    }
    assert!(page.contains("exit code 3") && page.contains("prefers-color-scheme: dark"));
    // y explains most: 16 of 17 parts of the variance, were the corner not failed.
    let bars = page.split("Importance of the parameters").nth(1).unwrap();
    assert!(bars.find(">y</text>").unwrap() < bars.find(">x</text>").unwrap());
    // The option to copy tries the best configuration first.
    let (_, option) = page.split_once("--enqueue ").unwrap();
    let option =
        option.split_once("</pre>").unwrap().0.replace("&#34;", "\"").replace("&#39;", "'");
    let values: Value = serde_json::from_str(option.trim_matches('\'')).unwrap();
    assert_eq!(values, show["best"]["values"]);
    // One trial a row, and the same page again.
    assert_eq!(
        page.matches("<td>finished</td>").count() as u64,
        show["finished"].as_u64().unwrap()
    );
    assert_eq!(self::page(&place, &bowl(100)), page);
}

#[test]
fn names_values_and_reasons_are_escaped() {
    let place = Place::new("report-escapes");
    let script = "<script>alert(\"x\")</script>";
    let parameters = json!([
        float(script, 0.0, 1.0),
        {"name": "\"'&<b>\u{202e}", "type": "categorical", "choices": ["<i>&amp;", "it's", "名"]},
        float("größe", 0.0, 1.0),
    ]);
    let mut study = header(parameters, "maximize");
    for (id, x, y) in places(40) {
        let choice = ["<i>&amp;", "it's", "名"][id % 3];
        let values = json!({script: x, "\"'&<b>\u{202e}": choice, "größe": y});
        study += &added(id, values, (x < 0.8).then_some(x + y), "</td><img src=x onerror=a>");
    }
    let page = page(&place, &study);
    assert_eq!(page.matches("<script>").count(), 1);
    for word in ["<img", "<i>", "<b>", "onerror=a>\""] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("&#60;script&#62;") && page.contains("&#60;img"));
    assert!(page.contains("größe") && page.contains("名"));
}

#[test]
fn studies_of_every_kind_have_a_page() {
    let place = Place::new("report-kinds");
    let square = json!([float("x", 0.0, 1.0), float("y", 0.0, 1.0)]);
    let values = |x: f64, y: f64| json!({"x": x, "y": y});
    let nothing = page(&place, &header(square.clone(), "minimize"));
    assert!(nothing.contains("The study has no trials yet."));

    let mut failed = header(square.clone(), "minimize");
    for (id, x, y) in places(30) {
        failed += &added(id, values(x, y), None, &format!("exit code {}", id % 20));
    }
    let failed = page(&place, &failed);
    assert!(failed.contains("Every trial failed (30 of 30)") && failed.contains("other reasons"));

    let one = header(square.clone(), "minimize") + &added(0, values(0.5, 0.5), Some(1.5), "");
    let one = page(&place, &one);
    assert!(one.contains("The only finished trial is trial 0"), "{one}");
    assert!(one.contains("need 8 finished trials; there is 1."), "{one}");

    for extreme in [[1e308, -1e308], [5e-324, 0.0], [3.0, 3.0], [1e-300, 1e300]] {
        let mut study = header(square.clone(), "maximize");
        for (id, x, y) in places(20) {
            study += &added(id, values(x, y), Some(extreme[id % 2]), "");
        }
        page(&place, &study);
    }

    let mut single = header(json!([float("x", 0.0, 1.0)]), "minimize");
    for (id, x, _) in places(20) {
        single += &added(id, json!({"x": x}), Some(x), "");
    }
    let single = page(&place, &single);
    assert!(single.contains("One parameter at a time") && !single.contains("All parameters"));
}

#[test]
fn inactive_parameters_are_shown_as_such() {
    let place = Place::new("report-conditions");
    let parameters = json!([
        {"name": "kind", "type": "categorical", "choices": ["a", "b"]},
        {"name": "rate", "type": "float", "low": 1e-5, "high": 1, "log": true,
         "when": {"parent": "kind", "is": ["a"]}},
        {"name": "n", "type": "int", "low": 1, "high": 9},
    ]);
    let mut study = header(parameters, "minimize");
    for (id, x, y) in places(40) {
        let n = 1.0 + (9.0 * y).floor();
        let (values, loss) = if id % 2 == 0 {
            (json!({"kind": "a", "rate": 1e-5f64.powf(x), "n": n}), x + 0.1 * n)
        } else {
            (json!({"kind": "b", "n": n}), 2.0 + 0.1 * n)
        };
        study += &added(id, values, Some(loss), "");
    }
    let page = page(&place, &study);
    // In the parallel coordinates and in the parameter's slice.
    assert_eq!(page.matches(">inactive</text>").count(), 2);
    assert!(page.contains("1e-5 to 1, log; if kind is a"));
}

/// The header of a study file with more than one objective or with constraints.
fn rich_header(parameters: Value, more: Value) -> String {
    let mut header = json!({"optiformer": "journal", "version": 2, "sampler": "random", "seed": 7,
        "space": {"parameters": parameters}});
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{header}\n")
}

#[test]
fn several_objectives_have_a_front() {
    let place = Place::new("report-front");
    let objectives = json!({"objectives": [{"name": "gain <dB>", "direction": "maximize"},
        {"name": "cost", "direction": "minimize"}]});
    let mut study = rich_header(json!([float("x", 0.0, 1.0), float("y", 0.0, 1.0)]), objectives);
    for (id, x, y) in places(50) {
        let add = json!({"id": id, "values": {"x": x, "y": y}, "objectives": [x - y, x * x + y]});
        writeln!(study, "{}", json!({"add": add})).unwrap();
    }
    let page = page(&place, &study);
    let shown = place.run(&["show", "study.jsonl", "--json"]).summary();
    let front = shown["front"].as_array().unwrap().len();
    assert!(front > 1 && page.contains(&format!("{front} trials are on the Pareto front")));
    assert_eq!(page.matches("class=\"dot front\"").count(), front);
    assert_eq!(page.matches("class=\"dot dominated\"").count(), 50 - front);
    assert_eq!(page.matches("<tr class=\"best\">").count(), front);
    for heading in ["gain &#60;dB&#62;, to maximize", "cost, to minimize", "All objectives"] {
        assert!(page.contains(heading), "{heading}");
    }
    let text = place.run(&["show", "study.jsonl"]).stdout;
    assert!(text.contains(&format!("Pareto front, {front} trials")), "{text}");
    let csv = place.run(&["show", "study.jsonl", "--csv"]).stdout;
    assert!(csv.starts_with("trial,state,objectives_gain <dB>,objectives_cost,reason,"), "{csv}");
    let compared = place.run(&["compare", "study.jsonl"]);
    assert!(compared.code == Some(0) && compared.stdout.contains("hypervolume"), "{compared:?}");
}

#[test]
fn constraints_and_pruned_trials_have_their_charts() {
    let place = Place::new("report-constraints");
    let parameters = json!([float("x", 0.0, 1.0), float("y", 0.0, 1.0)]);
    let more = json!({"direction": "minimize", "constraints": ["size & weight"]});
    let mut study = rich_header(parameters.clone(), more);
    let (mut feasible, mut best) = (0, f64::INFINITY);
    for (id, x, y) in places(40) {
        let (value, size) = (x + y, 0.6 - x);
        feasible += usize::from(size <= 0.0);
        best = if size <= 0.0 { best.min(value) } else { best };
        let add =
            json!({"id": id, "values": {"x": x, "y": y}, "value": value, "constraints": [size]});
        writeln!(study, "{}", json!({"add": add})).unwrap();
    }
    let constrained = page(&place, &study);
    let sentence = format!("{feasible} of 40 trials keep to the constraints.");
    assert!(constrained.contains(&sentence), "{constrained}");
    let sentence = "The smallest objective that keeps to the constraints is ";
    let (_, number) = constrained.split_once(sentence).unwrap();
    let number: f64 = number.split(',').next().unwrap().parse().unwrap();
    assert!((number - best).abs() < 1e-5 * best, "{number} {best}");
    assert!(constrained.contains(&format!("holds in {feasible} of 40 trials")));
    assert!(constrained.contains("size &#38; weight"));
    // One hollow dot for each in the constraint's chart, in both curves and in both slices.
    assert_eq!(constrained.matches("class=\"dot infeasible\"").count(), 5 * (40 - feasible));

    let mut study = rich_header(parameters, json!({"direction": "minimize"}));
    for (id, x, y) in places(20) {
        let ask = json!({"id": id, "origin": "asked", "values": {"x": x, "y": y}});
        writeln!(study, "{}", json!({"ask": ask})).unwrap();
        for step in 1..=5 {
            let report = json!({"id": id, "step": step, "value": x + 1.0 / f64::from(step)});
            writeln!(study, "{}", json!({"report": report})).unwrap();
        }
        let tell =
            if x > 0.5 { json!({"id": id, "pruned": true}) } else { json!({"id": id, "value": x}) };
        writeln!(study, "{}", json!({"tell": tell})).unwrap();
    }
    let pruned = page(&place, &study);
    let count = place.run(&["show", "study.jsonl", "--json"]).summary()["pruned"].clone();
    assert!(pruned.contains(&format!("{count} of 20 trials were ended early")), "{count}");
    assert!(pruned.contains("<h3>Intermediate values</h3>"));
    assert_eq!(pruned.matches(": pruned</title>").count() as u64, 2 * count.as_u64().unwrap());
}

#[test]
fn a_long_study_has_a_page_of_bounded_size() {
    let place = Place::new("report-long");
    let page = page(&place, &bowl(10_000));
    assert!(page.len() < 1 << 20, "{}", page.len());
    assert!(page.contains("at most 600 are drawn"));
    assert!(page.contains("of 10000 trials are shown") && page.contains("show --csv"));
}

#[test]
fn several_studies_share_a_chart() {
    let place = Place::new("report-several");
    fs::write(place.file("a.jsonl"), bowl(20)).unwrap();
    fs::write(place.file("b & c.jsonl"), bowl(30)).unwrap();
    let ran = place.run(&["report", "a.jsonl", "b & c.jsonl", "--output", "-"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    check(&ran.stdout);
    assert!(ran.stdout.contains("<h1>2 studies</h1>") && ran.stdout.contains("b &#38; c"));
    assert_eq!(ran.stdout.matches("<section").count(), 3);

    let other = header(json!([float("x", 0.0, 1.0)]), "maximize")
        + &added(0, json!({"x": 0.5}), Some(2.0), "");
    fs::write(place.file("m.jsonl"), other).unwrap();
    let ran = place.run(&["report", "a.jsonl", "m.jsonl"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(place.read("report.html").contains("so they share no chart"));
}

#[test]
fn errors_name_the_file() {
    let place = Place::new("report-errors");
    let ran = place.run(&["report", "nowhere.jsonl"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("nowhere.jsonl"));
    fs::write(place.file("a.jsonl"), bowl(10)).unwrap();
    let ran = place.run(&["report", "a.jsonl", "-o", "no/such/page.html"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("no/such/page.html"));
    assert_eq!(place.run(&["report"]).code, Some(2));
    let mut torn = bowl(10);
    let _ = write!(torn, "{{\"add\":");
    fs::write(place.file("a.jsonl"), torn).unwrap();
    let ran = place.run(&["report", "a.jsonl"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("note:"));
}

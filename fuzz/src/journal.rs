//! Study files.

use optiformer::study::JournalSnapshot;

use crate::check_legal;

/// Reads a journal and looks at the study that it describes; returns whether it is one.
pub fn run(data: &[u8]) -> bool {
    let Ok(snapshot) = JournalSnapshot::from_bytes(data) else { return false };
    let study = snapshot.study();
    let mut last = None;
    for trial in study.trials() {
        assert!(last < Some(trial.id), "trial {} follows {last:?}", trial.id);
        last = Some(trial.id);
        check_legal(study.space(), &trial.configuration);
        assert!(trial.value().is_none_or(f64::is_finite));
    }
    if let Some(best) = study.best() {
        assert!(study.trials().iter().filter_map(|trial| trial.value()).all(|value| {
            !study.direction().is_better(value, best.value().expect("the best trial has a value"))
        }));
    }
    true
}

/// A journal with every kind of line.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"optiformer":"journal","version":1,"direction":"minimize","sampler":"tpe","seed":3,"space":{"parameters":[{"name":"x","type":"float","low":0.0,"high":1.0},{"name":"kind","type":"categorical","choices":["a",2.5,true]},{"name":"n","type":"int","low":1.0,"high":9.0,"step":2.0,"when":{"parent":"kind","is":["a"]}}]}}"#,
        r#"{"enqueue":{"values":{"x":0.25,"kind":true}}}"#,
        r#"{"ask":{"id":0,"origin":"enqueued","values":{"kind":true,"x":0.25}}}"#,
        r#"{"tell":{"id":0,"value":1.5}}"#,
        r#"{"ask":{"id":1,"origin":"asked","values":{"kind":"a","n":3,"x":0.7182}}}"#,
        r#"{"tell":{"id":1,"failed":true,"reason":"exit code 3"}}"#,
        r#"{"add":{"id":2,"values":{"kind":2.5,"x":0.5},"value":-0.25}}"#,
        r#"{"ask":{"id":3,"origin":"asked","values":{"kind":2.5,"x":0.1}}}"#,
        r#"{"abandon":{"id":3}}"#,
    ];
    vec![(lines.join("\n") + "\n").into_bytes(), format!("{}\n", lines[0]).into_bytes()]
}

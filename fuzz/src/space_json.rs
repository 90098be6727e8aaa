//! Search spaces as JSON.

use optiformer::space::Space;

use crate::exercise_space;

/// Reads a space, draws from it, and reads it back from its own JSON; returns whether it is one.
pub fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(space) = Space::from_json(text) else { return false };
    exercise_space(&space);
    let again = Space::from_json(&space.to_json()).expect("a space reads its own JSON");
    assert_eq!(space, again);
    if let Some(all) = space.enumerate(100) {
        for configuration in &all {
            crate::check_legal(&space, configuration);
            let object = space.configuration_to_json(configuration);
            let back = space.configuration_from_json(&object).expect("a configuration comes back");
            assert_eq!(*configuration, back);
        }
    }
    true
}

/// Every kind of parameter.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        r#"{"parameters":[{"name":"rate","type":"float","low":1e-4,"high":1,"log":true},{"name":"dropout","type":"float","low":0,"high":0.5,"step":0.1},{"name":"units","type":"int","low":4,"high":256,"log":true},{"name":"kind","type":"categorical","choices":["sgd","adam"]},{"name":"momentum","type":"float","low":0,"high":0.99,"when":{"parent":"kind","is":["sgd"]}}]}"#,
        r#"{"parameters":[{"name":"n","type":"int","low":-3,"high":9,"step":3},{"name":"c","type":"categorical","choices":[1,2.5,true,"x"]},{"name":"m","type":"int","low":0,"high":2,"when":{"parent":"n","is":[-3,0]}}]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

//! The documents of `tests/conformance/`: what the library answers now, and what other languages
//! answer.

use std::{process::Command, sync::Arc};

use optiformer::{model::Model, unstable::kernels::Kernels};
use optiformer_tests::{
    c::{Build, compile},
    conformance::{COMMAND, committed, committed_seed, documents, driver::Driver, learned_studies},
};
use serde_json::{Map, Value};

#[test]
fn the_library_answers_as_the_documents_say() {
    for document in documents(committed_seed).unwrap() {
        let (committed, _) = committed(document.file);
        let mut lines = committed.lines().zip(document.text.lines()).enumerate();
        if let Some((line, (was, is))) = lines.find(|(_, (was, is))| was != is) {
            panic!(
                "{}, line {}:\n  was {was}\n  is  {is}\nwhere that is meant: {COMMAND}",
                document.file,
                line + 1
            );
        }
        assert_eq!(committed.len(), document.text.len(), "{}: {COMMAND}", document.file);
    }
}

#[test]
fn every_instruction_set_chooses_the_same_trials() {
    let all = Model::shared_pico().unwrap();
    let expected = learned_studies(&all, committed_seed).unwrap();
    for kernels in Kernels::available() {
        let model = Arc::new(Model::pico().unwrap().with_kernels(kernels));
        for (found, expected) in
            learned_studies(&model, committed_seed).unwrap().iter().zip(&expected)
        {
            let steps = |study: &Map<String, Value>| study["steps"].to_string();
            assert_eq!(
                steps(found),
                steps(expected),
                "{} on {}: {COMMAND} finds another seed",
                expected["name"],
                kernels.name()
            );
        }
        println!("{}: {} studies", kernels.name(), expected.len());
    }
}

#[test]
fn a_cpp_program_gets_the_same_answers() {
    let mut command = Command::new(compile(&["cpp/conformance.cpp"], Build::Shared));
    let mut driver = Driver::start(command.env_remove("LD_LIBRARY_PATH")).unwrap();
    let mut steps = 0;
    for file in ["spaces.json", "studies.json", "suggestions.json"] {
        let (_, document) = committed(file);
        steps += driver.play(&document).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    driver.finish().unwrap();
    assert!(steps > 1000, "only {steps} steps were played");
}

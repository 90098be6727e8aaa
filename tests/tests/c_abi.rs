//! Programs in C and C++ against the built library, under memory checkers.

use std::process::Command;

use optiformer_tests::c::{Build, compile, root, run, scratch, valgrind};

/// The best value that the C program reports for a sampler.
fn best(printed: &str, sampler: &str) -> f64 {
    let line = printed.lines().find(|line| line.starts_with(sampler));
    let line = line.unwrap_or_else(|| panic!("nothing about {sampler}: {printed}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_c_program_minimizes_a_function() {
    let shared = run(&mut Command::new(compile(&["c/minimize.c"], Build::Shared)));
    // How good the samplers are is tested elsewhere; here, that what is told arrives.
    assert!(best(&shared, "tpe") < 1.0, "{shared}");
    assert!(best(&shared, "optiformer") < 10.0, "{shared}");
    let linked_in = run(&mut Command::new(compile(&["c/minimize.c"], Build::Static)));
    assert_eq!(shared, linked_in);
}

#[test]
fn the_c_program_is_clean_under_sanitizers() {
    run(&mut Command::new(compile(&["c/minimize.c"], Build::Sanitized)));
}

#[test]
fn a_cpp_program_maximizes_a_function() {
    let sources = ["cpp/minimize.cpp", "cpp/second.cpp"];
    run(&mut Command::new(compile(&sources, Build::Static)));
    run(&mut Command::new(compile(&sources, Build::Sanitized)));
}

#[test]
fn threads_share_handles() {
    run(&mut Command::new(compile(&["c/threads.c"], Build::Shared)));
    run(&mut Command::new(compile(&["c/threads.c"], Build::Sanitized)));
}

/// Runs a program that keeps a study in the file that is its argument.
fn run_with_file(source: &str) {
    let folder = scratch(source);
    for (name, build) in [("shared", Build::Shared), ("sanitized", Build::Sanitized)] {
        let file = folder.join(format!("{name}.jsonl"));
        let _ = std::fs::remove_file(&file);
        run(Command::new(compile(&[&format!("c/{source}.c")], build)).arg(&file));
    }
}

#[test]
fn a_study_outlives_the_process() {
    run_with_file("stored");
}

#[test]
fn constraints_objectives_and_intermediate_values_arrive() {
    run_with_file("measured");
}

#[test]
fn pruners_end_trials_and_fidelities_are_raised() {
    run_with_file("pruned");
}

#[test]
fn a_cache_changes_no_suggestion() {
    run(&mut Command::new(compile(&["c/cache.c"], Build::Shared)));
    run(&mut Command::new(compile(&["c/cache.c"], Build::Sanitized)));
}

#[test]
fn the_times_of_suggestions_are_measured() {
    let table = run(Command::new(compile(&["c/suggest_times.c"], Build::Shared)).args(["3", "20"]));
    assert_eq!(table.lines().count(), 3, "{table}");
    for (line, sampler) in table.lines().skip(1).zip(["tpe", "auto"]) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..3], [sampler, "3", "20"], "{table}");
        assert!(words[3..].iter().all(|time| time.parse::<f64>().unwrap() > 0.0), "{table}");
    }
}

#[test]
fn misuse_is_answered_and_memory_stays_sound() {
    let weights = root().join("runtime/weights/pico.safetensors");
    run(Command::new(compile(&["c/misuse.c"], Build::Sanitized)).arg(&weights));
    let tool = ["--leak-check=full", "--errors-for-leak-kinds=definite,indirect"];
    run(valgrind(&tool, &compile(&["c/misuse.c"], Build::Shared)).arg(&weights));
}

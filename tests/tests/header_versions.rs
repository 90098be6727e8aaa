//! Programs that were compiled with an older header, or with a newer one, against this library.

use std::{path::Path, process::Command};

use optiformer_tests::c::{library, root, run, scratch};

/// Compiles a program with the header in `include`, for the memory checkers, and runs it.
fn printed(source: &str, include: &Path, name: &str, options: &[&str]) -> String {
    let program = scratch("header_versions").join(name);
    let mut command = Command::new("cc");
    command
        .args(["-std=c99", "-g", "-Wall", "-Werror", "-I"])
        .arg(include)
        .args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
        .args(options)
        .arg(root().join("tests/c").join(source))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(library())
        .args(["-loptiformer", "-lm", "-lpthread"])
        .arg(format!("-Wl,-rpath,{}", library().display()));
    run(&mut command);
    run(&mut Command::new(program))
}

/// A header as a later version could be: with more at the end of every struct.
fn later_header() -> String {
    let mut header = std::fs::read_to_string(root().join("include/optiformer.h")).unwrap();
    for (closing, more) in [
        ("} optiformer_error;", "char longer[512];"),
        ("} optiformer_study_options;", "uint64_t later;"),
        ("} optiformer_suggest_options;", "uint64_t later;"),
        ("} optiformer_explanation;", "uint64_t later;"),
    ] {
        assert_eq!(header.matches(closing).count(), 1, "{closing}");
        header = header.replace(closing, &format!("{more} {closing}"));
    }
    header
}

#[test]
fn older_and_newer_callers_get_what_todays_get() {
    let today = printed("growth.c", &root().join("include"), "today", &[]);
    assert_eq!(today.lines().count(), 16, "{today}");
    let first = root().join("tests/abi/0.1.0");
    assert_eq!(printed("growth.c", &first, "first", &[]), today);
    let later = scratch("later_header");
    std::fs::write(later.join("optiformer.h"), later_header()).unwrap();
    assert_eq!(printed("growth.c", &later, "later", &["-DLATER"]), today);
}

#[test]
fn programs_of_the_first_header_still_compile_and_run() {
    let first = root().join("tests/abi/0.1.0");
    for source in ["minimize.c", "threads.c"] {
        let now = printed(source, &root().join("include"), &format!("now-{source}"), &[]);
        assert_eq!(printed(source, &first, &format!("then-{source}"), &[]), now);
    }
}

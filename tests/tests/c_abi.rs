//! Programs in C and C++ against the built library, under a memory checker.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Builds the shared and the static library, once, and returns their folder.
fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_abi");
        run(Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "optiformer-ffi", "--manifest-path"])
            .arg(root().join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target));
        target.join("debug")
    })
}

fn run(command: &mut Command) -> String {
    // Cargo points the loader at its own folders, where another build of the library may lie.
    let output = command
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Compiles a program of this crate; `shared` chooses the library that it is linked with.
fn compile(source: &str, shared: bool) -> PathBuf {
    let folder = library();
    let source_path = root().join("tests").join(source);
    let kind = if shared { "shared" } else { "static" };
    let program = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{}-{kind}", source.replace(['/', '.'], "-")));
    let (compiler, standard) =
        if source.ends_with(".cpp") { ("c++", "-std=c++17") } else { ("cc", "-std=c99") };
    let mut command = Command::new(compiler);
    command
        .args([standard, "-g", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(root().join("include"))
        .arg(&source_path)
        .arg("-o")
        .arg(&program);
    if shared {
        command.arg("-L").arg(folder).arg("-loptiformer_ffi");
        command.arg(format!("-Wl,-rpath,{}", folder.display()));
    } else {
        command.arg(folder.join("liboptiformer_ffi.a"));
    }
    run(command.args(["-lpthread", "-ldl", "-lm"]));
    program
}

/// Runs a program under valgrind: an invalid access or a leak is a failure.
fn check_memory(program: &Path) -> String {
    run(Command::new("valgrind")
        .args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect",
        ])
        .arg(program))
}

#[test]
fn a_c_program_minimises_a_function() {
    for shared in [true, false] {
        let printed = run(&mut Command::new(compile("c/minimise.c", shared)));
        let best: f64 = printed.trim().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(best < 1.0, "40 trials ended at {best}");
    }
}

#[test]
fn a_cpp_program_maximises_a_function() {
    run(&mut Command::new(compile("cpp/minimise.cpp", true)));
}

#[test]
fn threads_share_a_model() {
    run(&mut Command::new(compile("c/threads.c", true)));
}

#[test]
fn misuse_is_answered_and_memory_stays_sound() {
    check_memory(&compile("c/misuse.c", true));
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let header = std::fs::read_to_string(root().join("include/optiformer.h")).unwrap();
    let code: String = header
        .split("/*")
        .enumerate()
        .map(
            |(index, part)| {
                if index == 0 { part } else { part.split_once("*/").map_or("", |p| p.1) }
            },
        )
        .collect();
    let declared: BTreeSet<String> = code
        .match_indices('(')
        .filter_map(|(place, _)| {
            let name = code[..place].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
            name.starts_with("optiformer_").then(|| name.to_string())
        })
        .collect();
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library().join("liboptiformer_ffi.so")));
    let exported: BTreeSet<String> = symbols
        .lines()
        .filter_map(|line| line.rsplit(' ').next())
        .filter(|name| name.starts_with("optiformer_"))
        .map(String::from)
        .collect();
    assert_eq!(declared, exported);
    let version = env!("CARGO_PKG_VERSION");
    let macros: Vec<&str> = ["MAJOR", "MINOR", "PATCH"]
        .iter()
        .map(|part| {
            let line = header.lines().find(|l| l.contains(&format!("VERSION_{part} "))).unwrap();
            line.rsplit(' ').next().unwrap()
        })
        .collect();
    assert_eq!(macros.join("."), version);
}

#[test]
fn the_structs_have_the_layout_that_the_header_gives_them() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.c");
    let text = format!(
        "#include \"optiformer.h\"\n#include <stddef.h>\n\
         typedef char error_size[sizeof(optiformer_error) == {} ? 1 : -1];\n\
         typedef char study_size[sizeof(optiformer_study_options) == {} ? 1 : -1];\n\
         typedef char study_seed[offsetof(optiformer_study_options, seed) == {} ? 1 : -1];\n\
         typedef char suggest_size[sizeof(optiformer_suggest_options) == {} ? 1 : -1];\n\
         typedef char suggest_number[offsetof(optiformer_suggest_options, number) == {} ? 1 : -1];\n",
        size_of::<optiformer_ffi::status::CError>(),
        size_of::<optiformer_ffi::study::StudyOptions>(),
        std::mem::offset_of!(optiformer_ffi::study::StudyOptions, seed),
        size_of::<optiformer_ffi::suggest::SuggestOptions>(),
        std::mem::offset_of!(optiformer_ffi::suggest::SuggestOptions, number),
    );
    std::fs::write(&source, text).unwrap();
    run(Command::new("cc")
        .args(["-std=c99", "-fsyntax-only", "-Werror", "-I"])
        .arg(root().join("include"))
        .arg(&source));
}

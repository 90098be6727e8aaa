//! Building and running programs in C and C++ against the library.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository exists")
}

/// Where the tests of one file may write; `name` keeps those of several files apart.
pub fn scratch(name: &str) -> PathBuf {
    let folder = target().join("c_tests").join(name);
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// The target folder that cargo uses for the running test: `<target>/<profile>/deps/<test>`.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(3).expect("cargo puts tests three levels deep").to_path_buf()
}

/// Builds and installs the shared and the static library, once, and returns their folder.
pub fn library() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // Each test program has a prefix of its own, because several may run at the same time.
        let name = std::env::current_exe().expect("a test knows its own path");
        let prefix = scratch("prefix").join(name.file_name().expect("a program is a file"));
        run(&mut install(&prefix));
        prefix.join("lib")
    })
}

/// The command that installs a build for tests below `prefix`.
///
/// It gets a target folder of its own, because the outer cargo may hold the lock on its one, and
/// because cargo does not build the libraries for tests that merely depend on the crate.
pub fn install(prefix: &Path) -> Command {
    let mut command = Command::new(root().join("ffi/install.sh"));
    command
        .env("CARGO", env!("CARGO"))
        .env("CARGO_TARGET_DIR", target().join("c_abi"))
        .args(["--profile", "dev", "--prefix"])
        .arg(prefix);
    command
}

/// Runs a command to success, and returns what it printed.
///
/// # Panics
///
/// When it cannot be started or fails, with all that it printed.
pub fn run(command: &mut Command) -> String {
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

/// How a program is linked and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// With the shared library.
    Shared,
    /// With the static library.
    Static,
    /// With the shared library, under AddressSanitizer, LeakSanitizer and
    /// UndefinedBehaviorSanitizer, whose first finding ends the program. They see every allocation,
    /// those of the library included.
    Sanitized,
}

/// A compiler for C99 or C++17, whichever the first source is in, that takes no warnings.
pub fn compiler(source: &Path) -> Command {
    let is_cpp = source.extension().is_some_and(|extension| extension == "cpp");
    let mut command = Command::new(if is_cpp { "c++" } else { "cc" });
    command
        .arg(if is_cpp { "-std=c++17" } else { "-std=c99" })
        .args(["-g", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-I"])
        .arg(root().join("include"));
    command
}

/// Compiles a program from sources in the folder of the tests.
pub fn compile(sources: &[&str], build: Build) -> PathBuf {
    let folder = library();
    let sources: Vec<PathBuf> =
        sources.iter().map(|source| root().join("tests").join(source)).collect();
    let name = sources[0].file_name().expect("a source is a file").to_string_lossy();
    let program = scratch("programs").join(format!("{name}-{build:?}"));
    let mut command = compiler(&sources[0]);
    if build == Build::Sanitized {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    command.args(&sources).arg("-o").arg(&program);
    if build == Build::Static {
        command.arg(folder.join("liboptiformer.a"));
    } else {
        command.arg("-L").arg(folder).arg("-loptiformer");
        command.arg(format!("-Wl,-rpath,{}", folder.display()));
    }
    run(command.args(["-lpthread", "-ldl", "-lm"]));
    program
}

/// The variable that lets the tests go without valgrind where there is none.
pub const WITHOUT_VALGRIND: &str = "OPTIFORMER_TESTS_WITHOUT_VALGRIND";

/// The command that runs a program under one of valgrind's tools, whose findings are failures.
///
/// Without valgrind the tests fail, unless [`WITHOUT_VALGRIND`] is set: then the program runs
/// alone.
pub fn valgrind(tool: &[&str], program: &Path) -> Command {
    if std::env::var_os(WITHOUT_VALGRIND).is_some() {
        println!("{WITHOUT_VALGRIND} is set: {} runs unchecked", program.display());
        return Command::new(program);
    }
    let there = Command::new("valgrind").arg("--version").output();
    assert!(
        there.is_ok_and(|output| output.status.success()),
        "valgrind is not installed; to go without it, set {WITHOUT_VALGRIND}=1"
    );
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=9"]).args(tool).arg(program);
    command
}

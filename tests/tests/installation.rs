//! The library as somebody else finds it: installed into an empty prefix, and linked by projects
//! outside the tree.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use optiformer_tests::c::{install, root, run};

/// A new folder outside the repository, removed when the test passes.
struct Outside(PathBuf);

impl Outside {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("optiformer-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.canonicalize().unwrap())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Copies the foreign project's sources, so that nothing of the repository is beside them.
fn copy_project(folder: &Path, names: &[&str]) {
    for name in names {
        std::fs::copy(root().join("tests/install").join(name), folder.join(name)).unwrap();
    }
}

/// The program on the page for a language: its first block of code.
fn example_of(language: &str) -> String {
    let page = std::fs::read_to_string(root().join(format!("docs/{language}.md"))).unwrap();
    let (_, program) = page.split_once(&format!("```{language}\n")).unwrap();
    program.split_once("```").unwrap().0.to_string()
}

/// All files and links below a folder.
fn tree(folder: &Path) -> Vec<String> {
    let listed = run(Command::new("find").arg(folder).args(["-not", "-type", "d"]));
    let below = |line: &str| line.strip_prefix(folder.to_str().unwrap()).unwrap()[1..].to_string();
    let mut names: Vec<String> = listed.lines().map(below).collect();
    names.sort_unstable();
    names
}

fn dynamic_section(file: &Path) -> String {
    run(Command::new("readelf").arg("-d").arg(file))
}

/// What a program or a library says that it needs.
fn needed(file: &Path) -> Vec<String> {
    let section = dynamic_section(file);
    let names = section.lines().filter(|line| line.contains("(NEEDED)"));
    names.map(|line| line.split(['[', ']']).nth(1).unwrap().to_string()).collect()
}

#[test]
fn what_is_installed_is_what_is_documented() {
    let outside = Outside::new("tree");
    let version = env!("CARGO_PKG_VERSION");
    run(install(&outside.0.join("usr")).args(["--libdir", "lib/somewhere"]));
    let shared = format!("usr/lib/somewhere/liboptiformer.so.{version}");
    assert_eq!(
        tree(&outside.0),
        [
            "usr/include/optiformer.h",
            "usr/include/optiformer.hpp",
            "usr/lib/somewhere/cmake/optiformer/optiformerConfig.cmake",
            "usr/lib/somewhere/cmake/optiformer/optiformerConfigVersion.cmake",
            "usr/lib/somewhere/liboptiformer.a",
            "usr/lib/somewhere/liboptiformer.so",
            "usr/lib/somewhere/liboptiformer.so.0",
            &shared,
            "usr/lib/somewhere/pkgconfig/optiformer.pc",
        ]
    );
    let section = dynamic_section(&outside.0.join(&shared));
    assert!(section.contains("Library soname: [liboptiformer.so.0]"), "{section}");
    assert!(!section.contains("RPATH") && !section.contains("RUNPATH"), "{section}");
    let of_the_system = ["libc.so", "libm.so", "libgcc_s.so", "ld-linux"];
    for name in needed(&outside.0.join(&shared)) {
        assert!(of_the_system.iter().any(|known| name.starts_with(known)), "{name} is needed");
    }
    // Nothing that was filled in is left open, and nothing knows where it was made.
    for name in
        tree(&outside.0).iter().filter(|name| name.ends_with(".pc") || name.contains("cmake"))
    {
        let text = std::fs::read_to_string(outside.0.join(name)).unwrap();
        assert!(
            !text.contains('@') && !text.contains(outside.0.to_str().unwrap()),
            "{name}: {text}"
        );
    }
}

#[test]
fn mistakes_are_answered_before_anything_is_built() {
    for (arguments, mention) in [
        (&[][..], "--prefix is needed"),
        (&["--prefix", "here"], "absolute"),
        (&["--prefix"], "needs a value"),
        (&["--prefix", "/x", "--libdir", "../y"], "below the prefix"),
        (&["--prefx", "/x"], "no option --prefx"),
    ] {
        let output = Command::new(root().join("ffi/install.sh")).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(mention), "{arguments:?}: {said}");
    }
}

#[test]
fn a_foreign_project_finds_it_by_pkg_config() {
    let outside = Outside::new("pkg-config");
    let project = outside.0.join("project");
    std::fs::create_dir(&project).unwrap();
    copy_project(&project, &["main.c"]);
    run(&mut install(&outside.0.join("made")));
    // The prefix can be moved.
    let prefix = outside.0.join("moved");
    std::fs::rename(outside.0.join("made"), &prefix).unwrap();
    let flags = |arguments: &[&str]| -> Vec<String> {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(arguments);
        run(command.arg("optiformer")).split_whitespace().map(String::from).collect()
    };
    assert_eq!(flags(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let compile = |name: &str, options: &[&str], flags: Vec<String>| -> PathBuf {
        let program = project.join(name);
        let mut command = Command::new("cc");
        command.current_dir(&project).args(["-std=c99", "main.c", "-o", name]);
        run(command.args(options).args(flags));
        program
    };

    let run_path = format!("-Wl,-rpath,{}", prefix.join("lib").display());
    let shared = compile("shared", &[&run_path], flags(&["--cflags", "--libs"]));
    assert!(needed(&shared).contains(&String::from("liboptiformer.so.0")));
    run(&mut Command::new(&shared));
    // Without a run path the loader is told where to look.
    let plain = compile("plain", &[], flags(&["--cflags", "--libs"]));
    assert!(!Command::new(&plain).output().unwrap().status.success());
    let found = Command::new(&plain).env("LD_LIBRARY_PATH", prefix.join("lib")).status().unwrap();
    assert!(found.success());

    for (language, compiler, standard) in [("c", "cc", "-std=c99"), ("cpp", "c++", "-std=c++17")] {
        let source = project.join(format!("page.{language}"));
        std::fs::write(&source, example_of(language)).unwrap();
        let program = project.join(format!("page-{language}"));
        let mut command = Command::new(compiler);
        command
            .args([standard, "-Wall", "-Wextra", "-Werror"])
            .arg(&source)
            .arg("-o")
            .arg(&program);
        run(command.arg(&run_path).args(flags(&["--cflags", "--libs"])).arg("-lm"));
        let printed = run(&mut Command::new(&program));
        let best: f64 = printed.split(' ').next().unwrap().parse().unwrap();
        assert!((0.0..0.5).contains(&best), "{language}: {printed}");
    }

    // The whole program static: libc is all that it takes.
    let linked_in = compile("static", &["-static"], flags(&["--static", "--cflags", "--libs"]));
    assert_eq!(needed(&linked_in), [""; 0]);
    std::fs::remove_dir_all(&prefix).unwrap();
    run(&mut Command::new(&linked_in));
}

#[test]
fn a_foreign_project_finds_it_by_cmake() {
    let outside = Outside::new("cmake");
    let (project, prefix) = (outside.0.join("project"), outside.0.join("prefix"));
    std::fs::create_dir(&project).unwrap();
    copy_project(&project, &["CMakeLists.txt", "main.c", "main.cpp"]);
    run(&mut install(&prefix));
    for (name, option, either) in
        [("shared", "-DBUILD_SHARED_LIBS=ON", true), ("static", "-DBUILD_SHARED_LIBS=OFF", false)]
    {
        let build = outside.0.join(name);
        run(Command::new("cmake")
            .arg("-S")
            .arg(&project)
            .arg("-B")
            .arg(&build)
            .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()))
            .arg(option));
        run(Command::new("cmake").arg("--build").arg(&build));
        for (program, is_shared) in [("shared", true), ("static", false), ("either", either)] {
            let program = build.join(program);
            let needs = needed(&program).contains(&String::from("liboptiformer.so.0"));
            assert_eq!(needs, is_shared, "{}", program.display());
            run(&mut Command::new(&program));
        }
    }
}

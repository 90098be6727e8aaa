//! The header against the library: names, types, numbers, layouts.

use std::{collections::BTreeMap, fmt::Write, mem::offset_of, path::Path, process::Command};

use optiformer_ffi::{
    status::{CError, MESSAGE_LENGTH, Status},
    study_options::StudyOptions,
    suggest::SuggestOptions,
};
use optiformer_tests::c::{compiler, library, root, run, scratch};

/// A function's result and parameters, in the words of C without names and spaces: `int32_t`,
/// `constchar*`.
type Signature = Vec<String>;

fn header() -> String {
    std::fs::read_to_string(root().join("include/optiformer.h")).unwrap()
}

/// The functions that the header declares.
fn declared() -> BTreeMap<String, Signature> {
    let mut code = String::new();
    for (index, part) in header().split("/*").enumerate() {
        code += if index == 0 { part } else { part.split_once("*/").unwrap().1 };
    }
    code.lines()
        .filter(|line| !line.starts_with('#') && !line.ends_with('\\'))
        .collect::<Vec<_>>()
        .join(" ")
        .split([';', '{', '}'])
        .filter_map(|statement| {
            let (before, parameters) = statement.split_once('(')?;
            let parameters = parameters.strip_suffix(')')?;
            let (result, name) = split_declarator(before);
            let mut signature = vec![result];
            if parameters.trim() != "void" {
                signature.extend(parameters.split(',').map(|it| split_declarator(it).0));
            }
            Some((name, signature))
        })
        .collect()
}

/// `const char *name` as `constchar*` and `name`.
fn split_declarator(text: &str) -> (String, String) {
    let text = text.trim();
    let start = text.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap() + 1;
    let kind: String = text[..start].split_whitespace().collect();
    (kind.replace("optiformer_status", "int32_t"), text[start..].to_string())
}

/// The functions that the Rust sources export.
fn exported() -> BTreeMap<String, Signature> {
    let mut functions = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("ffi/src")).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for function in source.split("#[unsafe(no_mangle)]").skip(1) {
            let (_, function) = function.split_once("extern \"C\" fn ").unwrap();
            let (name, function) = function.split_once('(').unwrap();
            let (parameters, function) = function.split_once(')').unwrap();
            let result = function.split_once('{').unwrap().0.trim();
            let mut signature = vec![c_type(result.strip_prefix("->").unwrap_or("()"))];
            let parameters = parameters.split(',').map(str::trim).filter(|it| !it.is_empty());
            signature.extend(parameters.map(|it| c_type(it.split_once(':').unwrap().1)));
            functions.insert(name.to_string(), signature);
        }
    }
    functions
}

/// How C writes a Rust type.
fn c_type(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(target) = rust.strip_prefix("*mut ") {
        return format!("{}*", c_type(target));
    }
    if let Some(target) = rust.strip_prefix("*const ") {
        let target = c_type(target);
        return if target.ends_with('*') {
            format!("{target}const*")
        } else {
            format!("const{target}*")
        };
    }
    let c = match rust {
        "()" => "void",
        "c_char" => "char",
        "c_int" => "int",
        "f64" => "double",
        "u8" => "uint8_t",
        "i32" => "int32_t",
        "u32" => "uint32_t",
        "i64" => "int64_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "CError" => "optiformer_error",
        "CacheHandle" => "optiformer_cache",
        "CExplanation" => "optiformer_explanation",
        "ModelHandle" => "optiformer_model",
        "SpaceHandle" => "optiformer_space",
        "StudyHandle" => "optiformer_study",
        "StudyOptions" => "optiformer_study_options",
        "SuggestOptions" => "optiformer_suggest_options",
        other => panic!("no C type for {other}"),
    };
    c.to_string()
}

#[test]
fn declarations_have_the_types_of_the_definitions() {
    let (declared, exported) = (declared(), exported());
    assert!(declared.len() > 20, "{declared:?}");
    assert_eq!(declared, exported);
}

#[test]
fn the_shared_library_exports_what_is_declared_and_nothing_else() {
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library().join("liboptiformer.so")));
    let mut exported: Vec<&str> =
        symbols.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    exported.sort_unstable();
    assert_eq!(exported, declared().into_keys().collect::<Vec<_>>());
}

#[test]
fn every_function_says_who_may_call_it() {
    let header = header();
    for name in declared().keys() {
        // The last mention is the declaration; its comment ends right before it.
        let place = header.rfind(&format!("{name}(")).unwrap();
        let comment = header[..place].rsplit_once("/*").unwrap().1;
        let between = comment.split_once("*/").unwrap().1;
        assert!(!between.contains(';'), "{name} has no comment of its own");
        assert!(comment.contains("Threads:"), "{name}: {comment}");
    }
}

#[test]
fn numbers_and_layouts_are_those_of_the_library() {
    let mut text = String::from("#include \"optiformer.h\"\n#include \"optiformer.h\"\n");
    let mut claims = 0;
    let mut claim = |expression: &str, value: usize| {
        writeln!(text, "typedef char claim{claims}[({expression}) == {value} ? 1 : -1];").unwrap();
        claims += 1;
    };
    let (mut statuses, versions, directions, states, guard) = (0, 4, 2, 4, 1);
    for code in 0..1000 {
        let name = std::str::from_utf8(Status::name(code)).unwrap().trim_end_matches('\0');
        if name != "UNKNOWN" {
            claim(&format!("OPTIFORMER_{name}"), code as usize);
            statuses += 1;
        }
    }
    let defined = header().matches("\n#define OPTIFORMER_").count();
    assert_eq!(
        statuses + versions + directions + states + guard,
        defined,
        "a status has no name, or no number"
    );
    claim("OPTIFORMER_VERSION", optiformer_ffi::optiformer_version() as usize);
    claim("sizeof(optiformer_status)", size_of::<i32>());
    claim("OPTIFORMER_MINIMIZE", 0);
    claim("OPTIFORMER_MAXIMIZE", 1);
    claim("OPTIFORMER_PENDING", 0);
    claim("OPTIFORMER_FINISHED", 1);
    claim("OPTIFORMER_FAILED", 2);
    claim("OPTIFORMER_PRUNED", 3);
    claim("sizeof(optiformer_error)", size_of::<CError>());
    claim("sizeof(((optiformer_error *)0)->message)", MESSAGE_LENGTH);
    claim("sizeof(optiformer_study_options)", size_of::<StudyOptions>());
    claim("sizeof(optiformer_suggest_options)", size_of::<SuggestOptions>());
    macro_rules! offsets {
        ($kind:ty, $name:literal, $($field:ident),*) => {
            $(claim(
                concat!("offsetof(", $name, ", ", stringify!($field), ")"),
                offset_of!($kind, $field),
            );)*
        };
    }
    offsets!(CError, "optiformer_error", struct_size, status, message);
    offsets!(
        StudyOptions,
        "optiformer_study_options",
        struct_size,
        direction,
        sampler,
        model,
        seed,
        constraints,
        constraint_count,
        objectives,
        directions,
        objective_count,
        pruner
    );
    offsets!(
        SuggestOptions,
        "optiformer_suggest_options",
        struct_size,
        sampler,
        model,
        seed,
        number,
        cache,
        objective_count,
        constraints,
        constraint_count
    );
    // Every function is there under its name, with C's linkage from C++ too.
    text += "typedef void (*any_function)(void);\nany_function every[] = {\n";
    for name in declared().keys() {
        writeln!(text, "    (any_function){name},").unwrap();
    }
    text += "};\nint main(void) { return every[0] == 0; }\n";
    let folder = scratch("header");
    for name in ["layout.c", "layout.cpp"] {
        let source = folder.join(name);
        std::fs::write(&source, &text).unwrap();
        link(&source, &folder.join(format!("{name}.program")));
    }
}

/// Links and runs a program that names functions; gcc's complaint about casting them is not about
/// us.
fn link(source: &Path, program: &Path) {
    run(compiler(source)
        .arg("-Wno-cast-function-type")
        .arg(source)
        .arg("-o")
        .arg(program)
        .arg(library().join("liboptiformer.a"))
        .args(["-lpthread", "-ldl", "-lm"]));
    run(&mut Command::new(program));
}

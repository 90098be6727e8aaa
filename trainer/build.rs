//! Links libtorch so that the trainer runs without `LD_LIBRARY_PATH`.
//!
//! `--no-as-needed` keeps `libtorch_cuda` (whose symbols nothing refers to directly) among the
//! libraries loaded at start; the rpath lets the program find the libtorch it was linked against.
//! The program's allocator is exported, so that libtorch uses it too.

use std::{env, process::Command};

/// What a program must define to replace the C library's allocator, all of it or nothing.
const ALLOCATOR: [&str; 10] = [
    "malloc",
    "calloc",
    "realloc",
    "free",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "malloc_usable_size",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    println!("cargo:rerun-if-env-changed=VIRTUAL_ENV");
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    for symbol in ALLOCATOR {
        println!("cargo:rustc-link-arg-bins=-Wl,--export-dynamic-symbol={symbol}");
    }
    if let Ok(root) = env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{root}/lib");
        return;
    }
    let script = "import os, torch; print(os.path.join(os.path.dirname(torch.__file__), 'lib'))";
    if let Ok(output) = Command::new("python3").args(["-c", script]).output()
        && output.status.success()
    {
        let library = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        println!("cargo:rustc-link-arg=-Wl,-rpath,{library}");
        if std::path::Path::new(&library).join("libtorch_cuda.so").exists() {
            println!("cargo:rustc-link-arg=-L{library}");
            println!("cargo:rustc-link-arg=-ltorch_cuda");
        }
    }
}

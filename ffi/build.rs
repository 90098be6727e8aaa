//! Gives the shared library the name that programs record: `liboptiformer` with the number of its
//! interface, whatever cargo calls the file. Without it they would record the file's path.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let major = var("CARGO_PKG_VERSION_MAJOR").expect("cargo sets it");
    match var("CARGO_CFG_TARGET_OS").expect("cargo sets it").as_str() {
        "windows" | "none" | "unknown" | "wasi" => {}
        "macos" | "ios" => println!(
            "cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/liboptiformer.{major}.dylib"
        ),
        _ => println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,liboptiformer.so.{major}"),
    }
}

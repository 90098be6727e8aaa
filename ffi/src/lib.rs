//! The C interface of OptiFormer: a thin layer over the library, documented in
//! `include/optiformer.h`.
//!
//! Handles are boxes. Any number of threads may share a `const` handle; any other handle belongs to
//! one thread at a time. Panics stop at [`status::boundary`].

pub mod cache;
pub mod measurements;
pub mod model;
pub mod pointer;
pub mod pruning;
pub mod sampler;
pub mod space;
pub mod status;
pub mod stored;
pub mod study;
pub mod study_options;
pub mod suggest;

use std::ffi::{c_char, c_int};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// `major · 10⁶ + minor · 10³ + patch`.
#[unsafe(no_mangle)]
pub extern "C" fn optiformer_version() -> u32 {
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 1000
        + number(env!("CARGO_PKG_VERSION_PATCH"))
}

/// The version as a static string.
#[unsafe(no_mangle)]
pub extern "C" fn optiformer_version_string() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// The name of a status as a static string.
#[unsafe(no_mangle)]
pub extern "C" fn optiformer_status_name(status: c_int) -> *const c_char {
    status::Status::name(status).as_ptr().cast()
}

//! OptiFormer
#![no_std]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod acquisition;
mod error;
pub mod generation;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod kernels;
mod math;
pub mod model;
pub mod samplers;
pub mod space;
pub mod study;
pub mod tokenizer;
pub mod trial;

pub use error::{Error, ErrorKind, Result};

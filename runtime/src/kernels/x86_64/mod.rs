//! The instruction sets of x86-64 and their detection.

mod avx2;
mod avx512;
mod detect;

pub use avx2::{Avx2, Avx2Integers};
pub use avx512::{Avx512, Vnni};
pub use detect::{has_avx2, has_avx512, has_vnni};

//! Internals that the trainer, the benchmarks and the tests share. No promise of stability: any
//! release may change or remove them.

/// Candidates that need no model, and expected improvement over a binned distribution.
pub mod acquisition {
    pub use crate::acquisition::*;
}

/// Sampling of tokens from logits.
pub mod generation {
    pub use crate::generation::*;
}

/// The arithmetic of the forward pass.
pub mod kernels {
    pub use crate::kernels::*;
}

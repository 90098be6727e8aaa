//! The interface of engines that rank candidates in place of the CPU.

use alloc::vec::Vec;
use core::{any::Any, fmt::Debug};

use crate::{Error, tokenizer::vocabulary::Token};

/// An engine that computes logits in place of the CPU, such as a graphics processor.
pub trait LogitsBackend: Any + Debug + Send + Sync {
    /// Logits of the score bins after each question, `[questions, 1000]`; `None` if the CPU is to
    /// compute them.
    fn logits(&mut self, batch: &LogitsBatch<'_>) -> Option<Vec<f32>>;

    /// The reason for which the backend has stopped to compute, if it has.
    fn failure(&self) -> Option<&Error>;
}

/// Questions behind one context.
#[derive(Clone, Debug)]
pub struct LogitsBatch<'a> {
    /// Which of two contexts this is, the whole space (0) or a search box (1). Consecutive contexts
    /// of one kind share most of their tokens.
    pub cache: usize,
    /// The tokens of the context.
    pub context: &'a [Token],
    /// The tokens of each question, sorted by length.
    pub questions: Vec<&'a [Token]>,
    /// Maximum number of tokens of a batch in this study. It is the same for all batches, so that a
    /// choice of the device by size is too.
    pub max_tokens: usize,
}

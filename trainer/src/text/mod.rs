//! A small language model of bytes, trained on text files: what `examples/routing_cache` of the
//! runtime serves.

pub mod corpus;
pub mod training;

/// The name of the vocabulary in the metadata of a weights file: token `i` is byte `i`.
pub const VOCABULARY: &str = "bytes";

#[cfg(test)]
mod tests;

//! From recorded trials to training sequences.

pub mod encoder;
pub mod kind;
pub mod shard;
pub mod source;

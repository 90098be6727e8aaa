//! From recorded trials to training sequences.

pub mod encoder;
pub mod record;
pub mod shard;
pub mod source;

//! What the end-to-end and cross-language tests share.

pub mod c;
pub mod conformance;

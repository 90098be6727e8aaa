//! Candidate generation, and the acquisition function over the model's score distribution.

pub mod candidates;
pub mod improvement;

pub use candidates::{Candidate, CandidateOrigin};
pub use improvement::{Improvement, Prediction, predict};

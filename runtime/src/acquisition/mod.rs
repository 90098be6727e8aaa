//! Which candidate to try: made in several ways, ranked by the model's own distribution of the
//! score.

pub mod candidates;
pub mod improvement;

pub use candidates::{Candidate, CandidateOrigin};
pub use improvement::Prediction;

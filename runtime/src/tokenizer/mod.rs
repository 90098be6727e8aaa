//! Conversion of histories to tokens and rows, and of tokens to values.
//!
//! A history is `BOS TARGET_REGRET_k (TRIAL_SEP (SLOT_i value)* SCORE value)*`: parameters in the
//! space's order, inactive ones left out, the score after the parameters. The same code runs when
//! sequences are made for training and when a suggestion is asked for.

pub mod categorical;
pub mod numerical;
pub mod rows;
pub mod score;
pub mod sequence;
pub mod vocabulary;

pub use rows::{RowTokenizer, Rows};
pub use score::ScoreScale;
pub use sequence::Tokenizer;

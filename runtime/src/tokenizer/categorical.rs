//! Categories and the tokens that stand for them.

use super::vocabulary::{CATEGORIES, Token};

/// Maximum number of choices of a categorical parameter.
pub const MOST_CHOICES: usize = (CATEGORIES.end - CATEGORIES.start) as usize;

/// The token of choice `index` (below [`MOST_CHOICES`]).
pub fn encode(index: usize) -> Token {
    debug_assert!(index < MOST_CHOICES);
    CATEGORIES.start + index as Token
}

/// The choice that a token stands for; `None` for any other token.
pub fn decode(token: Token) -> Option<usize> {
    CATEGORIES.contains(&token).then(|| usize::from(token - CATEGORIES.start))
}

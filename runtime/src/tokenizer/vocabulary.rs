//! Numbers of the tokens.
//!
//! The numbers are part of the format of a weights file: its metadata names the vocabulary
//! ([`NAME`]), and another vocabulary is refused.

use core::ops::Range;

/// A token's number.
pub type Token = u16;

/// The name of this vocabulary in a weights file's metadata.
pub const NAME: &str = "optiformer-1";
/// Number of numerical bins; bin `b` is token `b`.
pub const BINS: usize = 1000;
/// Fills up the short sequences of a batch; never attended to.
pub const PAD: Token = 1000;
/// Begins every sequence.
pub const BOS: Token = 1001;
/// Ends a sequence.
pub const EOS: Token = 1002;
/// Begins every trial.
pub const TRIAL_SEP: Token = 1003;
/// Precedes a trial's score.
pub const SCORE: Token = 1004;
/// Asks for a next trial of regret class 0 (the optimum), 1 (good) or 2 (any other).
pub const TARGET_REGRET: [Token; 3] = [1005, 1006, 1007];
/// Parameter names: slot `i` is called `x{i}`.
pub const SLOTS: Range<Token> = 1008..1072;
/// Reserved for well-known parameter names. No model so far was trained on them: synthetic
/// functions give names no meaning.
pub const RESERVED: Range<Token> = 1072..1136;
/// Categories: choice `i` of whichever parameter precedes it.
pub const CATEGORIES: Range<Token> = 1136..1200;
/// Number of tokens.
pub const SIZE: usize = 1200;

/// A token as people read it, `<target_regret_0>` or `x3`; `None` for a number outside the
/// vocabulary.
pub fn describe(token: Token) -> Option<alloc::string::String> {
    use alloc::{format, string::String};
    Some(match token {
        0..=999 => format!("[{token}]"),
        PAD => String::from("<pad>"),
        BOS => String::from("<bos>"),
        EOS => String::from("<eos>"),
        TRIAL_SEP => String::from("<trial_sep>"),
        SCORE => String::from("<score>"),
        1005..=1007 => format!("<target_regret_{}>", token - TARGET_REGRET[0]),
        1008..=1071 => format!("x{}", token - SLOTS.start),
        1072..=1135 => format!("<reserved_{}>", token - RESERVED.start),
        1136..=1199 => format!("c{}", token - CATEGORIES.start),
        _ => return None,
    })
}

/// The inverse of [`describe`].
pub fn token(description: &str) -> Option<Token> {
    (0..SIZE as Token).find(|token| describe(*token).as_deref() == Some(description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_one_name() {
        for number in 0..SIZE as Token {
            assert_eq!(token(&describe(number).unwrap()), Some(number));
        }
        assert_eq!(describe(SIZE as Token), None);
        assert_eq!(token("<target_regret_0>"), Some(1005));
    }

    #[test]
    fn the_ranges_tile_the_vocabulary() {
        assert_eq!(TARGET_REGRET[2] + 1, SLOTS.start);
        assert_eq!(SLOTS.end, RESERVED.start);
        assert_eq!(RESERVED.end, CATEGORIES.start);
        assert_eq!(CATEGORIES.end as usize, SIZE);
    }
}

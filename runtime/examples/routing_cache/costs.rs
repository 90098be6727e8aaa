//! What the model takes to read several bytes at once, which is what a cache can save.

use std::time::Duration;

use crate::{
    language_model::{LanguageModel, NextByte},
    serving::worked,
    text::{PROMPT, Request, SERVED},
};

/// Numbers of bytes read at once.
pub const BATCHES: [usize; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 24];
/// How often each request is read; the shortest time counts.
const REPEATS: usize = 5;

/// The mean processor time of one question to the model after it has read `batch` new bytes, over
/// whole requests.
pub fn question(model: &mut LanguageModel, requests: &[Request], batch: usize) -> Duration {
    let (mut total, mut questions) = (Duration::ZERO, 0);
    for request in requests {
        let mut least = Duration::MAX;
        for _ in 0..REPEATS {
            // The prompt is read before the clock starts.
            model.surprise(request.text, 0, PROMPT);
            let begun = worked();
            for read in (PROMPT..PROMPT + SERVED - batch).step_by(batch) {
                model.surprise(request.text, read, read + batch);
            }
            least = least.min(worked() - begun);
        }
        total += least;
        questions += (PROMPT..PROMPT + SERVED - batch).step_by(batch).len();
    }
    total / questions as u32
}

//! Requests served by the model alone, and by cache and model.

use std::time::Duration;

use crate::{
    cache::RoutingCache,
    language_model::NextByte,
    text::{PROMPT, Request, SERVED},
};

/// What serving came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// The surprise of all served bytes, in nats.
    pub surprise: f64,
    /// Served bytes.
    pub bytes: usize,
    /// Served bytes whose distribution the model gave.
    pub learned: usize,
}

impl std::ops::AddAssign for Served {
    fn add_assign(&mut self, other: Self) {
        self.surprise += other.surprise;
        self.bytes += other.bytes;
        self.learned += other.learned;
    }
}

impl Served {
    /// The perplexity of a byte.
    pub fn perplexity(&self) -> f64 {
        (self.surprise / self.bytes as f64).exp()
    }

    /// The share of the bytes that the model answered, in percent.
    pub fn learned_pct(&self) -> f64 {
        100.0 * self.learned as f64 / self.bytes as f64
    }
}

/// Serves a request by the model: the prompt in one batch, then byte by byte. `each` gets the
/// surprises.
pub fn by_model(request: &Request, model: &mut impl NextByte, mut each: impl FnMut(f64)) {
    let mut read = 0;
    for place in PROMPT..PROMPT + SERVED {
        each(model.surprise(request.text, read, place));
        read = place;
    }
}

/// Serves a request by the cache where it has an answer, and by the model elsewhere. What the cache
/// answered is in the model's context all the same: when the model is asked next, it reads all that
/// it has not read yet in one batch. What follows the last question it never reads.
pub fn routed(cache: &mut RoutingCache, request: &Request, model: &mut impl NextByte) -> Served {
    cache.begin();
    let text = request.text;
    text[..PROMPT].iter().for_each(|byte| cache.observe(*byte));
    let mut served = Served { bytes: SERVED, ..Served::default() };
    let mut read = 0;
    for place in PROMPT..PROMPT + SERVED {
        let byte = text[place];
        served.surprise += match cache.answer() {
            Some(answer) => -answer.probability(byte).ln(),
            None => {
                served.learned += 1;
                let surprise = model.surprise(text, read, place);
                read = place;
                surprise
            }
        };
        cache.observe(byte);
    }
    served
}

/// The time that this thread has worked, so that other programs on the machine do not count.
#[cfg(unix)]
pub fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time of day is the next best.
#[cfg(not(unix))]
pub fn worked() -> Duration {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(std::time::Instant::now).elapsed()
}

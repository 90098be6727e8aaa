//! The cache in front of the language model: what followed each context, and when that suffices.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::thresholds::Thresholds;

/// Tokens a second by the cache's clock, which turns the time to live into a number of tokens. It
/// is the throughput that the study's founding document has as an example; with the time of day,
/// what the cache answers would depend on how fast the machine happens to be.
pub const TOKENS_PER_SECOND: u64 = 1200;

/// Entries looked at to find one to evict.
const EVICTION_SAMPLE: usize = 8;

/// Counts of the byte after each of the contexts seen lately.
#[derive(Clone, Debug)]
pub struct RoutingCache {
    thresholds: Thresholds,
    /// Tokens an entry lives after it was last seen.
    time_to_live: u64,
    /// Tokens seen.
    now: u64,
    /// The last eight bytes, and how many of them are of this request.
    recent: u64,
    known: usize,
    places: HashMap<u64, u32, BuildHasherDefault<ContextHasher>>,
    entries: Vec<Entry>,
    /// How often each byte was seen, plus one.
    bytes: [u32; 256],
    random: u64,
}

/// What followed a context.
#[derive(Clone, Debug)]
struct Entry {
    context: u64,
    seen: u64,
    count: u32,
    /// Bytes with their counts.
    next: Vec<(u8, u32)>,
}

/// A distribution of the next byte that the cache answers with.
#[derive(Debug)]
pub struct Answer<'a> {
    cache: &'a RoutingCache,
    entry: &'a Entry,
}

impl RoutingCache {
    /// An empty cache.
    pub fn new(thresholds: &Thresholds) -> Self {
        Self {
            thresholds: thresholds.clone(),
            time_to_live: thresholds.cache_ttl_seconds * TOKENS_PER_SECOND,
            now: 0,
            recent: 0,
            known: 0,
            places: HashMap::default(),
            entries: Vec::new(),
            bytes: [1; 256],
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// Begins a request, which has no context yet.
    pub fn begin(&mut self) {
        self.known = 0;
    }

    /// The distribution of the byte after the last ones, if these are a context that was seen often
    /// enough, with a next byte that is certain enough.
    pub fn answer(&self) -> Option<Answer<'_>> {
        let entry = &self.entries[*self.places.get(&self.context()?)? as usize];
        let thresholds = &self.thresholds;
        if entry.count < thresholds.frequency_threshold || self.is_expired(entry) {
            return None;
        }
        let total = f64::from(entry.count);
        let most = entry.next.iter().map(|(_, count)| *count).max().unwrap_or(0);
        if f64::from(most) < thresholds.confidence_threshold * total {
            return None;
        }
        let entropy: f64 = entry
            .next
            .iter()
            .map(|(_, count)| f64::from(*count) / total)
            .map(|share| -share * share.ln())
            .sum();
        (entropy <= thresholds.entropy_threshold).then_some(Answer { cache: self, entry })
    }

    /// Counts the byte that came next, and moves on behind it.
    pub fn observe(&mut self, byte: u8) {
        if let Some(context) = self.context() {
            self.count(context, byte);
        }
        self.bytes[usize::from(byte)] += 1;
        self.recent = self.recent << 8 | u64::from(byte);
        self.known += 1;
        self.now += 1;
    }

    /// The last bytes as a key; `None` while there are too few.
    fn context(&self) -> Option<u64> {
        let size = self.thresholds.context_window_size;
        (self.known >= size).then(|| self.recent & (u64::MAX >> (64 - 8 * size)))
    }

    fn is_expired(&self, entry: &Entry) -> bool {
        self.now - entry.seen > self.time_to_live
    }

    fn count(&mut self, context: u64, byte: u8) {
        let place = match self.places.get(&context) {
            Some(place) => *place as usize,
            None => self.insert(context),
        };
        let expired = self.is_expired(&self.entries[place]);
        let entry = &mut self.entries[place];
        if expired {
            entry.count = 0;
            entry.next.clear();
        }
        entry.seen = self.now;
        entry.count += 1;
        match entry.next.iter_mut().find(|(next, _)| *next == byte) {
            Some((_, count)) => *count += 1,
            None => entry.next.push((byte, 1)),
        }
    }

    /// A place for a new context, where the cache is full that of another one.
    fn insert(&mut self, context: u64) -> usize {
        let fresh = Entry { context, seen: self.now, count: 0, next: Vec::new() };
        let place = if self.entries.len() < self.thresholds.cache_size {
            self.entries.push(fresh);
            self.entries.len() - 1
        } else {
            let place = self.victim();
            self.places.remove(&self.entries[place].context);
            let entry = &mut self.entries[place];
            let mut next = std::mem::take(&mut entry.next);
            next.clear();
            *entry = Entry { next, ..fresh };
            place
        };
        self.places.insert(context, place as u32);
        place
    }

    /// Of some entries drawn at random, one that has expired, else the one seen least often, of
    /// equals the one seen longest ago: the least frequently used as far as a sample tells, which
    /// is how Redis evicts.
    fn victim(&mut self) -> usize {
        let count = self.entries.len() as u64;
        let mut draw = || {
            // Xorshift (Marsaglia 2003); the high bits choose.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            ((u128::from(self.random) * u128::from(count)) >> 64) as usize
        };
        let drawn: [usize; EVICTION_SAMPLE] = std::array::from_fn(|_| draw());
        let worth = |place: &usize| {
            let entry = &self.entries[*place];
            (!self.is_expired(entry), entry.count, entry.seen)
        };
        drawn.into_iter().min_by_key(worth).expect("the sample is not empty")
    }
}

impl Answer<'_> {
    /// The probability of a byte: method D of prediction by partial matching (Howard 1993). A byte
    /// seen `c` times of `n` has `(2c − 1) / 2n`; what that leaves goes to the others by how often
    /// each was seen anywhere.
    pub fn probability(&self, byte: u8) -> f64 {
        let Entry { count, next, .. } = self.entry;
        let twice = 2.0 * f64::from(*count);
        if let Some((_, count)) = next.iter().find(|(next, _)| *next == byte) {
            return (2.0 * f64::from(*count) - 1.0) / twice;
        }
        let bytes = &self.cache.bytes;
        let all: u32 = bytes.iter().sum();
        let seen: u32 = next.iter().map(|(next, _)| bytes[usize::from(*next)]).sum();
        let share = f64::from(bytes[usize::from(byte)]) / f64::from(all - seen);
        next.len() as f64 / twice * share
    }
}

/// Mixes the bits of a context, faster than the standard hasher, which guards against crafted keys.
#[derive(Debug, Default)]
pub struct ContextHasher(u64);

impl Hasher for ContextHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(thresholds: &Thresholds, text: &[u8]) -> RoutingCache {
        let mut cache = RoutingCache::new(thresholds);
        cache.begin();
        text.iter().for_each(|byte| cache.observe(*byte));
        cache
    }

    fn loose() -> Thresholds {
        Thresholds { frequency_threshold: 10, context_window_size: 2, ..Thresholds::default() }
    }

    #[test]
    fn a_context_is_answered_once_it_was_seen_often_enough() {
        let text = b"abc".repeat(11);
        // After `ab` eleven times came `c`; the last three bytes end with `bc`, seen ten times.
        let cache = seen(&loose(), &text);
        let answer = cache.answer().unwrap();
        assert_eq!(answer.probability(b'a'), 19.0 / 20.0);
        let total: f64 = (0..=255).map(|byte| answer.probability(byte)).sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
        let rare = Thresholds { frequency_threshold: 11, ..loose() };
        assert!(seen(&rare, &text).answer().is_none());
    }

    #[test]
    fn what_is_uncertain_goes_to_the_model() {
        let text = b"abxaby".repeat(10);
        let text = &text[..text.len() - 1];
        assert!(seen(&loose(), text).answer().is_none());
        let open = Thresholds { confidence_threshold: 0.5, entropy_threshold: 0.7, ..loose() };
        assert!(seen(&open, text).answer().is_some());
        let entropy = Thresholds { entropy_threshold: 0.6, ..open };
        assert!(seen(&entropy, text).answer().is_none());
    }

    #[test]
    fn entries_expire_and_are_evicted() {
        let thresholds = Thresholds { cache_ttl_seconds: 1, ..loose() };
        let mut cache = seen(&thresholds, &b"abc".repeat(11));
        (0..TOKENS_PER_SECOND + 2).for_each(|_| cache.observe(b'z'));
        cache.begin();
        cache.observe(b'b');
        cache.observe(b'c');
        assert!(cache.answer().is_none());
        let small = Thresholds { cache_size: 100, context_window_size: 4, ..loose() };
        let text: Vec<u8> = (0..5000_u32).map(|index| (index * index % 251) as u8).collect();
        let cache = seen(&small, &text);
        assert_eq!((cache.entries.len(), cache.places.len()), (100, 100));
        for (context, place) in &cache.places {
            assert_eq!(cache.entries[*place as usize].context, *context);
        }
    }
}

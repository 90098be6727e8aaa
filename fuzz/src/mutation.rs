//! Deterministic mutations of bytes.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Numbers that parsers get wrong: ends of ranges, lengths that overflow, texts of special doubles.
const TOKENS: [&[u8]; 18] = [
    b"0",
    b"-1",
    b"1e999",
    b"-0.0",
    b"1e-320",
    b"NaN",
    b"null",
    b"9007199254740993",
    b"18446744073709551615",
    b"18446744073709551616",
    b"true",
    b"[[[[[[[[",
    b"{\"",
    b"\\ud800",
    b"\xff\xfe",
    b"\n",
    b"\x00",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
];

/// Longest input, in bytes.
const MAX_LENGTH: usize = 1 << 17;

/// Mutates inputs, the same way for the same seed.
pub struct Mutator {
    rng: Xoshiro256PlusPlus,
}

impl Mutator {
    /// A mutator whose inputs follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rng: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// One of the `seeds` with one to four changes. `seeds` has at least one input.
    ///
    /// Most changes are small, so that a good share of the inputs stays valid up to the change.
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(4).min(self.below(4)) {
            match self.below(4) {
                0 => self.change_bytes(&mut bytes),
                1 => self.change_lines(&mut bytes),
                _ => self.change_word(&mut bytes, seeds),
            }
        }
        bytes.truncate(MAX_LENGTH);
        bytes
    }

    fn below(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count.max(1))
    }

    /// Flips a bit, overwrites a byte, or deletes, repeats or cuts off a few; half of the time
    /// among the first 512, where headers are.
    fn change_bytes(&mut self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let within = if self.rng.random::<bool>() { length.min(512) } else { length };
        let start = self.below(within);
        let range = start..(start + 1 + self.below(8)).min(length);
        match self.below(16) {
            0..5 if start < length => bytes[start] ^= 1 << self.below(8),
            5..10 if start < length => bytes[start] = self.rng.random::<u8>(),
            10 => bytes.truncate(start),
            11..13 => drop(bytes.drain(range)),
            _ => {
                let piece = bytes[range].to_vec();
                bytes.splice(start..start, piece);
            }
        }
    }

    /// Deletes, repeats or moves a line.
    fn change_lines(&mut self, bytes: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> =
            bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (one, other) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(3) {
            0 => drop(lines.remove(one)),
            1 => lines.insert(other, lines[one].clone()),
            _ => lines.swap(one, other),
        }
        *bytes = lines.join(&b'\n');
    }

    /// Replaces a word (letters, digits and what numbers are written with) by another word of any
    /// seed, or by one of the [`TOKENS`].
    fn change_word(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let Some(range) = self.word(bytes) else { return };
        let other = &seeds[self.below(seeds.len())];
        let word = match self.word(other) {
            Some(word) if self.rng.random::<bool>() => &other[word],
            _ => TOKENS[self.below(TOKENS.len())],
        };
        bytes.splice(range, word.iter().copied());
    }

    /// Where a word is, searched for from a random place on.
    fn word(&mut self, bytes: &[u8]) -> Option<core::ops::Range<usize>> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(byte);
        let from = self.below(bytes.len());
        let start = from + bytes[from..].iter().position(is_word)?;
        let length = bytes[start..].iter().position(|byte| !is_word(byte));
        Some(start..length.map_or(bytes.len(), |length| start + length))
    }
}

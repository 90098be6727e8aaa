//! Extracts the objective, the last number in a program's output.

/// Finds the last number in a stream of bytes; holds one word in memory at a time.
///
/// A word is a run of letters, digits, `_`, `.`, `+`, `-` and non-ASCII bytes. It is a number if
/// the whole word, except for a final full stop, parses as one: `-1.5`, `3e-4`, `nan`, `inf`. So
/// `loss=0.25`, `93.5%` and `(0.1, 0.2)` contain numbers; `x2`, `10ms` and `2024-01-05` do not.
/// Color codes are skipped.
#[derive(Debug, Default)]
pub struct NumberScanner {
    word: Vec<u8>,
    /// The word is longer than any number.
    overlong: bool,
    escape: Escape,
    last: Option<f64>,
}

/// Position in a terminal's control sequence (`ESC [ … letter`).
#[derive(Debug, Default, PartialEq)]
enum Escape {
    #[default]
    Outside,
    Begun,
    Inside,
}

/// Longest word that can be a number; the longest exact decimal of a double is shorter.
const LONGEST: usize = 1100;

impl NumberScanner {
    /// Processes the next piece of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match self.escape {
                Escape::Begun if byte == b'[' => self.escape = Escape::Inside,
                Escape::Inside if !(0x40..=0x7E).contains(&byte) => {}
                Escape::Inside => self.escape = Escape::Outside,
                Escape::Begun | Escape::Outside => {
                    self.escape = Escape::Outside;
                    self.take(byte);
                }
            }
        }
    }

    fn take(&mut self, byte: u8) {
        if byte == 0x1B {
            self.end_word();
            self.escape = Escape::Begun;
        } else if byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte) || !byte.is_ascii() {
            if self.word.len() < LONGEST {
                self.word.push(byte);
            } else {
                self.overlong = true;
            }
        } else {
            self.end_word();
        }
    }

    fn end_word(&mut self) {
        if let Some(number) = self.number() {
            self.last = Some(number);
        }
        self.word.clear();
        self.overlong = false;
    }

    fn number(&self) -> Option<f64> {
        if self.overlong {
            return None;
        }
        let word = std::str::from_utf8(&self.word).ok()?;
        word.strip_suffix('.').unwrap_or(word).parse().ok()
    }

    /// The last number, if the stream ended here.
    pub fn last(&self) -> Option<f64> {
        self.number().or(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::NumberScanner;

    fn last(text: &str) -> Option<f64> {
        let mut whole = NumberScanner::default();
        whole.feed(text.as_bytes());
        let mut pieces = NumberScanner::default();
        for byte in text.as_bytes() {
            pieces.feed(&[*byte]);
        }
        let (whole, pieces) = (whole.last(), pieces.last());
        assert_eq!(whole.map(f64::to_bits), pieces.map(f64::to_bits));
        whole
    }

    #[test]
    fn numbers_as_programs_print_them() {
        for (text, number) in [
            ("1.5\n", 1.5),
            ("-3", -3.0),
            ("+2.5e-3\n\n", 2.5e-3),
            ("1E5", 1e5),
            ("epoch 3 loss=0.25\n", 0.25),
            ("accuracy: 93.5%", 93.5),
            ("{\"loss\": 0.125}\n", 0.125),
            ("loss 0.5\ndone in 10ms\n", 0.5),
            ("The result is 7.\n", 7.0),
            (".5", 0.5),
            ("\u{1b}[32m0.75\u{1b}[0m\n", 0.75),
            ("1e-310", 1e-310),
            ("x2 3 v1.2.3 2024-01-05", 3.0),
            ("1 −2\n", 1.0),
            ("5 -", 5.0),
        ] {
            assert_eq!(last(text), Some(number), "{text:?}");
        }
        for text in ["", "no number", "x1 1_000 0x10 -", "--5", "e5 ."] {
            assert_eq!(last(text), None, "{text:?}");
        }
        assert!(last("0.1 nan").unwrap().is_nan());
        assert_eq!(last("1 -inf\n"), Some(f64::NEG_INFINITY));
        assert_eq!(last("1 info infinite nano"), Some(1.0));
        assert_eq!(last("1e999"), Some(f64::INFINITY));
    }

    #[test]
    fn an_endless_word_takes_no_room() {
        let mut scanner = NumberScanner::default();
        scanner.feed(b"2 ");
        for _ in 0..1000 {
            scanner.feed(&[b'1'; 1000]);
        }
        assert!(scanner.word.len() <= super::LONGEST);
        assert_eq!(scanner.last(), Some(2.0));
    }
}

//! The traffic: pieces of three texts in turn, which stand for the requests that a service gets.
//!
//! The texts are of this repository at one time: its documentation, its source, and study files of
//! its samplers. They were not trained on.

/// Bytes of a request that are given; the model reads them in one batch.
pub const PROMPT: usize = 64;
/// Bytes of a request that are served, one after another.
pub const SERVED: usize = 256;

/// What a request is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Documentation in Markdown.
    Prose,
    /// Rust.
    Code,
    /// Study files, which are lines of JSON.
    Trials,
}

/// All kinds, in the order in which they take turns.
pub const KINDS: [Kind; 3] = [Kind::Prose, Kind::Code, Kind::Trials];

impl Kind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prose => "prose",
            Self::Code => "code",
            Self::Trials => "trials",
        }
    }

    fn text(self) -> &'static [u8] {
        match self {
            Self::Prose => include_bytes!("text/prose.txt"),
            Self::Code => include_bytes!("text/code.txt"),
            Self::Trials => include_bytes!("text/trials.txt"),
        }
    }
}

/// A prompt and the bytes after it.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Where it comes from.
    pub kind: Kind,
    /// The prompt, then the bytes to serve: `PROMPT + SERVED`.
    pub text: &'static [u8],
}

/// A part of the traffic, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What the thresholds are tuned on.
    Validation,
    /// What comes after it, and nothing was tuned on.
    Test,
}

/// All requests in the order of their arrival.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The requests.
    pub requests: Vec<Request>,
}

impl Traffic {
    /// The traffic of some kinds in turn.
    pub fn of(kinds: &[Kind]) -> Self {
        let mut pieces: Vec<_> =
            kinds.iter().map(|kind| (*kind, kind.text().chunks_exact(PROMPT + SERVED))).collect();
        let mut requests = Vec::new();
        'rounds: loop {
            for (kind, pieces) in &mut pieces {
                let Some(text) = pieces.next() else { break 'rounds };
                requests.push(Request { kind: *kind, text });
            }
        }
        requests.truncate(requests.len() / kinds.len().max(1) * kinds.len());
        Self { requests }
    }

    /// The places of a part's requests. What comes before them has been served when they arrive:
    /// 70 % of the traffic before the validation part, which is 12 %.
    pub fn range(&self, part: Part) -> std::ops::Range<usize> {
        let count = self.requests.len();
        // Whole rounds of kinds.
        let at = |percent: usize| count * percent / 100 / KINDS.len() * KINDS.len();
        match part {
            Part::Validation => at(70)..at(82),
            Part::Test => at(82)..count,
        }
    }
}

//! What thresholds come to: perplexity, and throughput beside the model alone.

use std::{io, ops::Range, path::Path, time::Duration};

use serde::Serialize;

use crate::{
    baseline::{self, Surprises},
    cache::RoutingCache,
    language_model::{LanguageModel, Replay},
    serving::{Served, by_model, routed, worked},
    text::{KINDS, SERVED, Traffic},
    thresholds::Thresholds,
};

/// The most that the perplexity may grow, as a share.
pub const MOST_QUALITY_LOSS: f64 = 0.01;
/// The share of bytes, in percent, below which the model's answers are rewarded for being few.
const FEW_LEARNED_PCT: f64 = 15.0;

/// How thoroughly the time is measured.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Requests that are served for the clock, spread over all.
    pub requests: usize,
    /// How often each of them is served; the shortest time counts.
    pub repeats: usize,
}

impl Timing {
    /// For a trial: about a third of a second.
    pub const TRIAL: Self = Self { requests: 12, repeats: 3 };
    /// For the comparison of few configurations.
    pub const THOROUGH: Self = Self { requests: 48, repeats: 5 };
}

/// What thresholds came to.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// `throughput / baseline_throughput`.
    pub speedup: f64,
    /// Served bytes a second of processor time.
    pub throughput: f64,
    /// The same of the model alone, measured in turn with the other.
    pub baseline_throughput: f64,
    /// Perplexity of a byte.
    pub perplexity: f64,
    /// The same of the model alone.
    pub baseline_perplexity: f64,
    /// `perplexity / baseline_perplexity − 1`.
    pub quality_loss: f64,
    /// The share of bytes that the model answered, in percent.
    pub learned_pct: f64,
    /// The share and the loss of each kind of text.
    pub kinds: Vec<KindMeasurement>,
}

/// What thresholds came to on one kind of text.
#[derive(Clone, Debug, Serialize)]
pub struct KindMeasurement {
    /// Its name.
    pub kind: &'static str,
    /// As in [`Measurement`].
    pub speedup: f64,
    /// As in [`Measurement`].
    pub perplexity: f64,
    /// As in [`Measurement`].
    pub quality_loss: f64,
    /// As in [`Measurement`].
    pub learned_pct: f64,
}

impl Measurement {
    /// The objective of the founding document: speed-up, and a bonus for a model that answers less
    /// than 15 % of the bytes.
    pub fn score(&self) -> f64 {
        self.speedup + (FEW_LEARNED_PCT - self.learned_pct).max(0.0) / 100.0
    }

    /// The constraint, which holds where it is at most 0.
    pub fn violation(&self) -> f64 {
        self.quality_loss - MOST_QUALITY_LOSS
    }

    /// Whether the constraint holds.
    pub fn is_feasible(&self) -> bool {
        self.violation() <= 0.0
    }
}

/// The model, the traffic, and what the model says about it by itself.
#[derive(Debug)]
pub struct Evaluator {
    model: LanguageModel,
    traffic: Traffic,
    /// The surprises of the requests from `first` on, by the model alone.
    first: usize,
    surprises: Surprises,
}

/// Sums over requests of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    served: Served,
    baseline: Served,
    timed_bytes: usize,
    time: Duration,
    baseline_time: Duration,
}

impl Evaluator {
    /// Serves the requests of a range by the model alone, which takes some seconds.
    pub fn new(mut model: LanguageModel, traffic: Traffic, range: Range<usize>) -> Self {
        let surprises = baseline::measure(&mut model, &traffic.requests[range.clone()]);
        Self { model, traffic, first: range.start, surprises }
    }

    /// As [`new`](Self::new), with what the model says from a file where it is known already.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn with_baseline(
        mut model: LanguageModel,
        traffic: Traffic,
        range: Range<usize>,
        path: &Path,
    ) -> io::Result<Self> {
        let surprises = baseline::from_file(path, &mut model, &traffic.requests, range.clone())?;
        Ok(Self { model, traffic, first: range.start, surprises })
    }

    /// The range of requests with the model's surprises.
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.surprises.len()
    }

    /// The model.
    pub fn model(&self) -> &LanguageModel {
        &self.model
    }

    /// Serves the requests of a range by cache and model, after all requests before them have
    /// passed the cache by.
    ///
    /// Some requests, evenly spread, are served in earnest and timed, in turn with the model alone.
    /// For the others the model's part is replayed, which changes no bit of what it says.
    ///
    /// # Panics
    ///
    /// If the range is empty or not within [`range`](Self::range).
    pub fn measure(
        &mut self,
        thresholds: &Thresholds,
        range: Range<usize>,
        timing: Timing,
    ) -> Measurement {
        let mut cache = RoutingCache::new(thresholds);
        for request in &self.traffic.requests[..range.start] {
            cache.begin();
            request.text.iter().for_each(|byte| cache.observe(*byte));
        }
        let timed = timed_places(range.len(), timing.requests);
        let mut sums = [Sums::default(); KINDS.len()];
        for (offset, place) in range.enumerate() {
            let request = &self.traffic.requests[place];
            let surprises = &self.surprises[place - self.first];
            let of_kind = KINDS.iter().position(|kind| *kind == request.kind);
            let sums = &mut sums[of_kind.expect("all kinds are listed")];
            sums.baseline.surprise += surprises.iter().map(|one| f64::from(*one)).sum::<f64>();
            sums.baseline.bytes += SERVED;
            let served = if timed.contains(&offset) {
                self.timed(&mut cache, place, timing.repeats, sums)
            } else {
                routed(&mut cache, request, &mut Replay(surprises))
            };
            sums.served += served;
        }
        measurement(&sums)
    }

    /// Serves a request for the clock.
    fn timed(
        &mut self,
        cache: &mut RoutingCache,
        place: usize,
        repeats: usize,
        sums: &mut Sums,
    ) -> Served {
        let request = &self.traffic.requests[place];
        let model = &mut self.model;
        let (mut least, mut least_baseline) = (Duration::MAX, Duration::MAX);
        let (mut served, mut after) = (Served::default(), cache.clone());
        for _ in 0..repeats.max(1) {
            let begun = worked();
            let mut surprise = 0.0;
            by_model(request, model, |one| surprise += one);
            std::hint::black_box(surprise);
            least_baseline = least_baseline.min(worked() - begun);
            after = cache.clone();
            let begun = worked();
            served = routed(&mut after, request, model);
            least = least.min(worked() - begun);
        }
        *cache = after;
        sums.timed_bytes += SERVED;
        sums.time += least;
        sums.baseline_time += least_baseline;
        served
    }

    /// Serves a range by cache and model twice, in earnest and as a replay.
    #[cfg(test)]
    pub fn served_both_ways(
        &mut self,
        thresholds: &Thresholds,
        range: Range<usize>,
    ) -> (Served, Served) {
        let (mut cache, mut other) = (RoutingCache::new(thresholds), RoutingCache::new(thresholds));
        let (mut earnest, mut replayed) = (Served::default(), Served::default());
        for place in range {
            let request = &self.traffic.requests[place];
            earnest += routed(&mut cache, request, &mut self.model);
            let surprises = &self.surprises[place - self.first];
            replayed += routed(&mut other, request, &mut Replay(surprises));
        }
        (earnest, replayed)
    }
}

/// Places of `wanted` of `count` requests, evenly spread over time and kinds.
fn timed_places(count: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(count);
    let kinds = KINDS.len();
    (0..wanted)
        .map(|index| {
            let round = index / kinds * kinds * count / wanted / kinds * kinds;
            (round + index % kinds).min(count - 1)
        })
        .collect()
}

fn measurement(sums: &[Sums; KINDS.len()]) -> Measurement {
    let mut all = Sums::default();
    for sums in sums {
        all.served += sums.served;
        all.baseline += sums.baseline;
        all.timed_bytes += sums.timed_bytes;
        all.time += sums.time;
        all.baseline_time += sums.baseline_time;
    }
    let throughput = |time: Duration| all.timed_bytes as f64 / time.as_secs_f64();
    let kinds = KINDS.iter().zip(sums).filter(|(_, sums)| sums.served.bytes > 0);
    Measurement {
        speedup: all.speedup(),
        throughput: throughput(all.time),
        baseline_throughput: throughput(all.baseline_time),
        perplexity: all.served.perplexity(),
        baseline_perplexity: all.baseline.perplexity(),
        quality_loss: all.quality_loss(),
        learned_pct: all.served.learned_pct(),
        kinds: kinds
            .map(|(kind, sums)| KindMeasurement {
                kind: kind.name(),
                speedup: sums.speedup(),
                perplexity: sums.served.perplexity(),
                quality_loss: sums.quality_loss(),
                learned_pct: sums.served.learned_pct(),
            })
            .collect(),
    }
}

impl Sums {
    fn speedup(&self) -> f64 {
        self.baseline_time.as_secs_f64() / self.time.as_secs_f64()
    }

    fn quality_loss(&self) -> f64 {
        self.served.perplexity() / self.baseline.perplexity() - 1.0
    }
}

//! Calls without a study.

use std::ptr;

use optiformer_ffi::{cache::*, model::ModelHandle, suggest::*};

use super::{MAX_MEASURED, Session};

/// What the calls without a study are passed, besides the space.
struct Arguments {
    options: SuggestOptions,
    history: Vec<f64>,
    losses: Vec<f64>,
    /// The options point to it.
    _constraints: Vec<f64>,
    finished: usize,
    pending: Vec<f64>,
    waiting: usize,
}

impl Session<'_> {
    /// Arguments of the input, without a cache.
    fn arguments(&mut self) -> Arguments {
        if self.cache.is_null() {
            // SAFETY: the places live.
            let status = unsafe { optiformer_cache_new(&mut self.cache, &mut self.error) };
            assert!(self.check(status));
        }
        let (finished, waiting) = (self.count(6), self.count(2));
        let (_, sampler, model): (_, _, *const ModelHandle) = self.sampler();
        let (seed, number) = (u64::from(self.byte()), u64::from(self.byte()));
        let (objective_count, constraint_count) =
            (self.count(MAX_MEASURED), self.count(MAX_MEASURED));
        let history = self.numbers(finished * self.parameters);
        let losses = self.numbers(finished * objective_count.max(1));
        let constraints = self.numbers(finished * constraint_count);
        let pending = self.numbers(waiting * self.parameters);
        let options = SuggestOptions {
            struct_size: size_of::<SuggestOptions>(),
            sampler,
            model,
            seed,
            number,
            cache: ptr::null(),
            objective_count,
            constraints: constraints.as_ptr(),
            constraint_count,
        };
        Arguments {
            options,
            history,
            losses,
            _constraints: constraints,
            finished,
            pending,
            waiting,
        }
    }

    /// A suggestion without a cache, and the same with one.
    pub(super) fn suggest(&mut self) {
        let it = self.arguments();
        let count = self.count(2);
        let cache = self.cache.cast_const();
        let mut suggest = |cache| {
            let options = SuggestOptions { cache, ..it.options };
            let mut out = vec![0.0; count * self.parameters];
            // SAFETY: the space is null or lives; the arrays have as many values as are named.
            let status = unsafe {
                optiformer_suggest(
                    self.space,
                    &options,
                    it.history.as_ptr(),
                    it.losses.as_ptr(),
                    it.finished,
                    it.pending.as_ptr(),
                    it.waiting,
                    out.as_mut_ptr(),
                    count,
                    &mut self.error,
                )
            };
            self.check(status);
            (status, out.into_iter().map(f64::to_bits).collect::<Vec<_>>())
        };
        let cached = suggest(cache);
        assert_eq!(suggest(ptr::null()), cached, "the cache changed a suggestion");
    }

    /// An order of given configurations without a cache, and the same with one.
    pub(super) fn choose(&mut self) {
        let count = self.count(8);
        let it = self.arguments();
        let candidates = self.numbers(count * self.parameters);
        let cache = self.cache.cast_const();
        let mut choose = |cache| {
            let options = SuggestOptions { cache, ..it.options };
            let (mut order, mut ratings) = (vec![count; count], vec![0.0; count]);
            // SAFETY: as above.
            let status = unsafe {
                optiformer_choose(
                    self.space,
                    &options,
                    it.history.as_ptr(),
                    it.losses.as_ptr(),
                    it.finished,
                    it.pending.as_ptr(),
                    it.waiting,
                    candidates.as_ptr(),
                    count,
                    order.as_mut_ptr(),
                    ratings.as_mut_ptr(),
                    &mut self.error,
                )
            };
            if self.check(status) {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..count), "{order:?} is no order");
            } else {
                assert!(order.iter().all(|row| *row == count), "a failed call wrote its output");
            }
            let bits = |rating: &f64| if rating.is_nan() { None } else { Some(rating.to_bits()) };
            (status, order, ratings.iter().map(bits).collect::<Vec<_>>())
        };
        let cached = choose(cache);
        assert_eq!(choose(ptr::null()), cached, "the cache changed an order");
    }
}

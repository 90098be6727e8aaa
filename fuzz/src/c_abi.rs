//! Sequences of calls to the C interface, as a C program could make them.
//!
//! Pointers and lengths are true: what the header forbids is not tried. Everything else is taken
//! from the input: names, bounds, choices, conditions, options, ids, values, counts.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

use optiformer_ffi::{cache::*, space::*, status::*, study::*, suggest::*};

/// Most calls, parameters and trials of one input.
const MAX_CALLS: usize = 200;
const MAX_PARAMETERS: usize = 12;
const MAX_TRIALS: usize = 60;

/// Samplers, one of which is unknown; the transformer is too slow for a fuzz target.
const SAMPLERS: [&CStr; 6] =
    [c"random", c"sobol", c"tpe", c"local_search", c"cma_es", c"no such sampler"];

/// Doubles that are easily forgotten.
const NUMBERS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    0.5,
    -1.0,
    3.0,
    1e-300,
    5e-324,
    1e300,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9_007_199_254_740_993.0,
];

/// Makes the calls that the input describes; returns whether a trial was told.
///
/// # Panics
///
/// When a call panics inside the library, returns an unknown status, or leaves no message.
pub fn run(data: &[u8]) -> bool {
    let mut session = Session {
        data,
        space: ptr::null_mut(),
        study: ptr::null_mut(),
        cache: ptr::null_mut(),
        parameters: 0,
        trials: 0,
        told: false,
        // The error struct is written by the library alone.
        error: CError { struct_size: size_of::<CError>(), status: 0, message: [0; MESSAGE_LENGTH] },
    };
    for _ in 0..MAX_CALLS {
        if session.data.is_empty() {
            break;
        }
        session.call();
    }
    session.told
}

/// Programs that make a space, a study, and some trials.
pub fn seeds() -> Vec<Vec<u8>> {
    let program = |sampler: u8, trials: usize| {
        #[rustfmt::skip]
        let mut bytes = vec![
            0, // a space
            1, 1, b'x', 0, 2, 0, 0, // a float from 0 to 1
            3, 1, b'c', 2, 1, b'a', 1, b'b', // two choices
            2, 1, b'n', 1, 0, 9, 0, 0, 1, // an int from 1 to 9
            4, 1, b'n', 1, b'c', 1, 0, // n is active for the first choice
            5, sampler, 0, 7, // a study
        ];
        for trial in 0..trials as u8 {
            bytes.extend([6, 7, trial, 3]);
        }
        bytes.extend([8, 0, 9, 3, 1, 3, 0, 2, 10, 3, 3, 1, 3, 11, 12, 0, 13, 2, sampler, 2, 2, 2]);
        bytes
    };
    (0..5).map(|sampler| program(sampler, 20)).collect()
}

struct Session<'a> {
    data: &'a [u8],
    space: *mut SpaceHandle,
    study: *mut StudyHandle,
    /// Made by the first suggestion.
    cache: *mut CacheHandle,
    parameters: usize,
    trials: usize,
    told: bool,
    error: CError,
}

impl Session<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.data.split_first() else { return 0 };
        self.data = rest;
        *first
    }

    fn count(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % (most + 1)
    }

    /// A double: a special one, a byte's worth, or any eight bytes.
    fn number(&mut self) -> f64 {
        let kind = usize::from(self.byte());
        match kind {
            0..14 => NUMBERS[kind],
            14..64 => f64::from(self.byte()) / 16.0,
            _ => f64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    fn numbers(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.number()).collect()
    }

    /// A text of up to eight bytes, mostly one letter, so that names meet each other.
    fn text(&mut self) -> CString {
        let length = self.count(8);
        let bytes: Vec<u8> = (0..length).map(|_| self.byte()).filter(|byte| *byte != 0).collect();
        CString::new(bytes).expect("the zeros are left out")
    }

    fn check(&self, status: i32) -> bool {
        assert_ne!(status, Status::Panic as i32, "a call panicked");
        assert!((0..=15).contains(&status), "status {status}");
        assert_eq!(self.error.status, status);
        // SAFETY: the library ends the message with a zero.
        let message = unsafe { CStr::from_ptr(self.error.message.as_ptr()) };
        let message = message.to_str().expect("messages are UTF-8");
        assert_eq!(message.is_empty(), status == 0, "status {status} with \"{message}\"");
        status == 0
    }

    fn call(&mut self) {
        match self.byte() % 14 {
            0 => self.new_space(),
            1 => self.add_float(),
            2 => self.add_int(),
            3 => self.add_categorical(),
            4 => self.set_condition(),
            5 => self.new_study(),
            6 => self.ask(),
            7 => self.tell(),
            8 => self.tell_failed(),
            9 => self.add_trial(),
            10 => self.enqueue(),
            11 => self.best(),
            12 => self.explain(),
            _ => self.suggest(),
        }
    }

    fn new_space(&mut self) {
        let mut space = ptr::null_mut();
        // SAFETY: the places live; the old space is freed once.
        let status = unsafe {
            optiformer_space_free(self.space);
            optiformer_space_new(&mut space, &mut self.error)
        };
        assert!(self.check(status));
        (self.space, self.parameters) = (space, 0);
    }

    fn added(&mut self, status: i32) {
        if self.check(status) {
            self.parameters += 1;
        }
        // SAFETY: the space is null or lives.
        assert_eq!(unsafe { optiformer_space_count(self.space) }, self.parameters);
    }

    fn add_float(&mut self) {
        if self.parameters >= MAX_PARAMETERS {
            return;
        }
        let (name, low, high) = (self.text(), self.number(), self.number());
        let (log, step) = (i32::from(self.byte() % 2), self.number());
        // SAFETY: the space is null or lives, and so do text and error.
        let status = unsafe {
            let error = &mut self.error;
            optiformer_space_add_float(self.space, name.as_ptr(), low, high, log, step, error)
        };
        self.added(status);
    }

    fn add_int(&mut self) {
        if self.parameters >= MAX_PARAMETERS {
            return;
        }
        let name = self.text();
        let mut int = || i64::from(self.byte() as i8) << (self.byte() % 64);
        let (low, high) = (int(), int());
        let (log, step) = (i32::from(self.byte() % 2), i64::from(self.byte() as i8));
        // SAFETY: as above.
        let status = unsafe {
            let error = &mut self.error;
            optiformer_space_add_int(self.space, name.as_ptr(), low, high, log, step, error)
        };
        self.added(status);
    }

    fn add_categorical(&mut self) {
        if self.parameters >= MAX_PARAMETERS {
            return;
        }
        let name = self.text();
        let count = self.count(8);
        let texts: Vec<CString> = (0..count).map(|_| self.text()).collect();
        let choices: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: as above; `count` texts live.
        let status = unsafe {
            let (choices, error) = (choices.as_ptr(), &mut self.error);
            optiformer_space_add_categorical(self.space, name.as_ptr(), choices, count, error)
        };
        self.added(status);
    }

    fn set_condition(&mut self) {
        let (name, parent, count) = (self.text(), self.text(), self.count(4));
        let values = self.numbers(count);
        // SAFETY: as above; `count` values live.
        let status = unsafe {
            let (name, parent, values) = (name.as_ptr(), parent.as_ptr(), values.as_ptr());
            let error = &mut self.error;
            optiformer_space_set_condition(self.space, name, parent, values, count, error)
        };
        self.check(status);
    }

    fn new_study(&mut self) {
        let options = StudyOptions {
            struct_size: size_of::<StudyOptions>(),
            sampler: SAMPLERS[self.count(SAMPLERS.len() - 1)].as_ptr(),
            direction: i32::from(self.byte() % 3),
            model: ptr::null(),
            seed: u64::from(self.byte()),
        };
        let mut study = ptr::null_mut();
        // SAFETY: the space is null or lives, the options are whole, the places live.
        let status =
            unsafe { optiformer_study_new(self.space, &options, &mut study, &mut self.error) };
        if self.check(status) {
            // SAFETY: the old study is freed once.
            unsafe { optiformer_study_free(self.study) };
            (self.study, self.trials) = (study, 0);
        }
    }

    fn ask(&mut self) {
        if self.trials >= MAX_TRIALS {
            return;
        }
        let (mut id, mut values) = (0, [0.0; MAX_PARAMETERS]);
        for count in 1..=MAX_PARAMETERS {
            // SAFETY: the study is null or lives, `count` values are writable.
            let status = unsafe {
                let (values, error) = (values.as_mut_ptr(), &mut self.error);
                optiformer_study_ask(self.study, &mut id, values, count, error)
            };
            if self.check(status) {
                self.trials += 1;
                let legal = |value: &f64| value.is_finite() || value.is_nan();
                assert!(values[..count].iter().all(legal), "{values:?}");
                return;
            }
        }
    }

    fn tell(&mut self) {
        let (id, value) = (u64::from(self.byte()), self.number());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_tell(self.study, id, value, &mut self.error) };
        self.told |= self.check(status);
    }

    fn tell_failed(&mut self) {
        let id = u64::from(self.byte());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_tell_failed(self.study, id, &mut self.error) };
        self.check(status);
    }

    fn add_trial(&mut self) {
        if self.trials >= MAX_TRIALS {
            return;
        }
        let count = self.count(MAX_PARAMETERS);
        let (values, value) = (self.numbers(count), self.number());
        // SAFETY: the study is null or lives, `count` values are readable; no id is wanted.
        let status = unsafe {
            let (id, error) = (ptr::null_mut(), &mut self.error);
            optiformer_study_add(self.study, values.as_ptr(), count, value, id, error)
        };
        if self.check(status) {
            self.trials += 1;
        }
    }

    fn enqueue(&mut self) {
        let count = self.count(MAX_PARAMETERS);
        let values = self.numbers(count);
        // SAFETY: the study is null or lives, `count` values are readable.
        let status = unsafe {
            optiformer_study_enqueue(self.study, values.as_ptr(), count, &mut self.error)
        };
        self.check(status);
    }

    fn best(&mut self) {
        let (mut id, mut value, mut values) = (0, 0.0, [0.0; MAX_PARAMETERS]);
        let count = self.count(MAX_PARAMETERS);
        // SAFETY: the study is null or lives, the places are writable.
        let status = unsafe {
            let (values, error) = (values.as_mut_ptr(), &mut self.error);
            optiformer_study_best(self.study, &mut id, values, count, &mut value, error)
        };
        if self.check(status) {
            assert!(value.is_finite());
        }
    }

    fn explain(&mut self) {
        let id = u64::from(self.byte());
        let mut out = CExplanation {
            struct_size: size_of::<CExplanation>(),
            sampler: [0; 32],
            origin: [0; 32],
            median: 0.0,
            deviation: 0.0,
            improvement: 0.0,
        };
        // SAFETY: the study is null or lives, the struct is whole.
        let status = unsafe { optiformer_study_explain(self.study, id, &mut out, &mut self.error) };
        self.check(status);
    }

    /// A suggestion without a cache, and the same with one.
    fn suggest(&mut self) {
        let (finished, count) = (self.count(6), self.count(3));
        if self.cache.is_null() {
            // SAFETY: the places live.
            let status = unsafe { optiformer_cache_new(&mut self.cache, &mut self.error) };
            assert!(self.check(status));
        }
        let plain = SuggestOptions {
            struct_size: size_of::<SuggestOptions>(),
            sampler: SAMPLERS[self.count(SAMPLERS.len() - 1)].as_ptr(),
            model: ptr::null(),
            seed: u64::from(self.byte()),
            number: u64::from(self.byte()),
            cache: ptr::null(),
        };
        let cached = SuggestOptions { cache: self.cache, ..plain };
        let history = self.numbers(finished * self.parameters);
        let losses = self.numbers(finished);
        let mut suggest = |options: SuggestOptions| {
            let mut out = vec![0.0; count * self.parameters];
            // SAFETY: the space is null or lives; the arrays have as many values as are named.
            let status = unsafe {
                optiformer_suggest(
                    self.space,
                    &options,
                    history.as_ptr(),
                    losses.as_ptr(),
                    finished,
                    ptr::null(),
                    0,
                    out.as_mut_ptr(),
                    count,
                    &mut self.error,
                )
            };
            self.check(status);
            (status, out.into_iter().map(f64::to_bits).collect::<Vec<_>>())
        };
        assert_eq!(suggest(plain), suggest(cached), "the cache changed a suggestion");
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: all are null or live, and are not used again.
        unsafe {
            optiformer_cache_free(self.cache);
            optiformer_study_free(self.study);
            optiformer_space_free(self.space);
        }
    }
}

//! Sequences of calls to the C interface, as a C program could make them.
//!
//! Pointers and lengths are true: what the header forbids is not tried. Everything else is taken
//! from the input: names, bounds, choices, conditions, options, ids, values, counts.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

use optiformer_ffi::{
    cache::*, measurements::*, space::*, status::*, stored::*, study::*, study_options::*,
    suggest::*,
};

/// Most calls, parameters and trials of one input.
const MAX_CALLS: usize = 200;
const MAX_PARAMETERS: usize = 12;
const MAX_TRIALS: usize = 60;
/// Most constraints and most objectives.
const MAX_MEASURED: usize = 3;

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
            5, sampler, 0, 7, 0, 0, // a study
        ];
        for trial in 0..trials as u8 {
            bytes.extend([6, 7, trial, 3]);
        }
        bytes.extend([8, 0, 9, 3, 1, 3, 0, 2, 10, 3, 3, 1, 3, 11, 12, 0, 13, 2, sampler, 2, 2, 2]);
        // The same with a constraint and an objective by name, each trial of which reports a value.
        bytes.extend([5, sampler, 0, 7, 1, 1, b'k', 1, 1, b'o', 0]);
        for trial in 0..trials as u8 {
            bytes.extend([6, 15, trial, 3, 2]);
            match trial % 3 {
                0 => bytes.extend([16, trial]),
                _ => bytes.extend([14, trial, 1, 3, 1, 4 - trial % 3]),
            }
        }
        bytes.extend([17, 1, 18, 3, 3, 1, 3, 1, 2, 1, 4, 19, 13, 3, 2, sampler, 7, 9, 2, 1]);
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
        match self.byte() % 20 {
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
            13 => self.suggest(),
            14 => self.tell_measured(),
            15 => self.report(),
            16 => self.tell_pruned(),
            17 => self.read_back(),
            18 => self.add_measured(),
            _ => self.restore(),
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
        let sampler = SAMPLERS[self.count(SAMPLERS.len() - 1)].as_ptr();
        let (direction, seed) = (i32::from(self.byte() % 3), u64::from(self.byte()));
        let constraint_count = self.count(MAX_MEASURED);
        let constraints: Vec<CString> = (0..constraint_count).map(|_| self.text()).collect();
        let objective_count = self.count(MAX_MEASURED);
        let objectives: Vec<CString> = (0..objective_count).map(|_| self.text()).collect();
        let directions: Vec<i32> = objectives.iter().map(|_| i32::from(self.byte() % 3)).collect();
        let pointers = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).collect()
        };
        let (constraint_names, objective_names) = (pointers(&constraints), pointers(&objectives));
        let options = StudyOptions {
            struct_size: size_of::<StudyOptions>(),
            sampler,
            direction,
            model: ptr::null(),
            seed,
            constraints: constraint_names.as_ptr(),
            constraint_count,
            objectives: objective_names.as_ptr(),
            directions: directions.as_ptr(),
            objective_count,
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

    /// Objectives and constraints.
    fn measured(&mut self) -> [Vec<f64>; 2] {
        let count = self.count(MAX_MEASURED);
        let objectives = self.numbers(count);
        let count = self.count(MAX_MEASURED);
        [objectives, self.numbers(count)]
    }

    fn tell_measured(&mut self) {
        let id = u64::from(self.byte());
        let [objectives, constraints] = self.measured();
        // SAFETY: the study is null or lives; the arrays have as many values as are named.
        let status = unsafe {
            optiformer_study_tell_measured(
                self.study,
                id,
                objectives.as_ptr(),
                objectives.len(),
                constraints.as_ptr(),
                constraints.len(),
                &mut self.error,
            )
        };
        self.told |= self.check(status);
    }

    fn add_measured(&mut self) {
        if self.trials >= MAX_TRIALS {
            return;
        }
        let count = self.count(MAX_PARAMETERS);
        let values = self.numbers(count);
        let [objectives, constraints] = self.measured();
        // SAFETY: as above; no id is wanted.
        let status = unsafe {
            optiformer_study_add_measured(
                self.study,
                values.as_ptr(),
                count,
                objectives.as_ptr(),
                objectives.len(),
                constraints.as_ptr(),
                constraints.len(),
                ptr::null_mut(),
                &mut self.error,
            )
        };
        if self.check(status) {
            self.trials += 1;
        }
    }

    fn report(&mut self) {
        let (id, step, value) = (u64::from(self.byte()), u64::from(self.byte()), self.number());
        // SAFETY: the study is null or lives.
        let status =
            unsafe { optiformer_study_report(self.study, id, step, value, &mut self.error) };
        self.check(status);
    }

    fn tell_pruned(&mut self) {
        let id = u64::from(self.byte());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_tell_pruned(self.study, id, &mut self.error) };
        self.told |= self.check(status);
    }

    /// Everything that trials measured, and a front of feasible trials.
    fn read_back(&mut self) {
        let (mut objectives, mut constraints, mut count) = (0, 0, 0);
        let id = u64::from(self.byte());
        // SAFETY: the study is null or lives, and so do the places; the columns are as long as the
        // calls before said, and are not written where such a call failed.
        unsafe {
            let (study, error) = (self.study, &raw mut self.error);
            let shape = optiformer_study_shape(
                study,
                ptr::null_mut(),
                &mut objectives,
                &mut constraints,
                error,
            );
            if !self.check(shape) {
                return;
            }
            let none = ptr::null_mut();
            let status = optiformer_study_measurements(study, none, none, 0, &mut count, error);
            assert!(self.check(status));
            let (mut measured, mut limits) =
                (vec![0.0; count * objectives], vec![0.0; count * constraints]);
            let (columns, room) = ((measured.as_mut_ptr(), limits.as_mut_ptr()), count);
            let status =
                optiformer_study_measurements(study, columns.0, columns.1, room, &mut count, error);
            assert!(self.check(status));
            assert!(measured.iter().chain(&limits).all(|number| !number.is_infinite()));
            let mut ids = vec![0; room];
            let status = optiformer_study_front(study, ids.as_mut_ptr(), room, &mut count, error);
            assert!(self.check(status));
            for id in &ids[..count] {
                let mut violation = f64::NAN;
                let status = optiformer_study_violation(study, *id, &mut violation, error);
                assert!(self.check(status) && violation == 0.0);
            }
            let (mut steps, mut values) = ([0; 256], [0.0; 256]);
            let status = optiformer_study_reports(
                study,
                id,
                steps.as_mut_ptr(),
                values.as_mut_ptr(),
                steps.len(),
                &mut count,
                error,
            );
            if self.check(status) {
                assert!(steps[..count].is_sorted_by(|one, next| one < next));
            }
        }
    }

    /// Goes on with a restored copy of the study, which has the same text.
    fn restore(&mut self) {
        let Some(text) = self.saved() else { return };
        let mut study = ptr::null_mut();
        // SAFETY: the text ends with a zero; the old study is freed once.
        unsafe {
            let status =
                optiformer_study_restore(text.as_ptr(), ptr::null(), &mut study, &mut self.error);
            assert!(self.check(status), "what was saved is not restored");
            optiformer_study_free(self.study);
        }
        self.study = study;
        assert_eq!(self.saved(), Some(text));
    }

    /// The study as a text.
    fn saved(&mut self) -> Option<CString> {
        let mut needed = 0;
        // SAFETY: the study is null or lives; the buffer is as long as the call before said.
        unsafe {
            let (none, error) = (ptr::null_mut(), &raw mut self.error);
            let status = optiformer_study_save(self.study, none, 0, &mut needed, error);
            if !self.check(status) {
                return None;
            }
            let mut buffer = vec![0_u8; needed];
            let place = buffer.as_mut_ptr().cast();
            let status = optiformer_study_save(self.study, place, needed, ptr::null_mut(), error);
            assert!(self.check(status));
            Some(CString::from_vec_with_nul(buffer).expect("a text ends with its only zero"))
        }
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
            feasibility: 0.0,
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
        let sampler = SAMPLERS[self.count(SAMPLERS.len() - 1)].as_ptr();
        let (seed, number) = (u64::from(self.byte()), u64::from(self.byte()));
        let (objective_count, constraint_count) =
            (self.count(MAX_MEASURED), self.count(MAX_MEASURED));
        let history = self.numbers(finished * self.parameters);
        let losses = self.numbers(finished * objective_count.max(1));
        let constraints = self.numbers(finished * constraint_count);
        let plain = SuggestOptions {
            struct_size: size_of::<SuggestOptions>(),
            sampler,
            model: ptr::null(),
            seed,
            number,
            cache: ptr::null(),
            objective_count,
            constraints: constraints.as_ptr(),
            constraint_count,
        };
        let cached = SuggestOptions { cache: self.cache, ..plain };
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

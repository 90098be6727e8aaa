//! Sequences of calls to the C interface, as a C program could make them.
//!
//! Lengths are true and handles live: what the header forbids is not tried. What it answers with a
//! status is: null and misaligned pointers, sizes of structs, texts that are not UTF-8. Everything
//! else is taken from the input: names, bounds, choices, conditions, options, ids, values, counts,
//! weights, texts.

mod models;
mod refused;
mod spaces;
mod stateless;
mod stored;
mod studies;

use std::{
    ffi::{CStr, CString},
    path::PathBuf,
    ptr,
};

use optiformer_ffi::{cache::*, model::*, space::*, status::*, study::*};

/// Most calls, parameters and trials of one input.
const MAX_CALLS: usize = 256;
const MAX_PARAMETERS: usize = 12;
const MAX_TRIALS: usize = 60;
/// Most constraints and most objectives.
const MAX_MEASURED: usize = 3;

/// Samplers, one of which is unknown.
const SAMPLERS: [&CStr; 12] = [
    c"random",
    c"grid:points=2,order=given",
    c"grid:points=0",
    c"sobol",
    c"tpe",
    c"local_search",
    c"cma_es",
    c"no such sampler",
    c"gp",
    c"grid",
    c"auto",
    c"optiformer",
];
/// From which sampler on they take a model. Without one they would use the built-in weights, which
/// are too slow for a fuzz target.
const FIRST_WITH_MODEL: usize = 10;

/// Pruners, one of which is unknown.
const PRUNERS: [&CStr; 5] = [
    c"median",
    c"asha:factor=2",
    c"hyperband:max=9",
    c"patient:1:percentile:25",
    c"no such pruner",
];

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
        model: ptr::null_mut(),
        space: ptr::null_mut(),
        study: ptr::null_mut(),
        sampler: 0,
        file: None,
        cache: ptr::null_mut(),
        parameters: 0,
        trials: 0,
        told: false,
        // The error struct is written by the library alone.
        error: CError { struct_size: size_of::<CError>(), status: 0, message: [0; MESSAGE_LENGTH] },
    };
    session.load_model(&models::WEIGHTS);
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
    let samplers = 0..SAMPLERS.len() as u8;
    samplers
        .filter(|sampler| {
            ![c"no such sampler", c"grid:points=0"].contains(&SAMPLERS[usize::from(*sampler)])
        })
        .map(seed)
        .collect()
}

/// Every call at least once, most of which succeed.
fn seed(sampler: u8) -> Vec<u8> {
    const TRIALS: u8 = 16;
    #[rustfmt::skip]
    let mut bytes = vec![
        0, // a space
        1, 1, b'x', 0, 2, 0, 0, // a float from 0 to 1
        3, 1, b'c', 2, 1, b'a', 1, b'b', // two choices
        2, 1, b'n', 1, 0, 9, 0, 0, 1, // an int from 1 to 9
        4, 1, b'n', 1, b'c', 1, 0, // n is active for the first choice
        20, 21, 0, // the space as a text, and back
        22, 2, 200, 3, 7, 250, 9, 1, 0, 23, // damaged weights
        5, sampler, 0, 0, 7, 0, 0, 200, // a study without a pruner
    ];
    for trial in 0..TRIALS {
        bytes.extend([6, 7, trial, 20, trial.wrapping_mul(37)]);
    }
    bytes.extend([8, 0, 9, 3, 3, 2, 12, 2, 10, 3, 3, 0, 5, 11, 3, 12, 0, 24, 6, 26, 16]);
    // A suggestion and an order, from two finished trials and a pending one.
    let trials = [2, 1, sampler, 0, 2, 2, 1, 0, 3, 2, 12, 3, 0, 2, 2, 3, 2, 2, 12];
    bytes.extend([13].iter().chain(&trials).chain(&[1]));
    bytes.extend([25, 2].iter().chain(&trials).chain(&[0, 2, 12, 3, 0, 5]));
    // The same with a constraint, an objective by name and a pruner; each trial reports a value.
    bytes.extend([5, sampler, 0, 0, 7, 1, 1, b'k', 1, 1, b'o', 0, 0]);
    for trial in 0..TRIALS {
        bytes.extend([6, 15, trial, 3, 2, 29, trial, 3]);
        match trial % 3 {
            0 => bytes.extend([16, trial]),
            _ => bytes.extend([14, trial, 1, 20, trial.wrapping_mul(37), 1, 4 - trial % 3]),
        }
    }
    bytes.extend([17, 1, 18, 3, 3, 2, 12, 1, 3, 1, 4, 6, 27, 19, 6, 24]);
    // A study in a file, continued.
    bytes.extend([28, 0, sampler, 0, 0, 7, 0, 0, 200, 6, 7, 0, 3, 6, 28, 1, 6, 7, 1, 2, 24]);
    bytes.extend([30, 1, b'n']);
    (0..70).for_each(|call| bytes.extend([31, call]));
    bytes
}

struct Session<'a> {
    data: &'a [u8],
    /// The latest weights that were accepted; a small model at first.
    model: *mut ModelHandle,
    space: *mut SpaceHandle,
    study: *mut StudyHandle,
    /// The study's sampler.
    sampler: usize,
    /// The file of a study, once there is one.
    file: Option<PathBuf>,
    /// Made by the first call without a study.
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
        let message = self.message().to_str().expect("messages are UTF-8");
        assert_eq!(message.is_empty(), status == 0, "status {status} with \"{message}\"");
        status == 0
    }

    fn call(&mut self) {
        match self.byte() % 32 {
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
            19 => self.restore(),
            20 => self.space_texts(),
            21 => self.space_from_json(),
            22 => self.damaged_model(),
            23 => self.describe_model(),
            24 => self.trials(),
            25 => self.choose(),
            26 => self.abandon(),
            27 => self.offer_pending(),
            28 => self.open(),
            29 => self.pruning(),
            30 => self.set_fidelity(),
            _ => self.refused(),
        }
    }

    /// A sampler's number, its name, and a model, mostly where it takes one.
    fn sampler(&mut self) -> (usize, *const std::ffi::c_char, *const ModelHandle) {
        let sampler = self.count(SAMPLERS.len() - 1);
        let is_odd = self.byte() % 16 == 15;
        let is_given = sampler >= FIRST_WITH_MODEL || is_odd;
        let model = if is_given { self.model.cast_const() } else { ptr::null() };
        (sampler, SAMPLERS[sampler].as_ptr(), model)
    }

    /// What a function writes as a text: first its length, then the text; a buffer of one byte less
    /// is refused. `None` where the function fails.
    fn written(
        &mut self,
        write: impl Fn(*mut std::ffi::c_char, usize, *mut usize, *mut CError) -> i32,
    ) -> Option<CString> {
        let (mut needed, mut again) = (0, 0);
        let status = write(ptr::null_mut(), 0, &mut needed, &mut self.error);
        if !self.check(status) {
            return None;
        }
        let mut buffer = vec![1_u8; needed];
        let place = buffer.as_mut_ptr().cast();
        let status = write(place, needed - 1, &mut again, &mut self.error);
        self.expect(status, Status::BufferTooSmall);
        assert!(needed == again && buffer.iter().all(|byte| *byte == 1));
        let status = write(place, needed, ptr::null_mut(), &mut self.error);
        assert!(self.check(status));
        Some(CString::from_vec_with_nul(buffer).expect("a text ends with its only zero"))
    }

    /// Checks that a call failed as it should.
    fn expect(&self, status: i32, expected: Status) {
        self.check(status);
        assert_eq!(status, expected as i32, "{:?}", self.message());
    }

    fn message(&self) -> &CStr {
        // SAFETY: the library ends the message with a zero.
        unsafe { CStr::from_ptr(self.error.message.as_ptr()) }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: all are null or live, and are not used again.
        unsafe {
            optiformer_cache_free(self.cache);
            optiformer_study_free(self.study);
            optiformer_space_free(self.space);
            optiformer_model_free(self.model);
        }
        if let Some(file) = &self.file {
            // It is gone already where it was never created.
            let _ = std::fs::remove_file(file);
        }
    }
}

//! Calls that the header promises to refuse: pointers that are null or misaligned, sizes that no
//! struct and no array has, texts that are not UTF-8.

use std::{
    ffi::{CStr, c_char},
    mem::offset_of,
    ptr,
};

use optiformer_ffi::{
    cache::*, measurements::*, model::*, optiformer_status_name, optiformer_version,
    optiformer_version_string, space::*, status::*, stored::*, study::*, study_options::*,
    suggest::*,
};

use super::Session;

/// A place that nothing can be at: whatever has more than one byte is misaligned there.
fn misaligned<T>() -> *mut T {
    ptr::without_provenance_mut(9)
}

/// A text that is not UTF-8.
const NO_UTF8: *const c_char = c"\xff\xfe".as_ptr();
const NAME: *const c_char = c"name".as_ptr();
/// A length that no array can have.
const ENDLESS: usize = usize::MAX / 2;

use Status::{
    InvalidJournal, InvalidSpace, InvalidText, InvalidValue, Io, NullPointer, Ok, Unsupported,
};

impl Session<'_> {
    /// One of the calls, chosen by the input. No call writes an output.
    pub(super) fn refused(&mut self) {
        let call = usize::from(self.byte());
        match call % 7 {
            0 => self.refused_models(call / 7),
            1 => self.refused_spaces(call / 7),
            2 => self.refused_studies(call / 7),
            3 => self.refused_readings(call / 7),
            4 => self.refused_suggestions(call / 7),
            5 => self.sizes(call / 7),
            _ => self.error_structs(call / 7),
        }
    }

    fn refused_models(&mut self, call: usize) {
        let mut out = ptr::null_mut();
        let (none, error) = (ptr::null_mut(), &raw mut self.error);
        let bytes = [0_u8; 16];
        // SAFETY: what is not null lives or is refused before it is read, here and in the functions
        // below.
        let (status, expected) = unsafe {
            let from_bytes = optiformer_model_from_bytes;
            match call % 10 {
                0 => (optiformer_model_open(ptr::null(), &mut out, error), NullPointer),
                1 => (optiformer_model_open(NO_UTF8, &mut out, error), InvalidText),
                2 => (optiformer_model_open(c"no/such".as_ptr(), &mut out, error), Io),
                3 => (optiformer_model_open(NAME, none, error), NullPointer),
                4 => (from_bytes(ptr::null(), 5, &mut out, error), NullPointer),
                5 => (from_bytes(bytes.as_ptr(), usize::MAX, &mut out, error), InvalidValue),
                6 => (from_bytes(bytes.as_ptr(), 16, misaligned(), error), InvalidValue),
                7 => (optiformer_model_builtin(none, error), NullPointer),
                8 => {
                    let text = optiformer_model_description;
                    (text(misaligned(), none.cast(), 0, none.cast(), error), InvalidValue)
                }
                _ => {
                    let text = optiformer_model_description;
                    (text(self.model, none.cast(), 0, none.cast(), error), NullPointer)
                }
            }
        };
        self.expect(status, expected);
        assert!(out.is_null(), "a failed call wrote its output");
    }

    fn refused_spaces(&mut self, call: usize) {
        let (space, mut out) = (self.space, ptr::null_mut());
        let error = &raw mut self.error;
        let texts = [NAME, ptr::null()];
        // SAFETY: as above.
        let (status, expected) = unsafe {
            match call % 10 {
                0 => (optiformer_space_new(misaligned(), error), InvalidValue),
                1 => (optiformer_space_from_json(ptr::null(), &mut out, error), NullPointer),
                2 => (optiformer_space_from_json(NO_UTF8, &mut out, error), InvalidText),
                3 => {
                    let add = optiformer_space_add_float;
                    (add(misaligned(), NAME, 0.0, 1.0, 0, 0.0, error), InvalidValue)
                }
                4 => {
                    let add = optiformer_space_add_int;
                    (add(space, ptr::null(), 0, 1, 0, 1, error), NullPointer)
                }
                5 => {
                    let add = optiformer_space_add_categorical;
                    (add(space, NAME, texts.as_ptr(), 2, error), NullPointer)
                }
                6 => {
                    let add = optiformer_space_add_categorical;
                    let status = add(space, NAME, texts.as_ptr(), ENDLESS, error);
                    (status, if space.is_null() { NullPointer } else { InvalidValue })
                }
                7 => {
                    let set = optiformer_space_set_condition;
                    (set(space, NAME, ptr::null(), ptr::null(), 0, error), NullPointer)
                }
                8 => {
                    let name = optiformer_space_name;
                    (name(ptr::null(), 0, ptr::null_mut(), 0, &mut 0, error), NullPointer)
                }
                _ => {
                    let json = optiformer_space_to_json;
                    (json(misaligned(), ptr::null_mut(), 0, &mut 0, error), InvalidValue)
                }
            }
        };
        self.expect(status, expected);
        assert!(out.is_null(), "a failed call wrote its output");
    }

    fn refused_studies(&mut self, call: usize) {
        let (study, error) = (self.study, &raw mut self.error);
        let (mut count, mut id, mut value) = (0, 0_u64, 0.5);
        let mut out = ptr::null_mut();
        let (nowhere, none) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as above.
        let (status, expected) = unsafe {
            optiformer_study_shape(study, &mut count, none, none, error);
            // Without a study its own pointer is refused first.
            let of_study = |status| if study.is_null() { NullPointer } else { status };
            match call % 13 {
                0 => {
                    (optiformer_study_new(misaligned(), none.cast(), &mut out, error), InvalidValue)
                }
                1 => (optiformer_study_new(ptr::null(), none.cast(), &mut out, error), NullPointer),
                2 => (
                    optiformer_study_ask(study, none.cast(), &mut value, count, error),
                    NullPointer,
                ),
                3 => (optiformer_study_ask(study, &mut id, nowhere, count, error), NullPointer),
                4 => {
                    let status = optiformer_study_ask(study, &mut id, misaligned(), count, error);
                    (status, of_study(InvalidValue))
                }
                5 => (optiformer_study_tell(ptr::null_mut(), 0, 1.0, error), NullPointer),
                6 => (optiformer_study_report(misaligned(), 0, 0, 1.0, error), InvalidValue),
                7 => {
                    let status =
                        optiformer_study_add(study, &value, count + 1, 1.0, &mut id, error);
                    (status, of_study(InvalidValue))
                }
                8 => (optiformer_study_enqueue(study, ptr::null(), count, error), NullPointer),
                9 => {
                    let add = optiformer_study_add_measured;
                    let (empty, id) = (ptr::null(), ptr::null_mut());
                    (add(study, empty, count, empty, 1, empty, 0, id, error), NullPointer)
                }
                10 => (
                    optiformer_study_restore(ptr::null(), none.cast(), &mut out, error),
                    NullPointer,
                ),
                11 => {
                    (optiformer_study_restore(NAME, none.cast(), &mut out, error), InvalidJournal)
                }
                _ => {
                    let open = optiformer_study_open;
                    let path = c"/no/such/folder/study".as_ptr();
                    (open(path, ptr::null(), ptr::null(), &mut out, error), Io)
                }
            }
        };
        self.expect(status, expected);
        assert!(out.is_null() && id == 0 && value == 0.5, "a failed call wrote its output");
    }

    fn refused_readings(&mut self, call: usize) {
        let (study, error) = (self.study, &raw mut self.error);
        let (nowhere, none) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as above.
        let (status, expected) = unsafe {
            let of_study = |status| if study.is_null() { NullPointer } else { status };
            match call % 9 {
                0 => (optiformer_study_front(study, none, 0, ptr::null_mut(), error), NullPointer),
                1 => {
                    let trials = optiformer_study_trials;
                    let columns = (none, ptr::null_mut(), nowhere, nowhere);
                    let (ids, states, values, objectives) = columns;
                    let count = ptr::null_mut();
                    (trials(study, ids, states, values, objectives, 0, count, error), NullPointer)
                }
                2 => (optiformer_study_violation(study, 0, nowhere, error), NullPointer),
                3 => (optiformer_study_explain(study, 0, ptr::null_mut(), error), NullPointer),
                4 => {
                    let status = optiformer_study_explain(study, 0, misaligned(), error);
                    (status, of_study(InvalidValue))
                }
                5 => {
                    let counts = optiformer_study_counts;
                    let status = counts(study, misaligned(), misaligned(), misaligned(), error);
                    (status, of_study(InvalidValue))
                }
                6 => {
                    let save = optiformer_study_save;
                    (save(study, ptr::null_mut(), 0, ptr::null_mut(), error), NullPointer)
                }
                7 => (optiformer_study_space(study, ptr::null_mut(), error), NullPointer),
                _ => {
                    let best = optiformer_study_best;
                    (best(misaligned(), none, nowhere, 0, nowhere, error), InvalidValue)
                }
            }
        };
        self.expect(status, expected);
    }

    fn refused_suggestions(&mut self, call: usize) {
        let (space, error) = (self.space, &raw mut self.error);
        let no_options = ptr::null();
        let nothing = ptr::null();
        let (mut out, number) = ([0.25; 16], [0.5; 16]);
        let of_space = |status| match self.parameters {
            _ if space.is_null() => NullPointer,
            0 => InvalidSpace,
            _ => status,
        };
        // SAFETY: as above; arrays of one row are as long as the space is wide.
        let (status, expected) = unsafe {
            let suggest = |history, losses, finished, pending, waiting, out, count| {
                optiformer_suggest(
                    space, no_options, history, losses, finished, pending, waiting, out, count,
                    error,
                )
            };
            let choose = |candidates, count, order, ratings| {
                optiformer_choose(
                    space, no_options, nothing, nothing, 0, nothing, 0, candidates, count, order,
                    ratings, error,
                )
            };
            let (values, out, here) = (number.as_ptr(), out.as_mut_ptr(), ptr::null_mut());
            match call % 9 {
                0 => (suggest(nothing, values, 1, nothing, 0, out, 1), of_space(NullPointer)),
                1 => (suggest(values, nothing, 1, nothing, 0, out, 1), of_space(NullPointer)),
                2 => (suggest(nothing, nothing, 0, nothing, 1, out, 1), of_space(NullPointer)),
                3 => (suggest(nothing, nothing, 0, nothing, 0, here, 1), of_space(NullPointer)),
                4 => (suggest(values, values, ENDLESS, nothing, 0, out, 1), of_space(InvalidValue)),
                5 => {
                    (suggest(nothing, nothing, 0, nothing, 0, out, ENDLESS), of_space(InvalidValue))
                }
                6 => (choose(nothing, 1, &mut 0, out), of_space(NullPointer)),
                7 => (choose(values, ENDLESS, &mut 0, out), of_space(InvalidValue)),
                _ => (choose(values, 1, misaligned(), out), of_space(InvalidValue)),
            }
        };
        self.expect(status, expected);
        assert_eq!(out, [0.25; 16], "a failed call wrote its output");
    }

    /// Structs of any size, with a field that no version knows.
    fn sizes(&mut self, call: usize) {
        let mut words = [0_usize; 520];
        words[0] = [0, 8, 32, 39, 40, 48, 80, 81, 88, 96, 2048, 4096, 4104, usize::MAX][call % 14];
        let is_newer = self.byte() % 2 == 1;
        words[11] = usize::from(is_newer);
        let size = words[0];
        let first = offset_of!(StudyOptions, seed) + 8;
        let is_size = (first..=4096).contains(&size) && size % align_of::<usize>() == 0;
        let expected = match self.parameters {
            _ if self.space.is_null() => NullPointer,
            0 => InvalidSpace,
            _ if !is_size => InvalidValue,
            _ if is_newer && size >= 96 => Unsupported,
            _ => Ok,
        };
        let mut study = ptr::null_mut();
        // SAFETY: 4096 bytes and more are readable, and any of them are no sampler, no model and no
        // names. The study is freed once.
        let status = unsafe {
            let options = words.as_ptr().cast();
            let status = optiformer_study_new(self.space, options, &mut study, &mut self.error);
            optiformer_study_free(study);
            status
        };
        self.expect(status, expected);
        let mut out = [7_usize; 18];
        out[0] = size.min(size_of_val(&out));
        let known = (out[0] / 8).min(size_of::<CExplanation>() / 8);
        // SAFETY: the study is null or lives, and the place is as large as it says.
        let status = unsafe {
            optiformer_study_explain(self.study, 0, out.as_mut_ptr().cast(), &mut self.error)
        };
        self.check(status);
        assert!(out[known.max(1)..].iter().all(|word| *word == 7), "written beyond the struct");
    }

    /// Error structs of any size, of which no more than the size is written.
    fn error_structs(&mut self, call: usize) {
        let sizes = [0, 7, 8, 12, 13, 14, 20, 100, size_of::<CError>(), 600, 1 << 20, usize::MAX];
        let size = sizes[call % sizes.len()];
        let mut bytes = [usize::MAX; 80];
        bytes[0] = size;
        // SAFETY: the struct has as many bytes as it says, or as any version writes.
        let status = unsafe { optiformer_space_new(ptr::null_mut(), bytes.as_mut_ptr().cast()) };
        assert_eq!(status, NullPointer as i32);
        // SAFETY: an array of words is one of bytes.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), 640) };
        let written = size.clamp(8, size_of::<CError>());
        assert!(bytes[written..].iter().all(|byte| *byte == 255), "written beyond {size} bytes");
        if size > 12 {
            let message = &bytes[12..written];
            assert!(CStr::from_bytes_until_nul(message).is_ok(), "{message:?} has no end");
        }
        // SAFETY: null is allowed everywhere here; the texts are static.
        unsafe {
            assert_eq!(
                optiformer_space_new(ptr::null_mut(), misaligned()),
                NullPointer as i32,
                "a misaligned error struct is left alone"
            );
            optiformer_model_free(ptr::null_mut());
            optiformer_space_free(ptr::null_mut());
            optiformer_study_free(ptr::null_mut());
            optiformer_cache_free(ptr::null_mut());
            assert_eq!(optiformer_space_count(ptr::null()), 0);
            let name = CStr::from_ptr(optiformer_status_name(call as i32 - 8));
            assert!(!name.is_empty());
            assert!(!CStr::from_ptr(optiformer_version_string()).is_empty());
            assert!(optiformer_version() > 0);
        }
    }
}

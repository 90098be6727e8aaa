//! Calls that read a study, save it and restore it.

use std::{
    ffi::CString,
    path::{Path, PathBuf},
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use optiformer_ffi::{
    measurements::*, pruning::*, space::*, status::Status, stored::*, study::*,
    study_options::StudyOptions,
};

use super::{FIRST_WITH_MODEL, Session};

/// The state of a pruned trial.
const PRUNED: i32 = 3;

impl Session<'_> {
    /// Everything that trials measured, and a front of feasible trials.
    pub(super) fn read_back(&mut self) {
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

    /// All trials, beside the numbers of trials in each state; what describes the study; a copy of
    /// its space.
    pub(super) fn trials(&mut self) {
        let (study, mut shape, mut states) = (self.study, 0, [0; 3]);
        let mut count = 0;
        // SAFETY: the study is null or lives, and so do the places; the columns are as long as the
        // calls before said. The copy of the space is freed once.
        unsafe {
            let (none, error) = (ptr::null_mut(), &raw mut self.error);
            let status = optiformer_study_shape(study, &mut shape, none, none, error);
            if !self.check(status) {
                return;
            }
            let [finished, failed, pending] = &mut states;
            let status = optiformer_study_counts(study, finished, failed, pending, error);
            assert!(self.check(status));
            let mut pruned = 0;
            let status = optiformer_study_state_count(study, PRUNED, &mut pruned, error);
            assert!(self.check(status));
            let trials = states.iter().sum::<usize>() + pruned;
            let (mut ids, mut codes) = (vec![0; trials], vec![0; trials]);
            let (mut values, mut objectives) = (vec![0.0; trials * shape], vec![0.0; trials]);
            let columns = (ids.as_mut_ptr(), codes.as_mut_ptr(), values.as_mut_ptr());
            let (ids_at, codes_at, values_at) = columns;
            let objectives_at = objectives.as_mut_ptr();
            let mut read = |capacity, error| {
                optiformer_study_trials(
                    study,
                    ids_at,
                    codes_at,
                    values_at,
                    objectives_at,
                    capacity,
                    &mut count,
                    error,
                )
            };
            if trials > 0 {
                let status = read(trials - 1, error);
                self.expect(status, Status::BufferTooSmall);
            }
            let status = read(trials, error);
            assert!(self.check(status) && count == trials);
            assert!(ids.is_sorted_by(|one, next| one < next));
            let with = |code| codes.iter().filter(|it| **it == code).count();
            assert_eq!([with(1), with(2), with(0)], states);
            assert_eq!(with(PRUNED), pruned);
            for (code, objective) in codes.iter().zip(&objectives) {
                assert_eq!(objective.is_finite(), *code == 1);
            }
            let mut space = ptr::null_mut();
            let status = optiformer_study_space(study, &mut space, error);
            assert!(self.check(status) && optiformer_space_count(space) == shape);
            optiformer_space_free(space);
        }
        // SAFETY: the study lives; the buffer is as long as it is said to be.
        let text = self.written(|buffer, capacity, needed, error| unsafe {
            optiformer_study_description(study, buffer, capacity, needed, error)
        });
        assert!(text.is_some());
    }

    pub(super) fn abandon(&mut self) {
        let id = u64::from(self.byte());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_abandon(self.study, id, &mut self.error) };
        self.check(status);
    }

    pub(super) fn offer_pending(&mut self) {
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_offer_pending(self.study, &mut self.error) };
        self.check(status);
    }

    /// Opens the study's file: as a study of the input, or as what the file has; for the first or
    /// after the study that had it open was freed, or, which is refused, beside it.
    pub(super) fn open(&mut self) {
        let file = self.file.get_or_insert_with(new_file);
        let path = file.to_str().expect("the path is UTF-8");
        let path = CString::new(path).expect("the path has no zero");
        let (kind, mut study) = (self.byte() % 4, ptr::null_mut());
        if kind == 0 {
            let (sampler, status) = self.with_options(|session, options| {
                let (space, error) = (session.space, &raw mut session.error);
                // SAFETY: text and places live, the space is null or lives, the options are whole.
                unsafe { optiformer_study_open(path.as_ptr(), space, options, &mut study, error) }
            });
            if self.check(status) {
                self.replace_study(study, sampler);
            }
            return;
        }
        if kind == 1 {
            // SAFETY: the study is null or lives, and is freed once.
            unsafe { optiformer_study_free(self.study) };
            (self.study, self.trials) = (ptr::null_mut(), 0);
        }
        let model = if self.sampler >= FIRST_WITH_MODEL { self.model } else { ptr::null_mut() };
        let options = StudyOptions {
            struct_size: size_of::<StudyOptions>(),
            direction: 0,
            sampler: ptr::null(),
            model,
            seed: 0,
            constraints: ptr::null(),
            constraint_count: 0,
            objectives: ptr::null(),
            directions: ptr::null(),
            objective_count: 0,
            pruner: ptr::null(),
        };
        let space = ptr::null();
        // SAFETY: text, options and places live.
        let status = unsafe {
            optiformer_study_open(path.as_ptr(), space, &options, &mut study, &mut self.error)
        };
        if self.check(status) {
            self.replace_study(study, self.sampler);
        }
    }

    /// Goes on with a restored copy of the study, which has the same text.
    pub(super) fn restore(&mut self) {
        let Some(text) = self.saved() else { return };
        let model = if self.sampler >= FIRST_WITH_MODEL { self.model } else { ptr::null_mut() };
        let mut study = ptr::null_mut();
        // SAFETY: the text ends with a zero.
        unsafe {
            let status =
                optiformer_study_restore(text.as_ptr(), model, &mut study, &mut self.error);
            assert!(self.check(status), "what was saved is not restored");
        }
        self.replace_study(study, self.sampler);
        assert_eq!(self.saved(), Some(text));
    }

    /// The study as a text.
    fn saved(&mut self) -> Option<CString> {
        let study = self.study;
        // SAFETY: the study is null or lives; the buffer is as long as it is said to be.
        self.written(|buffer, capacity, needed, error| unsafe {
            optiformer_study_save(study, buffer, capacity, needed, error)
        })
    }
}

/// A path that no other input has, in memory where the machine has such a folder.
fn new_file() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("optiformer-fuzz-{}-{number}.jsonl", std::process::id()))
}

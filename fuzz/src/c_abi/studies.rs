//! Calls that make a study, ask it and tell it.

use std::{
    ffi::{CString, c_char},
    ptr,
};

use optiformer_ffi::{measurements::*, pruning::*, study::*, study_options::*};

use super::{MAX_MEASURED, MAX_PARAMETERS, MAX_TRIALS, PRUNERS, Session};

impl Session<'_> {
    pub(super) fn new_study(&mut self) {
        let mut study = ptr::null_mut();
        let (sampler, status) = self.with_options(|session, options| {
            // SAFETY: the space is null or lives, the options are whole, the places live.
            unsafe { optiformer_study_new(session.space, options, &mut study, &mut session.error) }
        });
        if self.check(status) {
            self.replace_study(study, sampler);
        }
    }

    /// Goes on with another study.
    pub(super) fn replace_study(&mut self, study: *mut StudyHandle, sampler: usize) {
        let mut trials = [0; 4];
        // SAFETY: the old study is freed once, the new one lives, and so do the places.
        unsafe {
            optiformer_study_free(self.study);
            for (state, count) in trials.iter_mut().enumerate() {
                optiformer_study_state_count(study, state as i32, count, ptr::null_mut());
            }
        }
        (self.study, self.sampler, self.trials) = (study, sampler, trials.iter().sum());
    }

    /// Calls `call` with options of the input; returns the sampler's number, and what it returns.
    pub(super) fn with_options(
        &mut self,
        call: impl FnOnce(&mut Self, &StudyOptions) -> i32,
    ) -> (usize, i32) {
        let (number, sampler, model) = self.sampler();
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
        // Mostly none, because a pruned study has one objective.
        let pruner = PRUNERS.get(usize::from(self.byte())).copied();
        let options = StudyOptions {
            struct_size: size_of::<StudyOptions>(),
            sampler,
            direction,
            model,
            seed,
            constraints: constraint_names.as_ptr(),
            constraint_count,
            objectives: objective_names.as_ptr(),
            directions: directions.as_ptr(),
            objective_count,
            pruner: pruner.map_or(ptr::null(), |text| text.as_ptr()),
        };
        (number, call(self, &options))
    }

    pub(super) fn ask(&mut self) {
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

    pub(super) fn tell(&mut self) {
        let (id, value) = (u64::from(self.byte()), self.number());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_tell(self.study, id, value, &mut self.error) };
        self.told |= self.check(status);
    }

    pub(super) fn tell_failed(&mut self) {
        let id = u64::from(self.byte());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_tell_failed(self.study, id, &mut self.error) };
        self.check(status);
    }

    pub(super) fn tell_pruned(&mut self) {
        let id = u64::from(self.byte());
        // SAFETY: the study is null or lives.
        let status = unsafe { optiformer_study_tell_pruned(self.study, id, &mut self.error) };
        self.told |= self.check(status);
    }

    /// Objectives and constraints.
    fn measured(&mut self) -> [Vec<f64>; 2] {
        let count = self.count(MAX_MEASURED);
        let objectives = self.numbers(count);
        let count = self.count(MAX_MEASURED);
        [objectives, self.numbers(count)]
    }

    pub(super) fn tell_measured(&mut self) {
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

    pub(super) fn report(&mut self) {
        let (id, step, value) = (u64::from(self.byte()), u64::from(self.byte()), self.number());
        // SAFETY: the study is null or lives.
        let status =
            unsafe { optiformer_study_report(self.study, id, step, value, &mut self.error) };
        self.check(status);
    }

    /// Whether a trial would be pruned, which it continues, and how many are in a state.
    pub(super) fn pruning(&mut self) {
        let (id, state) = (u64::from(self.byte()), i32::from(self.byte() % 6) - 1);
        let (mut stops, mut source, mut count) = (2, 0, 0);
        // SAFETY: the study is null or lives, the places are writable, here and below.
        let status =
            unsafe { optiformer_study_should_stop(self.study, id, &mut stops, &mut self.error) };
        assert!(!self.check(status) || (0..2).contains(&stops));
        // SAFETY: as above.
        let status =
            unsafe { optiformer_study_promoted_from(self.study, id, &mut source, &mut self.error) };
        assert!(!self.check(status) || source < id);
        // SAFETY: as above.
        let status =
            unsafe { optiformer_study_state_count(self.study, state, &mut count, &mut self.error) };
        assert!(!self.check(status) || count <= self.trials);
    }

    pub(super) fn add_trial(&mut self) {
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

    pub(super) fn add_measured(&mut self) {
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

    pub(super) fn enqueue(&mut self) {
        let count = self.count(MAX_PARAMETERS);
        let values = self.numbers(count);
        // SAFETY: the study is null or lives, `count` values are readable.
        let status = unsafe {
            optiformer_study_enqueue(self.study, values.as_ptr(), count, &mut self.error)
        };
        self.check(status);
    }

    pub(super) fn best(&mut self) {
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

    pub(super) fn explain(&mut self) {
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
}

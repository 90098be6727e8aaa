//! Threads that share a model, a space, a cache and a study in the ways that the header allows.
//!
//! Every answer is compared with that of one thread. `tests/scripts/check_sanitizers.sh` runs this
//! under ThreadSanitizer, which also sees what gives the right answer by luck.

use std::{
    ffi::{CStr, CString},
    ptr,
    sync::{Arc, Barrier},
    thread,
};

use optiformer::{
    model::{Config, Metadata, Model, Precision, Weights},
    samplers::{OptiFormerOptions, OptiFormerSampler, Request, Sampler},
    space::{Configuration, Parameter, Space},
    trial::Observation,
};
use optiformer_ffi::{
    cache::*, model::*, space::*, stored::*, study::*, study_options::*, suggest::*,
};

const THREADS: usize = 4;
const TRIALS: usize = 10;

/// The handles that all threads use.
#[derive(Clone, Copy)]
struct Shared {
    model: *const ModelHandle,
    space: *const SpaceHandle,
    cache: *const CacheHandle,
    study: *const StudyHandle,
}

// SAFETY: the test passes these to functions that take them as `const` alone, which any number of
// threads may call.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

fn small_model() -> Vec<u8> {
    let config = Config {
        hidden_size: 8,
        layers: 1,
        heads: 2,
        feed_forward_size: 12,
        slots: 8,
        value_features: 5,
        ..Config::pico()
    };
    let weights = Weights::random(&config, 3);
    weights.to_bytes(&config, &Metadata::default(), Precision::Int8).unwrap()
}

fn objective(row: &[f64]) -> f64 {
    (row[0] - 0.3).powi(2) + (row[1] - 0.6).powi(2)
}

/// A study of the stateless interface; `None` for a cache of its own.
fn suggested(shared: Shared, cache: *const CacheHandle, sampler: &CStr, seed: u64) -> Vec<f64> {
    let takes_model = sampler == c"optiformer" || sampler == c"auto";
    let (mut rows, mut losses) = (Vec::new(), Vec::new());
    for number in 0..TRIALS as u64 {
        let options = SuggestOptions {
            struct_size: size_of::<SuggestOptions>(),
            sampler: sampler.as_ptr(),
            model: if takes_model { shared.model } else { ptr::null() },
            seed,
            number,
            cache,
            objective_count: 0,
            constraints: ptr::null(),
            constraint_count: 0,
        };
        let mut out = [0.0; 2];
        // SAFETY: the handles live, the arrays have as many values as are named.
        let status = unsafe {
            optiformer_suggest(
                shared.space,
                &options,
                rows.as_ptr(),
                losses.as_ptr(),
                losses.len(),
                ptr::null(),
                0,
                out.as_mut_ptr(),
                1,
                ptr::null_mut(),
            )
        };
        assert_eq!(status, 0);
        rows.extend(out);
        losses.push(objective(&out));
    }
    rows
}

/// A study of its own, as the text that it is saved as.
fn studied(shared: Shared, seed: u64) -> CString {
    let options = StudyOptions {
        struct_size: size_of::<StudyOptions>(),
        direction: 0,
        sampler: c"auto".as_ptr(),
        model: shared.model,
        seed,
        constraints: ptr::null(),
        constraint_count: 0,
        objectives: ptr::null(),
        directions: ptr::null(),
        objective_count: 0,
        pruner: ptr::null(),
    };
    let (mut study, none) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the handles live, and the study is freed once; the places are large enough.
    unsafe {
        assert_eq!(optiformer_study_new(shared.space, &options, &mut study, none), 0);
        for _ in 0..TRIALS {
            let (mut id, mut row) = (0, [0.0; 2]);
            assert_eq!(optiformer_study_ask(study, &mut id, row.as_mut_ptr(), 2, none), 0);
            assert_eq!(optiformer_study_tell(study, id, objective(&row), none), 0);
        }
        let text = saved(study);
        optiformer_study_free(study);
        text
    }
}

/// # Safety
///
/// The study lives.
unsafe fn saved(study: *const StudyHandle) -> CString {
    let (mut needed, none) = (0, ptr::null_mut());
    // SAFETY: the caller vouches for the study; the buffer is as long as the first call said.
    unsafe {
        assert_eq!(optiformer_study_save(study, ptr::null_mut(), 0, &mut needed, none), 0);
        let mut buffer = vec![0_u8; needed];
        let place = buffer.as_mut_ptr().cast();
        assert_eq!(optiformer_study_save(study, place, needed, ptr::null_mut(), none), 0);
        CString::from_vec_with_nul(buffer).unwrap()
    }
}

/// The best trial of a study, read as any thread may.
fn best(shared: Shared) -> (u64, f64) {
    let (mut id, mut row, mut value) = (0, [0.0; 2], 0.0);
    // SAFETY: the study lives, nobody changes it, and the places are writable.
    let status = unsafe {
        let (row, none) = (row.as_mut_ptr(), ptr::null_mut());
        optiformer_study_best(shared.study, &mut id, row, 2, &mut value, none)
    };
    assert_eq!(status, 0);
    (id, value)
}

#[test]
fn threads_that_share_handles_get_the_answers_of_one_thread() {
    let bytes = small_model();
    let none = ptr::null_mut();
    let (mut model, mut space) = (ptr::null_mut(), ptr::null_mut());
    let (mut cache, mut study) = (ptr::null_mut(), ptr::null_mut());
    let (x, y) = (c"x".as_ptr(), c"y".as_ptr());
    // SAFETY: the places and the texts live.
    unsafe {
        assert_eq!(optiformer_model_from_bytes(bytes.as_ptr(), bytes.len(), &mut model, none), 0);
        assert_eq!(optiformer_space_new(&mut space, none), 0);
        assert_eq!(optiformer_space_add_float(space, x, 0.0, 1.0, 0, 0.0, none), 0);
        assert_eq!(optiformer_space_add_float(space, y, 0.0, 1.0, 0, 0.0, none), 0);
        assert_eq!(optiformer_cache_new(&mut cache, none), 0);
    }
    let mut shared = Shared { model, space, cache, study: ptr::null() };
    let texts: Vec<CString> = (0..THREADS as u64).map(|seed| studied(shared, seed)).collect();
    // SAFETY: the text ends with a zero.
    let status = unsafe { optiformer_study_restore(texts[0].as_ptr(), model, &mut study, none) };
    assert_eq!(status, 0);
    shared.study = study;
    let samplers = [c"random", c"tpe", c"gp", c"local_search", c"optiformer", c"auto"];
    let alone: Vec<_> =
        samplers.iter().map(|sampler| suggested(shared, ptr::null(), sampler, 1)).collect();
    let best_alone = best(shared);
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (texts, alone, barrier, samplers) = (&texts, &alone, &barrier, &samplers);
            scope.spawn(move || {
                // The whole, so that the closure takes what may be sent.
                let shared: Shared = shared;
                barrier.wait();
                // The built-in weights are unpacked by whichever thread comes first.
                assert_eq!(
                    Model::shared_pico().unwrap().config(),
                    &Model::pico().unwrap().config().clone()
                );
                for round in 0..samplers.len() {
                    let which = (round + thread) % samplers.len();
                    let cached = suggested(shared, shared.cache, samplers[which], 1);
                    assert_eq!(cached, alone[which], "{:?}", samplers[which]);
                    assert_eq!(best(shared), best_alone);
                }
                assert_eq!(studied(shared, thread as u64), texts[thread]);
                // SAFETY: the study lives, and nobody changes it.
                assert_eq!(unsafe { saved(shared.study) }, texts[0]);
            });
        }
    });
    // SAFETY: all live, and are freed once.
    unsafe {
        optiformer_study_free(study);
        optiformer_cache_free(cache);
        optiformer_space_free(space);
        optiformer_model_free(model);
    }
}

#[test]
fn a_model_that_computes_in_several_threads_gives_the_answer_of_one() {
    let model = Arc::new(Model::from_bytes(&small_model()).unwrap());
    let space = Space::new(vec![Parameter::float("x", 0.0, 1.0), Parameter::float("y", 0.0, 1.0)]);
    let space = space.unwrap();
    let history: Vec<Observation> = (0..12)
        .map(|number| {
            let row = [f64::from(number) / 12.0, f64::from(number * 5 % 12) / 12.0];
            let configuration = Configuration::new(row.map(Some).to_vec());
            Observation::new(configuration, Some(objective(&row)))
        })
        .collect();
    let suggest = |threads| {
        let options = OptiFormerOptions { threads, ..OptiFormerOptions::default() };
        let mut sampler = OptiFormerSampler::new(Arc::clone(&model), options).unwrap();
        let request =
            Request { space: &space, history: &history, pending: &[], number: 12, seed: 5 };
        sampler.suggest(&request).unwrap()
    };
    let alone = suggest(1);
    // Two studies at a time, each with three threads of its own.
    thread::scope(|scope| {
        let others: Vec<_> = (0..2).map(|_| scope.spawn(|| suggest(3))).collect();
        for other in others {
            assert_eq!(other.join().unwrap(), alone);
        }
    });
}

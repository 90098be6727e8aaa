//! Forward passes take no memory once they have run.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use optiformer::{
    model::{Config, Model, Precision, Workspace},
    tokenizer::rows::{Entry, Row, Rows},
};

/// Counts what is asked of the system's allocator.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// That a round asks for memory the first time only.
fn once(mut round: impl FnMut(), what: &str) {
    let begin = ASKED.load(Ordering::Relaxed);
    round();
    let before = ASKED.load(Ordering::Relaxed);
    assert!(before > begin);
    round();
    assert_eq!(ASKED.load(Ordering::Relaxed), before, "{what}");
}

/// The only test of this program, so that nobody else allocates.
#[test]
fn after_the_first_time_nothing_is_allocated() {
    for precision in [Precision::F32, Precision::Int8] {
        tokens(precision);
        trials(precision);
    }
}

fn tokens(precision: Precision) {
    let model = Model::random(Config::pico(), 1, precision).unwrap();
    let (mut cache, mut branches) = (model.cache(300), model.branches());
    let mut workspace = Workspace::new();
    let history: Vec<u16> = (0..280).collect();
    let feed: Vec<u16> = (0..40 * 11).map(|token| token % 1200).collect();
    let mut logits = vec![0.0; 40 * 1000];
    let round = || {
        cache.clear();
        model.extend(&mut cache, &history, &mut workspace).unwrap();
        model.extend(&mut cache, &[5], &mut workspace).unwrap();
        branches.reset(40, 11);
        model.extend_branches(&cache, &mut branches, &feed, &mut workspace).unwrap();
        model.logits(&mut workspace, 0..40, 0..1000, &mut logits).unwrap();
    };
    once(round, &format!("tokens in {precision:?}"));
}

fn trials(precision: Precision) {
    let model = Model::random(Config::pico().with_trial_rows(), 1, precision).unwrap();
    let (mut cache, mut workspace) = (model.cache(300), Workspace::new());
    let rows = |count: u16| {
        let mut rows = Rows::new();
        for row in 0..count {
            let entries = [0, 7, 31].map(|slot| Entry { slot, value: (row * 7) % 1000 });
            rows.push(Row { entries: &entries, tokens: &[row % 1200] });
        }
        rows
    };
    let (history, questions) = (rows(280), rows(200));
    let mut logits = vec![0.0; 200 * 1000];
    let round = || {
        model.history(&mut cache, &history, &mut workspace).unwrap();
        model.questions(&cache, &questions, &mut workspace).unwrap();
        model.logits(&mut workspace, 0..200, 0..1000, &mut logits).unwrap();
    };
    once(round, &format!("trials in {precision:?}"));
}

//! Ctrl-C and requests to terminate.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Notes requests to stop from now on, instead of dying of them.
pub fn listen() -> Result<(), String> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::SeqCst))
        .map_err(|error| format!("signals cannot be caught: {error}"))
}

/// Whether somebody wants the tool to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Stops as if a signal had come.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

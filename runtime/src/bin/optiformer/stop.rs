//! Handles Ctrl-C and termination signals.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Records termination signals from now on instead of dying.
pub fn listen() -> Result<(), String> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::SeqCst))
        .map_err(|error| format!("signals cannot be caught: {error}"))
}

/// Whether a stop was requested.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Requests a stop, as a signal does.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

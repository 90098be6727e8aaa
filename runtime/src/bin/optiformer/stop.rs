//! Handles Ctrl-C and termination signals.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Records termination signals from now on instead of dying: SIGINT, SIGTERM, SIGHUP and SIGQUIT.
pub fn listen() -> Result<(), String> {
    ctrlc::set_handler(request).map_err(|error| format!("signals cannot be caught: {error}"))?;
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGQUIT, Arc::clone(&REQUESTED))
        .map_err(|error| format!("signals cannot be caught: {error}"))?;
    Ok(())
}

/// Whether a stop was requested.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Requests a stop, as a signal does.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

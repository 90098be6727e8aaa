//! Work that is divided among threads.

use super::workspace::ThreadBuffers;

/// Runs each piece of work, on as many threads as there are buffers.
pub(super) fn run_on_threads<W: Send>(
    work: impl ExactSizeIterator<Item = W> + Send,
    buffers: &mut [ThreadBuffers],
    run: &(impl Fn(W, &mut ThreadBuffers) + Sync),
) {
    #[cfg(feature = "std")]
    if buffers.len() > 1 && work.len() > 1 {
        let count = work.len();
        let work = std::sync::Mutex::new(work);
        // A panic of a thread is raised again at the end of the scope; the other threads may
        // finish.
        let next = || work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
        let (own, others) = buffers.split_at_mut(1);
        std::thread::scope(|scope| {
            for buffers in others.iter_mut().take(count - 1) {
                let drain = || {
                    while let Some(piece) = next() {
                        run(piece, buffers);
                    }
                };
                // Without a further thread the existing ones do its work.
                if std::thread::Builder::new().spawn_scoped(scope, drain).is_err() {
                    break;
                }
            }
            while let Some(piece) = next() {
                run(piece, &mut own[0]);
            }
        });
        return;
    }
    for piece in work {
        run(piece, &mut buffers[0]);
    }
}

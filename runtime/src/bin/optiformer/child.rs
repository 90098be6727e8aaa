//! Runs the objective program once.

use std::{
    io::{self, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    output,
    program_output::{OutputScanner, ProgramOutput},
    step_pattern::{StepPattern, StepScanner},
    stop,
};

/// The result of a run.
#[derive(Debug)]
pub enum RunResult {
    /// The program succeeded, and this is what it printed.
    Printed {
        /// Standard output, as the tool reads it.
        output: ProgramOutput,
        /// The last lines of its standard error.
        stderr_tail: String,
    },
    /// The run has no objective.
    Failed {
        /// The reason.
        reason: String,
        /// The last lines of its standard error.
        stderr_tail: String,
    },
    /// The tool was asked to stop, or ended the program early, and killed it.
    Stopped,
    /// The program could not be started.
    SpawnFailed(String),
}

/// How long a program may run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time after which it is ended, if any.
    pub timeout: Option<Duration>,
    /// Time between the request to end (SIGTERM) and the kill; no request where it is zero.
    pub grace: Duration,
}

/// What is done while a program runs.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Pass on its standard error.
    pub verbose: bool,
    /// Look for intermediate values in every line of both outputs.
    pub steps: Option<StepPattern>,
    /// Set by others when the program shall be ended.
    pub ended_early: Arc<AtomicBool>,
}

/// Time to wait for the pipes after the program's end: a background process may hold them open.
const GRACE: Duration = Duration::from_millis(500);
/// Part of standard error that is kept, in bytes and in lines.
const STDERR_TAIL_BYTES: usize = 4096;
const STDERR_TAIL_LINES: usize = 5;

/// Runs the program to its end, its timeout, or a request to stop. `report` gets the intermediate
/// values as they are printed: the step and its value.
pub fn run(
    arguments: &[String],
    limits: Limits,
    watch: &Watch,
    report: impl FnMut(u64, f64) + Clone + Send + 'static,
) -> RunResult {
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A process group of its own: the tool can kill it with all it started, and Ctrl-C reaches the
    // tool alone.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return RunResult::SpawnFailed(format!("cannot run \"{}\": {error}", arguments[0]));
        }
    };
    let scanner = Arc::new(Mutex::new(OutputScanner::default()));
    let tail = Arc::new(Mutex::new(Vec::new()));
    let (done, ends) = mpsc::channel();
    read_to_end(child.stdout.take(), done.clone(), {
        let scanner = Arc::clone(&scanner);
        let mut report = report.clone();
        let mut steps = scan_steps(watch.steps.clone(), report.clone());
        move |bytes| {
            lock(&scanner).feed(bytes, &mut report);
            steps(bytes);
        }
    });
    read_to_end(child.stderr.take(), done, {
        let tail = Arc::clone(&tail);
        let verbose = watch.verbose;
        let mut steps = scan_steps(watch.steps.clone(), report.clone());
        move |bytes| {
            steps(bytes);
            keep_tail(&mut lock(&tail), bytes);
            if verbose {
                let _ = io::stderr().write_all(bytes);
            }
        }
    });
    let ended = wait(&mut child, limits, &watch.ended_early);
    let deadline = Instant::now() + GRACE;
    // Both readers hang up at the end of their pipe.
    while ends.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
    let stderr_tail = last_lines(&lock(&tail));
    let failed = |reason: String| RunResult::Failed { reason, stderr_tail: stderr_tail.clone() };
    match ended {
        ProcessEnd::Stopped => RunResult::Stopped,
        ProcessEnd::TimedOut(limit) => {
            failed(format!("ran longer than {}", output::duration(limit.as_secs_f64())))
        }
        ProcessEnd::Lost(error) => failed(format!("its end could not be awaited: {error}")),
        ProcessEnd::Exited(status) if !status.success() => failed(how(status)),
        ProcessEnd::Exited(_) => {
            let mut report = report;
            RunResult::Printed { output: lock(&scanner).finish(&mut report), stderr_tail }
        }
    }
}

enum ProcessEnd {
    Exited(ExitStatus),
    TimedOut(Duration),
    Stopped,
    Lost(io::Error),
}

/// Waits for the program's end, or enforces it.
fn wait(child: &mut Child, limits: Limits, ended_early: &AtomicBool) -> ProcessEnd {
    let start = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return ProcessEnd::Exited(status),
            Ok(None) => {}
            Err(error) => return ProcessEnd::Lost(error),
        }
        if stop::requested() || ended_early.load(Ordering::Relaxed) {
            end(child, limits.grace);
            return ProcessEnd::Stopped;
        }
        if let Some(limit) = limits.timeout.filter(|limit| start.elapsed() >= *limit) {
            end(child, limits.grace);
            return ProcessEnd::TimedOut(limit);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Asks the program to end, waits for as long as `grace`, and kills what is left of it.
fn end(child: &mut Child, grace: Duration) {
    #[cfg(unix)]
    if !grace.is_zero() {
        use rustix::process::{Pid, Signal, kill_process_group};
        let _ = kill_process_group(Pid::from_child(child), Signal::TERM);
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline && has_not_exited(child) {
            thread::sleep(Duration::from_millis(5));
        }
    }
    #[cfg(not(unix))]
    let _ = grace;
    kill(child);
}

/// Whether the program still runs. It is not reaped, so that its process group keeps its id.
#[cfg(unix)]
fn has_not_exited(child: &Child) -> bool {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(None))
}

/// Kills and reaps the program with all it started. It has not been waited for, so its process id
/// is still valid.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A function that looks for steps in the pieces of a stream, the last of which is empty.
fn scan_steps<R: FnMut(u64, f64) + Send + 'static>(
    pattern: Option<StepPattern>,
    mut report: R,
) -> impl FnMut(&[u8]) + Send + 'static {
    let mut scanner = pattern.map(StepScanner::new);
    move |bytes| match &mut scanner {
        None => {}
        Some(scanner) if bytes.is_empty() => scanner.finish(&mut report),
        Some(scanner) => scanner.feed(bytes, &mut report),
    }
}

/// Reads a pipe to its end in a thread. The last piece that `take` gets is empty.
fn read_to_end(
    pipe: Option<impl Read + Send + 'static>,
    done: mpsc::Sender<()>,
    mut take: impl FnMut(&[u8]) + Send + 'static,
) {
    let Some(mut pipe) = pipe else { return };
    thread::spawn(move || {
        // Dropped when the thread ends, which is the signal.
        let _done = done;
        let mut buffer = [0; 16 * 1024];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => return take(&[]),
                Ok(count) => take(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(bytes);
    let surplus = tail.len().saturating_sub(STDERR_TAIL_BYTES);
    tail.drain(..surplus);
}

fn last_lines(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(STDERR_TAIL_LINES)..].join("\n")
}

fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("killed by signal {signal}");
    }
    status.code().map_or("ended without a code".to_string(), |code| format!("exit code {code}"))
}

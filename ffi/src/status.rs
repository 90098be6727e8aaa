//! Status codes, the caller's error struct, and the panic boundary.

use std::{
    ffi::c_char,
    panic::{AssertUnwindSafe, catch_unwind},
};

use optiformer::{Error, ErrorKind};

/// The status that every fallible function returns. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// A pointer that may not be null is null.
    NullPointer = 1,
    /// A value, length or option out of range.
    InvalidValue = 2,
    /// A search space that cannot be searched.
    InvalidSpace = 3,
    /// Weights that are truncated, hostile or of another format.
    InvalidWeights = 4,
    /// A trial id that was never handed out.
    UnknownTrial = 5,
    /// A trial that was already told.
    AlreadyTold = 6,
    /// A feature that this build, model or sampler lacks.
    Unsupported = 7,
    /// Everything has been tried.
    Exhausted = 8,
    /// The operating system refused to read.
    Io = 9,
    /// A buffer is too small; the needed length was written.
    BufferTooSmall = 10,
    /// Nothing to report yet.
    NotFound = 11,
    /// A bug in the library; the handle is poisoned.
    Panic = 12,
    /// The handle was poisoned by an earlier panic; it can only be freed.
    Poisoned = 13,
    /// A text is not UTF-8.
    InvalidText = 14,
    /// A stored study that is damaged, or another one.
    InvalidJournal = 15,
}

impl Status {
    /// The name without the prefix, NUL-terminated.
    pub fn name(code: i32) -> &'static [u8] {
        match code {
            0 => b"OK\0",
            1 => b"NULL_POINTER\0",
            2 => b"INVALID_VALUE\0",
            3 => b"INVALID_SPACE\0",
            4 => b"INVALID_WEIGHTS\0",
            5 => b"UNKNOWN_TRIAL\0",
            6 => b"ALREADY_TOLD\0",
            7 => b"UNSUPPORTED\0",
            8 => b"EXHAUSTED\0",
            9 => b"IO\0",
            10 => b"BUFFER_TOO_SMALL\0",
            11 => b"NOT_FOUND\0",
            12 => b"PANIC\0",
            13 => b"POISONED\0",
            14 => b"INVALID_TEXT\0",
            15 => b"INVALID_JOURNAL\0",
            _ => b"UNKNOWN\0",
        }
    }
}

/// Length of the message buffer, with the NUL.
pub const MESSAGE_LENGTH: usize = 512;

/// The caller's error struct.
#[repr(C)]
pub struct CError {
    /// `sizeof(optiformer_error)` of the header the caller was compiled with.
    pub struct_size: usize,
    /// The status that was returned.
    pub status: i32,
    /// What it is about, NUL-terminated UTF-8.
    pub message: [c_char; MESSAGE_LENGTH],
}

/// Why a function fails.
#[derive(Debug)]
pub struct Failure {
    /// The status to return.
    pub status: Status,
    /// What it is about.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// A null pointer for the parameter called `name`.
    pub fn null(name: &str) -> Self {
        Self::new(Status::NullPointer, format!("{name} is NULL"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidSpace => Status::InvalidSpace,
            ErrorKind::UnknownTrial => Status::UnknownTrial,
            ErrorKind::AlreadyTold => Status::AlreadyTold,
            ErrorKind::InvalidWeights => Status::InvalidWeights,
            ErrorKind::Unsupported => Status::Unsupported,
            ErrorKind::Exhausted => Status::Exhausted,
            ErrorKind::Io => Status::Io,
            ErrorKind::InvalidJournal => Status::InvalidJournal,
            _ => Status::InvalidValue,
        };
        Self::new(status, error.context())
    }
}

/// The result of the functions inside the boundary.
pub type CallResult = Result<(), Failure>;

/// Runs `body` and converts its failure or panic to a status, which is also written to the caller's
/// struct, if any.
pub fn boundary(error: *mut CError, body: impl FnOnce() -> CallResult) -> i32 {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Failure::new(Status::Panic, "the library failed; this is a bug, please report it"))
    });
    match outcome {
        Ok(()) => {
            report(error, Status::Ok, "");
            Status::Ok as i32
        }
        Err(failure) => {
            report(error, failure.status, &failure.message);
            failure.status as i32
        }
    }
}

/// Frees a handle. A panic on the way is swallowed.
///
/// # Safety
///
/// `handle` is null, or came from `Box::into_raw` and is not used again.
pub unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller vouches for the handle.
        let owned = unsafe { Box::from_raw(handle) };
        let _ = catch_unwind(AssertUnwindSafe(|| drop(owned)));
    }
}

fn report(error: *mut CError, status: Status, message: &str) {
    let message_at = std::mem::offset_of!(CError, message);
    // SAFETY: the caller passes null or a struct that begins with its own size; no more of it is
    // written.
    unsafe {
        if error.is_null() || !error.is_aligned() || (*error).struct_size < message_at {
            return;
        }
        (&raw mut (*error).status).write(status as i32);
        let room = ((*error).struct_size - message_at).min(MESSAGE_LENGTH);
        if room == 0 {
            return;
        }
        let mut length = message.len().min(room - 1);
        while !message.is_char_boundary(length) {
            length -= 1;
        }
        let target = (&raw mut (*error).message).cast::<u8>();
        // A NUL inside ends the message early, which is harmless.
        std::ptr::copy_nonoverlapping(message.as_ptr(), target, length);
        target.add(length).write(0);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn error() -> CError {
        CError { struct_size: size_of::<CError>(), status: -1, message: [1; MESSAGE_LENGTH] }
    }

    fn message(error: &CError) -> &str {
        // SAFETY: the message is NUL-terminated.
        unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().unwrap()
    }

    #[test]
    fn messages_are_cut_between_characters() {
        let mut error = error();
        let long = "ä".repeat(600);
        assert_eq!(boundary(&mut error, || Err(Failure::new(Status::Io, long))), 9);
        assert_eq!(error.status, 9);
        assert_eq!(message(&error), "ä".repeat(255));
    }

    #[test]
    fn success_clears_the_message_and_a_small_struct_is_respected() {
        let mut error = error();
        assert_eq!(boundary(&mut error, || Ok(())), 0);
        assert_eq!((error.status, message(&error)), (0, ""));
        error.struct_size = 8;
        boundary(&mut error, || Err(Failure::null("x")));
        assert_eq!(error.status, 0);
        error.struct_size = std::mem::offset_of!(CError, message) + 4;
        boundary(&mut error, || Err(Failure::null("x")));
        assert_eq!((error.status, message(&error)), (1, "x i"));
        assert_eq!(boundary(std::ptr::null_mut(), || Err(Failure::null("x"))), 1);
    }

    #[test]
    fn panics_stop_at_the_boundary() {
        let mut error = error();
        assert_eq!(boundary(&mut error, || panic!("planted")), 12);
        assert!(message(&error).contains("bug"));
    }
}

//! From the caller's pointers to Rust's references, with their checks.

use std::ffi::{CStr, c_char};

use crate::status::{Failure, Status};

/// The text at `pointer`.
///
/// # Safety
///
/// `pointer` is null or a NUL-terminated string that lives as long as the result.
pub unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller vouches for the string.
    unsafe { CStr::from_ptr(pointer) }
        .to_str()
        .map_err(|_| Failure::new(Status::InvalidText, format!("{name} is not UTF-8")))
}

/// `count` values at `pointer`, which may be null when there are none.
///
/// # Safety
///
/// `pointer` is null or has `count` readable values that live as long as the result.
pub unsafe fn slice<'a, T>(
    pointer: *const T,
    count: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::new(Status::InvalidValue, format!("{name}: {count} values")));
    }
    // SAFETY: the caller vouches for the values; their number cannot overflow.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// As [`slice()`], to be written.
///
/// # Safety
///
/// `pointer` is null or has `count` writable values that nobody else uses as long as the result lives.
pub unsafe fn slice_mut<'a, T>(
    pointer: *mut T,
    count: usize,
    name: &str,
) -> Result<&'a mut [T], Failure> {
    if count == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::new(Status::InvalidValue, format!("{name}: {count} values")));
    }
    // SAFETY: the caller vouches for the values; their number cannot overflow.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// The value behind a handle that others may use at the same time.
///
/// # Safety
///
/// `pointer` is null or a live handle that is not used exclusively meanwhile.
pub unsafe fn shared<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller vouches for the handle.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// The value behind a handle, or a place to write to, that nobody else uses.
///
/// # Safety
///
/// `pointer` is null or points to a live value that nobody else uses meanwhile.
pub unsafe fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: the caller vouches for the value.
    unsafe { pointer.as_mut() }.ok_or_else(|| Failure::null(name))
}

/// Writes a text with its NUL to a buffer of `capacity` bytes, and how many it needs to `needed` (if not null). With a null buffer only the
/// length is written.
///
/// # Safety
///
/// `buffer` is null or has `capacity` writable bytes; `needed` is null or writable.
pub unsafe fn write_text(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Result<(), Failure> {
    if buffer.is_null() && needed.is_null() {
        return Err(Failure::null("buffer and needed"));
    }
    let length = text.len() + 1;
    // SAFETY: the caller vouches for both places; the text fits where it is written.
    unsafe {
        if !needed.is_null() {
            needed.write(length);
        }
        if buffer.is_null() {
            return Ok(());
        }
        if capacity < length {
            let message = format!("{length} bytes are needed and there are {capacity}");
            return Err(Failure::new(Status::BufferTooSmall, message));
        }
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}

/// Reads an options struct that begins with its size: fields that an older caller does not have keep their defaults, and fields of a newer
/// caller must be zero.
///
/// # Safety
///
/// `pointer` is null or points to a struct whose first field is its size in bytes, all of them readable; any bytes make a `T`.
pub unsafe fn options<T: Copy>(pointer: *const T, defaults: T, name: &str) -> Result<T, Failure> {
    if pointer.is_null() {
        return Ok(defaults);
    }
    // SAFETY: the struct begins with its size.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    if !(size_of::<usize>()..=4096).contains(&size) {
        let message = format!("{name}: struct_size {size} (set it to sizeof the struct)");
        return Err(Failure::new(Status::InvalidValue, message));
    }
    let known = size.min(size_of::<T>());
    let mut read = defaults;
    // SAFETY: `size` bytes are readable, and `T` has at least `known`.
    let beyond = unsafe {
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut read).cast::<u8>(), known);
        std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known)
    };
    if beyond.iter().any(|byte| *byte != 0) {
        let message = format!("{name}: uses an option that this version does not know");
        return Err(Failure::new(Status::Unsupported, message));
    }
    Ok(read)
}

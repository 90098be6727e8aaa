//! Checked conversions from the caller's pointers to references.

use std::ffi::{CStr, c_char};

use crate::status::{Failure, Status};

/// The string at `pointer`.
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

/// The `count` strings at `pointer`, which may be null if `count` is 0. Errors name the element.
///
/// # Safety
///
/// `pointer` is null or has `count` pointers, each null or a NUL-terminated string that lives as
/// long as the result.
pub unsafe fn texts<'a>(
    pointer: *const *const c_char,
    count: usize,
    name: &str,
) -> Result<Vec<&'a str>, Failure> {
    // SAFETY: the caller vouches for the array.
    let pointers = unsafe { slice(pointer, count, name) }?;
    let texts = pointers.iter().enumerate();
    // SAFETY: the caller vouches for the strings.
    texts.map(|(index, text_at)| unsafe { text(*text_at, &format!("{name}[{index}]")) }).collect()
}

/// `count` values at `pointer`, which may be null if `count` is 0.
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
    check_array(pointer, count, name)?;
    // SAFETY: the caller vouches for the values; they are aligned and their number cannot overflow.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// As [`slice()`], writable.
///
/// # Safety
///
/// `pointer` is null or has `count` writable values that nobody else uses as long as the result
/// lives.
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
    check_array(pointer, count, name)?;
    // SAFETY: the caller vouches for the values; they are aligned and their number cannot overflow.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// As [`slice_mut()`], for an output of `rows` times `width` values that may be left out.
///
/// # Safety
///
/// `pointer` is null or has `rows · width` writable values that nobody else uses as long as the
/// result lives.
pub unsafe fn column<'a, T>(
    pointer: *mut T,
    rows: usize,
    width: usize,
    name: &str,
) -> Result<&'a mut [T], Failure> {
    if pointer.is_null() {
        return Ok(&mut []);
    }
    let count = rows.checked_mul(width).ok_or_else(|| {
        Failure::new(Status::InvalidValue, format!("{name}: {rows} rows are too many"))
    })?;
    // SAFETY: the caller vouches for the values.
    unsafe { slice_mut(pointer, count, name) }
}

/// Refuses an array that is larger than any allocation, or misaligned.
fn check_array<T>(pointer: *const T, count: usize, name: &str) -> Result<(), Failure> {
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::new(Status::InvalidValue, format!("{name}: {count} values")));
    }
    check_alignment(pointer, name)
}

fn check_alignment<T>(pointer: *const T, name: &str) -> Result<(), Failure> {
    if pointer.is_aligned() {
        return Ok(());
    }
    let message = format!("{name} is not aligned to {} bytes", align_of::<T>());
    Err(Failure::new(Status::InvalidValue, message))
}

/// The value behind a shared handle.
///
/// # Safety
///
/// `pointer` is null or a live handle that is not used exclusively meanwhile.
pub unsafe fn shared<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    check_alignment(pointer, name)?;
    // SAFETY: the caller vouches for the handle.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// As [`shared`], for a handle that may be left out.
///
/// # Safety
///
/// `pointer` is null or a live handle that is not used exclusively meanwhile.
pub unsafe fn maybe<'a, T>(pointer: *const T, name: &str) -> Result<Option<&'a T>, Failure> {
    check_alignment(pointer, name)?;
    // SAFETY: the caller vouches for the handle.
    Ok(unsafe { pointer.as_ref() })
}

/// The value behind an exclusive handle, or an output.
///
/// # Safety
///
/// `pointer` is null or points to a live value that nobody else uses meanwhile.
pub unsafe fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    check_alignment(pointer, name)?;
    // SAFETY: the caller vouches for the value.
    unsafe { pointer.as_mut() }.ok_or_else(|| Failure::null(name))
}

/// As [`exclusive`], for an optional output.
///
/// # Safety
///
/// `pointer` is null or points to a writable value that nobody else uses meanwhile.
pub unsafe fn optional<'a, T>(pointer: *mut T, name: &str) -> Result<Option<&'a mut T>, Failure> {
    check_alignment(pointer, name)?;
    // SAFETY: the caller vouches for the value.
    Ok(unsafe { pointer.as_mut() })
}

/// Makes a handle and writes it to `out`; makes nothing if `out` is null.
///
/// # Safety
///
/// `out` is null or a writable place that nobody else uses meanwhile.
pub unsafe fn hand_out<T>(
    out: *mut *mut T,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    // SAFETY: the caller vouches for the place.
    let out = unsafe { exclusive(out, "out") }?;
    *out = Box::into_raw(Box::new(make()?));
    Ok(())
}

/// Writes a string with its NUL to a buffer of `capacity` bytes, and its length to `needed` (if not
/// null). With a null buffer, writes the length alone.
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
        if let Some(needed) = optional(needed, "needed")? {
            *needed = length;
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

/// Reads an options struct that begins with its size. Fields of a newer caller, unknown to this
/// version, must be zero. `first` is the size that the struct had when it was published; an older
/// caller gets the defaults of later fields.
///
/// # Safety
///
/// `pointer` is null or points to a struct whose first field is its size in bytes, all of them
/// readable; any bytes make a `T`.
pub unsafe fn options<T: Copy>(
    pointer: *const T,
    defaults: T,
    first: usize,
    name: &str,
) -> Result<T, Failure> {
    if pointer.is_null() {
        return Ok(defaults);
    }
    check_alignment(pointer, name)?;
    // SAFETY: the struct begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    // No version ends inside a field, where half a pointer would be completed with half a default.
    if !(first..=4096).contains(&size) || size % align_of::<T>() != 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An options struct whose third field was added later.
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(C)]
    struct Grown {
        struct_size: usize,
        old: u64,
        new: u64,
    }

    const FIRST: usize = std::mem::offset_of!(Grown, new);
    const DEFAULTS: Grown = Grown { struct_size: size_of::<Grown>(), old: 1, new: 2 };

    #[test]
    fn an_older_caller_gets_defaults_for_what_it_does_not_know() {
        let older = [FIRST as u64, 7];
        // SAFETY: `FIRST` bytes are readable.
        let read = unsafe { options(older.as_ptr().cast::<Grown>(), DEFAULTS, FIRST, "o") };
        let read = read.unwrap();
        assert_eq!((read.old, read.new), (7, 2));
    }

    #[test]
    fn a_newer_caller_is_understood_while_it_asks_for_nothing_new() {
        let mut newer = [32_u64, 7, 8, 0];
        // SAFETY: 32 bytes are readable, here and below.
        let read = unsafe { options(newer.as_ptr().cast::<Grown>(), DEFAULTS, FIRST, "o") };
        let read = read.unwrap();
        assert_eq!((read.old, read.new), (7, 8));
        newer[3] = 1;
        // SAFETY: as above.
        let refused = unsafe { options(newer.as_ptr().cast::<Grown>(), DEFAULTS, FIRST, "o") };
        assert_eq!(refused.unwrap_err().status, Status::Unsupported);
    }

    #[test]
    fn sizes_that_no_version_had_are_refused() {
        for size in [0, 8, FIRST as u64 - 8, FIRST as u64 + 4, 5000, u64::MAX] {
            let bytes = [size, 7, 8, 0];
            // SAFETY: such a size is refused before anything beyond it is read.
            let read = unsafe { options(bytes.as_ptr().cast::<Grown>(), DEFAULTS, FIRST, "o") };
            assert_eq!(read.unwrap_err().status, Status::InvalidValue, "{size}");
        }
        // SAFETY: null is allowed.
        let read = unsafe { options(std::ptr::null(), DEFAULTS, FIRST, "o") };
        assert_eq!(read.unwrap(), DEFAULTS);
    }

    #[test]
    fn arrays_that_cannot_be_are_refused() {
        let values = [1.0_f64, 2.0];
        let odd = values.as_ptr().cast::<u8>().wrapping_add(1).cast::<f64>();
        // SAFETY: refused before anything is read, all three.
        unsafe {
            assert_eq!(slice(odd, 1, "v").unwrap_err().status, Status::InvalidValue);
            assert_eq!(
                slice(values.as_ptr(), usize::MAX / 4, "v").unwrap_err().status,
                Status::InvalidValue
            );
            assert_eq!(
                slice::<f64>(std::ptr::null(), 1, "v").unwrap_err().status,
                Status::NullPointer
            );
        }
        // SAFETY: nothing is read of an array without values.
        assert!(unsafe { slice::<f64>(std::ptr::null(), 0, "v") }.unwrap().is_empty());
    }
}

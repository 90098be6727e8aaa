//! Minimizes a parabola without the standard library: only an allocator and `putchar` of the host's
//! C library.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::{boxed::Box, format, sync::Arc, vec};
use core::{
    alloc::{GlobalAlloc, Layout},
    ffi::{c_int, c_void},
    panic::PanicInfo,
};

use optiformer::{
    model::Model,
    samplers,
    space::{Parameter, Space},
    study::{Direction, Outcome, Study},
};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn free(pointer: *mut c_void);
    fn putchar(character: c_int) -> c_int;
    fn abort() -> !;
}

struct HostAllocator;

// SAFETY: `aligned_alloc` gives memory of the asked size and alignment or null, and `free` takes it
// back; both may be called from any thread.
unsafe impl GlobalAlloc for HostAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alignment = layout.align().max(16);
        // SAFETY: the alignment is a power of two and the size a multiple of it, as C11 asks.
        unsafe { aligned_alloc(alignment, layout.size().next_multiple_of(alignment)).cast() }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _: Layout) {
        // SAFETY: the caller passes what `alloc` gave.
        unsafe { free(pointer.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: HostAllocator = HostAllocator;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { abort() }
}

/// What the precompiled `core` and `alloc` refer to for unwinding, which a build that aborts never
/// does.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}

/// As above.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { abort() }
}

fn print(text: &str) {
    for byte in text.bytes() {
        // SAFETY: `putchar` takes any byte.
        unsafe { putchar(c_int::from(byte)) };
    }
}

fn minimize() -> optiformer::Result<f64> {
    let space = Space::new(vec![Parameter::float("x", 0.0, 5.0)])?;
    let model = Arc::new(Model::pico()?);
    let sampler = samplers::transformer(model, 1)?;
    let mut study = Study::new(space, Direction::Minimize, sampler, 1);
    let mut best = f64::INFINITY;
    for _ in 0..15 {
        let trial = study.ask()?;
        let x = trial.configuration.get(0).expect("x has no condition");
        let value = (x - 2.0) * (x - 2.0);
        best = best.min(value);
        study.tell(trial.id, Outcome::Value(value))?;
    }
    Ok(best)
}

/// The program's entry, as the host's C library calls it.
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, _: *const *const u8) -> c_int {
    match minimize() {
        Ok(best) => {
            print(&format!("{best}\n"));
            0
        }
        Err(error) => {
            print(&format!("{error}\n"));
            1
        }
    }
}

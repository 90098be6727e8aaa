//! The board: heap, clock, output to the debugger, and the measurements.

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt::Write,
    panic::PanicInfo,
    sync::atomic::{AtomicUsize, Ordering},
};

use cortex_m_semihosting::{debug, hio};
use embedded_alloc::TlsfHeap;

use crate::{MakeSampler, tuning};

/// The board's external RAM, all of which is heap.
const HEAP_START: usize = 0x2100_0000;
const HEAP_SIZE: usize = 16 << 20;

/// Timer 0 of the board: it counts down at 25 MHz.
const TIMER: *mut u32 = 0x4000_0000 as *mut u32;
/// Instructions per tick of the timer where an emulator's clock advances by a nanosecond per
/// instruction.
const INSTRUCTIONS_PER_TICK: u64 = 40;

/// A heap that knows how much of it was ever in use.
struct MeasuredHeap {
    heap: TlsfHeap,
    used: AtomicUsize,
    peak: AtomicUsize,
}

#[global_allocator]
static HEAP: MeasuredHeap =
    MeasuredHeap { heap: TlsfHeap::empty(), used: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

// SAFETY: the heap inside does the work; counting has no influence on it.
unsafe impl GlobalAlloc for MeasuredHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = self.used.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        self.peak.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller passes a layout whose size is not zero.
        unsafe { self.heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller passes what `alloc` gave.
        unsafe { self.heap.dealloc(pointer, layout) }
    }
}

/// As [`run`](crate::run).
pub fn run(trials: usize, sampler: MakeSampler) -> ! {
    // SAFETY: nothing else uses that memory, and this is the program's beginning.
    unsafe { HEAP.heap.init(HEAP_START, HEAP_SIZE) };
    start_clock();
    let Ok(mut out) = hio::hstdout() else { leave(false) };
    let heap_used = || HEAP.used.load(Ordering::Relaxed);
    let tuned = tuning::tune(trials, sampler, &mut out, ticks, heap_used);
    let is_written = match tuned {
        Ok(measured) => {
            let instructions = |ticks: u64| ticks * INSTRUCTIONS_PER_TICK;
            let (peak, stack) = (HEAP.peak.load(Ordering::Relaxed), stack_used());
            let weights = measured.memory;
            let mean = instructions(measured.all) / trials.max(1) as u64;
            let (longest, setting_up) =
                (instructions(measured.longest), instructions(measured.setting_up));
            writeln!(
                out,
                "# heap {peak} bytes, {weights} of them after setting up, stack {stack} bytes"
            )
            .and_then(|()| {
                writeln!(
                    out,
                    "# instructions: {setting_up} to set up, {mean} per suggestion, {longest} at \
                     most"
                )
            })
        }
        Err(failure) => writeln!(out, "{failure}").and(Err(core::fmt::Error)),
    };
    leave(is_written.is_ok())
}

fn leave(has_worked: bool) -> ! {
    debug::exit(if has_worked { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Ok(mut out) = hio::hstdout() {
        // The program ends anyway.
        let _ = writeln!(out, "{info}");
    }
    leave(false)
}

fn start_clock() {
    // SAFETY: the registers of a timer that nothing else uses: control, value, reload.
    unsafe {
        TIMER.add(2).write_volatile(u32::MAX);
        TIMER.add(1).write_volatile(u32::MAX);
        TIMER.write_volatile(1);
    }
}

/// Ticks since the clock was started; it wraps after three minutes.
fn ticks() -> u64 {
    // SAFETY: as above.
    u64::from(u32::MAX - unsafe { TIMER.add(1).read_volatile() })
}

/// How much of the stack was ever used: what no longer has the paint of the program's start.
fn stack_used() -> usize {
    unsafe extern "C" {
        static mut _stack_end: u32;
        static mut _stack_start: u32;
    }
    let (end, start) = (&raw const _stack_end, &raw const _stack_start);
    let mut place = end;
    // SAFETY: the linker gives both ends of the stack's memory, which are aligned; words that the
    // stack does not reach are only read.
    while place < start && unsafe { place.read_volatile() } == PAINT {
        place = place.wrapping_add(1);
    }
    start.addr() - place.addr()
}

/// The paint of `cortex-m-rt`.
const PAINT: u32 = 0xCCCC_CCCC;

//! Detects the features of CPU and operating system by CPUID and XGETBV, with and without the
//! standard library (Intel, Software Developer's Manual, volume 2, CPUID, and volume 1, chapter
//! 13).

use core::{
    arch::x86_64::{__cpuid_count, _xgetbv, CpuidResult},
    sync::atomic::{AtomicU8, Ordering},
};

/// Register state that the operating system saves: bits 1 and 2 for 256 bits, and bits 5 to 7 as
/// well for 512 bits.
const KEEPS_256: u64 = 0b110;
const KEEPS_512: u64 = 0b1110_0110;

const ASKED: u8 = 1;
const AVX2: u8 = 2;
const AVX512: u8 = 4;
const VNNI: u8 = 8;

/// AVX2 with FMA.
pub fn has_avx2() -> bool {
    found() & AVX2 != 0
}

/// AVX-512 F, BW and VL.
pub fn has_avx512() -> bool {
    found() & AVX512 != 0
}

/// AVX-512 with the byte products of VNNI.
pub fn has_vnni() -> bool {
    found() & VNNI != 0
}

/// The detected features, cached: under a hypervisor each CPUID goes to the host.
fn found() -> u8 {
    static FOUND: AtomicU8 = AtomicU8::new(0);
    let mut found = FOUND.load(Ordering::Relaxed);
    if found == 0 {
        found = ASKED | ask();
        FOUND.store(found, Ordering::Relaxed);
    }
    found
}

fn ask() -> u8 {
    // Miri interprets no CPUID, and no instructions of these features: it checks what is portable.
    if cfg!(miri) {
        return 0;
    }
    let (highest, basic) = (cpuid(0).eax, cpuid(1));
    // FMA, OSXSAVE, AVX.
    let wanted = 1 << 12 | 1 << 27 | 1 << 28;
    if highest < 7 || basic.ecx & wanted != wanted {
        return 0;
    }
    let (kept, extended) = (kept(), cpuid(7));
    if kept & KEEPS_256 != KEEPS_256 || extended.ebx & 1 << 5 == 0 {
        return 0;
    }
    // F, BW, VL.
    let wanted = 1 << 16 | 1 << 30 | 1 << 31;
    if kept & KEEPS_512 != KEEPS_512 || extended.ebx & wanted != wanted {
        return AVX2;
    }
    if extended.ecx & 1 << 11 == 0 { AVX2 | AVX512 } else { AVX2 | AVX512 | VNNI }
}

/// A leaf of CPUID, its first part where there are several.
// Newer compilers know that CPUID is safe; the oldest one that is supported does not.
#[allow(unused_unsafe)]
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: every x86-64 processor has CPUID.
    unsafe { __cpuid_count(leaf, 0) }
}

/// The register state that the operating system saves. The caller must have checked OSXSAVE in
/// CPUID.
fn kept() -> u64 {
    #[target_feature(enable = "xsave")]
    fn read() -> u64 {
        // SAFETY: register 0 exists wherever the instruction does.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: OSXSAVE was asked for before, and says that the instruction may be used.
    unsafe { read() }
}

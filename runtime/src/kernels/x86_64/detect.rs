//! What the CPU and the operating system offer, asked with CPUID and XGETBV themselves: the same with and without the
//! standard library (Intel, Software Developer's Manual, volume 2, CPUID, and volume 1, chapter 13).

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// Registers that the operating system keeps for each thread: bits 1 and 2 for 256, and 5 to 7 besides for 512 bits.
const KEEPS_256: u64 = 0b110;
const KEEPS_512: u64 = 0b1110_0110;

/// AVX2 with FMA.
pub fn has_avx2() -> bool {
    let basic = __cpuid(1);
    // FMA, OSXSAVE, AVX.
    let wanted = 1 << 12 | 1 << 27 | 1 << 28;
    basic.ecx & wanted == wanted && kept() & KEEPS_256 == KEEPS_256 && extended().0 & 1 << 5 != 0
}

/// AVX-512 F, BW and VL.
pub fn has_avx512() -> bool {
    let wanted = 1 << 16 | 1 << 30 | 1 << 31;
    has_avx2() && kept() & KEEPS_512 == KEEPS_512 && extended().0 & wanted == wanted
}

/// AVX-512 with the byte products of VNNI.
pub fn has_vnni() -> bool {
    has_avx512() && extended().1 & 1 << 11 != 0
}

/// Registers EBX and ECX of leaf 7; nothing where the CPU has no such leaf.
fn extended() -> (u32, u32) {
    if __cpuid(0).eax < 7 {
        return (0, 0);
    }
    let leaf = __cpuid_count(7, 0);
    (leaf.ebx, leaf.ecx)
}

/// The registers that the operating system keeps. To be called only where CPUID says OSXSAVE, as the callers here do.
fn kept() -> u64 {
    #[target_feature(enable = "xsave")]
    fn read() -> u64 {
        // SAFETY: register 0 exists wherever the instruction does.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: OSXSAVE was asked for before, and says that the instruction may be used.
    unsafe { read() }
}

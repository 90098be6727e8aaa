//! The study with TPE.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::boxed::Box;

#[cfg_attr(target_os = "none", cortex_m_rt::entry)]
fn main() -> ! {
    optiformer_firmware::run(60, || Ok(Box::new(optiformer::TpeSampler::default())))
}

//! The study with the transformer, whose weights are in flash.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg_attr(target_os = "none", cortex_m_rt::entry)]
fn main() -> ! {
    optiformer_firmware::run(16, optiformer_firmware::transformer)
}

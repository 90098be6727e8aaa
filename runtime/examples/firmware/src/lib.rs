//! Firmware that tunes the speed controller of a motor: the study runs on the device.
//!
//! Each program in `src/bin` is a study with one sampler. Built for a Cortex-M it runs on the board
//! that `memory.x` describes and writes to the debugger; built for a computer it prints the same
//! lines, bit by bit. Lines that begin with `#` are measurements, which the device alone has.
#![no_std]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

#[cfg(target_os = "none")]
mod device;
mod motor;
mod tuning;

use alloc::boxed::Box;
use core::fmt;

use optiformer::{
    Error, OptiFormerSampler, Result, Sampler, samplers::OptiFormerOptions,
    unstable::kernels::Kernels,
};

/// What makes a study's sampler.
pub type MakeSampler = fn() -> Result<Box<dyn Sampler + Send>>;

/// A transformer for a small processor: a fifth of the candidates that the defaults rate.
///
/// It computes with the portable kernels, which give the same bits on every processor. A Cortex-M
/// has no others; a computer has faster ones, whose sums round differently.
///
/// # Errors
///
/// None, unless the embedded weights are damaged.
pub fn transformer() -> Result<Box<dyn Sampler + Send>> {
    let mut model = optiformer::Model::pico()?;
    if let Some(portable) = Kernels::available().next() {
        model = model.with_kernels(portable);
    }
    let options = OptiFormerOptions {
        num_policy_candidates: 8,
        num_local_candidates: 24,
        num_space_candidates: 24,
        num_refined_candidates: 12,
        refinement_rounds: 1,
        ..OptiFormerOptions::default()
    };
    Ok(Box::new(OptiFormerSampler::new(model.into(), options)?))
}

/// Runs a study of `trials` trials, prints it, and ends the program.
pub fn run(trials: usize, sampler: MakeSampler) -> ! {
    #[cfg(target_os = "none")]
    device::run(trials, sampler);
    #[cfg(not(target_os = "none"))]
    {
        let tuned = tuning::tune(trials, sampler, &mut Printer, || 0, || 0);
        let failed = tuned.inspect_err(|error| std::eprintln!("{error}")).is_err();
        std::process::exit(i32::from(failed))
    }
}

/// The computer's standard output.
#[cfg(not(target_os = "none"))]
struct Printer;

#[cfg(not(target_os = "none"))]
impl fmt::Write for Printer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::print!("{text}");
        Ok(())
    }
}

/// Why a program ends early.
#[derive(Debug)]
enum Failure {
    Study(Error),
    Output,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Study(error) => write!(formatter, "{error}"),
            Self::Output => formatter.write_str("the output cannot be written"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Study(error)
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self::Output
    }
}

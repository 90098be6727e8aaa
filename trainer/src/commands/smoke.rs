//! `optiformer-trainer smoke`: the whole way once.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use optiformer::{Error, ErrorKind, Result};

use crate::{
    device::DeviceChoice,
    smoke::{self, SmokePlan},
};

/// Goes the whole way once, from functions to an Optuna study, and reports each pass criterion of
/// the plan.
///
/// Ends with an error when a criterion fails. Step 6 needs a Python with Optuna and the package
/// ffi/python; the test command's environment has them.
#[derive(Args, Debug)]
pub struct Smoke {
    /// A small model, in a few minutes on two cores; without it the 50-million model, for a GPU.
    #[arg(long)]
    quick: bool,
    /// Where to compute: auto, cpu or cuda.
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
    /// Directory for everything that is made; emptied first.
    #[arg(long, value_name = "DIR", default_value = "runs/smoke")]
    output: PathBuf,
    /// The Python of step 6.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
}

impl Smoke {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// A step that cannot run, or a criterion that fails.
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<()> {
        let device = self.device.resolve()?;
        let (directory, python) = (self.output.clone(), self.python.clone());
        let plan = if self.quick {
            SmokePlan {
                preset: String::from("pico"),
                parameters: 1.0..=2.0,
                steps: 200,
                rate: 3e-3,
                context: 192,
                device,
                directory,
                python,
            }
        } else {
            SmokePlan {
                preset: String::from("base"),
                parameters: 50.0..=80.0,
                steps: 1000,
                rate: 5e-4,
                context: 512,
                device,
                directory,
                python,
            }
        };
        let criteria = smoke::run(&plan, interrupted)?;
        println!("{criteria}");
        if criteria.all_passed() {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::InvalidValue, "the smoke test failed"))
        }
    }
}

//! Where to compute.

use optiformer::{Error, ErrorKind, Result};
use tch::Device;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceChoice {
    /// A CUDA device when there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first CUDA device.
    Cuda,
}

impl DeviceChoice {
    /// The device.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] when CUDA was asked for and there is none.
    pub fn resolve(self) -> Result<Device> {
        match (self, tch::Cuda::is_available()) {
            (Self::Cpu, _) | (Self::Auto, false) => Ok(Device::Cpu),
            (Self::Auto | Self::Cuda, true) => Ok(Device::Cuda(0)),
            (Self::Cuda, false) => {
                Err(Error::new(ErrorKind::Unsupported, "--device cuda: torch sees no CUDA device"))
            }
        }
    }
}

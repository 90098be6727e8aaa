//! Where to compute, and how exactly.

use optiformer::{Error, ErrorKind, Result};
use tch::{Device, Kind};

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

/// What matrix products and attention are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ComputePrecision {
    /// bf16 where the device multiplies it faster, else f32.
    Auto,
    /// Single precision.
    F32,
    /// Brain floating point, 8 bits of mantissa. Weights, the residual stream, norms, losses and
    /// the optimizer stay in f32.
    Bf16,
}

impl ComputePrecision {
    /// The kind of number for a device.
    pub fn resolve(self, device: Device) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Auto if device.is_cuda() || cpu_multiplies_bf16() => Kind::BFloat16,
            Self::Auto => Kind::Float,
        }
    }
}

/// Whether this processor has dot products of bf16.
fn cpu_multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

//! Choice between the CPU and a graphics processor.

use super::{AdapterKind, Gpu};
use crate::model::Config;

/// The processor that ranks candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The graphics processor if [`Device::gpu_pays`], otherwise the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// Any graphics processor, for batches of any size; the CPU after a failure.
    Gpu,
}

/// Multiply-adds of a batch from which on a graphics card pays: five times those of a CPU core in
/// int8, 2 · 10^11 per second, in the overhead of a batch (recording, submission, waiting and
/// copying, about half a millisecond). `docs/gpu.md` has the reasoning.
const DISCRETE: usize = 500_000_000;
/// An integrated processor is several times slower than a card, and shares the memory bandwidth
/// with the CPU.
const INTEGRATED: usize = 4 * DISCRETE;

impl Device {
    /// Whether a batch of `rows` tokens, candidates times tokens of each, goes to the graphics
    /// processor.
    ///
    /// [`Device::Auto`] requires that *parameters of the layers × rows* is at least 5 · 10^8 for a
    /// card and 2 · 10^9 for another adapter, and excludes software. The two numbers are estimates;
    /// `docs/gpu.md` has the reasoning and a benchmark to measure them.
    pub fn gpu_pays(self, config: &Config, rows: usize, adapter: AdapterKind) -> bool {
        let (hidden, wide) = (config.hidden_size, config.feed_forward_size);
        let work = (4 * hidden * hidden + 3 * hidden * wide)
            .saturating_mul(config.layers)
            .saturating_mul(rows);
        match (self, adapter) {
            (Self::Cpu, _) => false,
            (Self::Gpu, _) => true,
            (Self::Auto, AdapterKind::Software) => false,
            (Self::Auto, AdapterKind::Discrete) => work >= DISCRETE,
            (Self::Auto, _) => work >= INTEGRATED,
        }
    }

    /// The device called `auto`, `cpu` or `gpu`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for another name.
    pub fn by_name(name: &str) -> crate::Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            _ => Err(super::device::invalid(alloc::format!(
                "no device is called \"{name}\"; there are auto, cpu and gpu"
            ))),
        }
    }

    /// Opens the adapter of this choice: none for [`Device::Cpu`], and none in software for
    /// [`Device::Auto`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), with the reason for which the CPU
    /// is used.
    pub fn open(self) -> crate::Result<Gpu> {
        if self == Self::Cpu {
            return Err(super::device::unsupported("the CPU was asked for"));
        }
        let gpu = Gpu::best()?;
        if self == Self::Auto && gpu.kind() == AdapterKind::Software {
            return Err(super::device::unsupported(alloc::format!(
                "the only graphics adapter is {}, which is software",
                gpu.name()
            )));
        }
        Ok(gpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_wants_work_enough_and_never_software() {
        let (pico, base) = (Config::pico(), Config::base());
        let pays = |config: &Config, rows, kind| Device::Auto.gpu_pays(config, rows, kind);
        assert!(!pays(&pico, 13, AdapterKind::Discrete));
        assert!(pays(&pico, 64 * 13, AdapterKind::Discrete));
        assert!(!pays(&base, 9, AdapterKind::Discrete));
        assert!(pays(&base, 10, AdapterKind::Discrete));
        assert!(!pays(&base, 39, AdapterKind::Integrated));
        assert!(pays(&base, 40, AdapterKind::Integrated));
        assert!(!pays(&base, usize::MAX, AdapterKind::Software));
        assert!(Device::Gpu.gpu_pays(&pico, 1, AdapterKind::Software));
        assert!(!Device::Cpu.gpu_pays(&base, usize::MAX, AdapterKind::Discrete));
        assert!(Device::Cpu.open().is_err());
    }

    #[test]
    fn devices_have_names() {
        for (name, device) in [("auto", Device::Auto), ("cpu", Device::Cpu), ("gpu", Device::Gpu)] {
            assert_eq!(Device::by_name(name), Ok(device));
        }
        assert!(Device::by_name("tpu").is_err());
    }
}

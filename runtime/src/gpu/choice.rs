//! Which of the two processors is asked.

use super::{AdapterKind, Gpu};
use crate::model::Config;

/// Where candidates are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// On the graphics processor where [`Device::gpu_pays`] says so, else on the CPU.
    #[default]
    Auto,
    /// On the CPU.
    Cpu,
    /// On the graphics processor, whatever it is and however small the work. Where it fails, on the
    /// CPU.
    Gpu,
}

/// Multiplications and additions that a core of a CPU has done in the time that a batch costs a
/// graphics processor besides its work (recording, submission, waiting, copying back: of the order
/// of half a millisecond), at 2 · 10^11 a second, in int8; five times as many, to be on the safe
/// side. `docs/gpu.md` has the reasoning.
const DISCRETE: usize = 500_000_000;
/// An integrated processor computes a few times slower than a card, and shares its memory's
/// bandwidth with the CPU.
const INTEGRATED: usize = 4 * DISCRETE;

impl Device {
    /// Whether a batch of `rows` tokens (candidates times the tokens of each) goes to the graphics
    /// processor.
    ///
    /// [`Device::Auto`] is the rule *parameters of the layers × rows ≥ 5 · 10^8 for a card, ≥ 2 ·
    /// 10^9 for any other adapter, never for a software adapter*. The two numbers are reasoned, not
    /// measured: `docs/gpu.md` has the reasoning, and the benchmark to replace it.
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

    /// The device of that name: `auto`, `cpu` or `gpu`.
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

    /// The adapter that this choice asks for, or the reason why there is none: [`Device::Cpu`] asks
    /// for none, and [`Device::Auto`] for none in software.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the reason, so that the
    /// caller can go on with the CPU and say why.
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

//! Adapters, and their failures as errors.

use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::fmt;
use std::sync::Mutex;

use crate::{Error, ErrorKind, Result};

/// The graphics interfaces that are searched for adapters.
const BACKENDS: wgpu::Backends =
    wgpu::Backends::VULKAN.union(wgpu::Backends::METAL).union(wgpu::Backends::DX12);

/// Kinds of adapters, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A graphics card with its own memory.
    Discrete,
    /// A processor that shares the memory of the CPU.
    Integrated,
    /// A virtualized graphics card.
    Virtual,
    /// Not reported by the driver.
    Unknown,
    /// A software renderer on the CPU, for tests.
    Software,
}

/// An open graphics processor, which clones and models share.
#[derive(Clone)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    name: String,
    kind: AdapterKind,
    backend: wgpu::Backend,
    subgroups: bool,
    /// The reason for which the device is lost.
    lost: Arc<Mutex<Option<String>>>,
}

impl Gpu {
    /// The best adapter of this machine, in the order of [`AdapterKind`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] without an adapter, naming the interfaces that were searched, or
    /// if it cannot be opened.
    pub fn best() -> Result<Self> {
        Self::named("")
    }

    /// The best adapter whose name contains `part`, ignoring case.
    ///
    /// # Errors
    ///
    /// Those of [`best`](Self::best); the message lists the adapters.
    pub fn named(part: &str) -> Result<Self> {
        let asked = wgpu::Instance::enabled_backend_features() & BACKENDS;
        if asked.is_empty() {
            return Err(unsupported("no graphics interface of this system is known: no adapter"));
        }
        let mut description = wgpu::InstanceDescriptor::new_without_display_handle();
        description.backends = asked;
        // Without the debugging layers, which are slow.
        description.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(description);
        let mut adapters = pollster::block_on(instance.enumerate_adapters(asked));
        // The sort is stable: within a kind the order of the system counts.
        adapters.sort_by_key(|adapter| kind_of(adapter.get_info().device_type));
        let names: Vec<String> =
            adapters.iter().map(|adapter| adapter.get_info().name.clone()).collect();
        let wanted = part.to_lowercase();
        let Some(found) = names.iter().position(|name| name.to_lowercase().contains(&wanted))
        else {
            let asked: Vec<String> =
                asked.iter_names().map(|(name, _)| name.to_lowercase()).collect();
            let asked = asked.join(", ");
            return Err(unsupported(if names.is_empty() {
                format!("no graphics adapter: {asked} was asked, and has no driver here")
            } else {
                format!("no graphics adapter is called \"{part}\"; {asked} has {names:?}")
            }));
        };
        Self::open(&adapters[found])
    }

    fn open(adapter: &wgpu::Adapter) -> Result<Self> {
        let information = adapter.get_info();
        let name = information.name.clone();
        let subgroups = adapter.features().contains(wgpu::Features::SUBGROUP);
        let description = wgpu::DeviceDescriptor {
            label: Some("optiformer"),
            required_features: if subgroups {
                wgpu::Features::SUBGROUP
            } else {
                wgpu::Features::empty()
            },
            // All limits of the adapter, for large models.
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&description))
            .map_err(|error| unsupported(format!("{name} cannot be opened: {error}")))?;
        let lost = Arc::new(Mutex::new(None));
        let note = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            *note.lock().unwrap_or_else(|poison| poison.into_inner()) =
                Some(format!("{reason:?} {message}").trim().to_string());
        });
        // The default handler panics. Results that are missing for this reason are an error where
        // they are read.
        device.on_uncaptured_error(Arc::new(|_| {}));
        Ok(Self {
            device,
            queue,
            name,
            kind: kind_of(information.device_type),
            backend: information.backend,
            subgroups,
            lost,
        })
    }

    /// Name of the adapter, from its driver.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kind of the adapter.
    pub fn kind(&self) -> AdapterKind {
        self.kind
    }

    /// Graphics interface of the adapter: `vulkan`, `metal` or `dx12`.
    pub fn interface(&self) -> &'static str {
        self.backend.to_str()
    }

    /// Whether sums use subgroup operations.
    pub fn has_subgroups(&self) -> bool {
        self.subgroups
    }

    /// The adapter without its subgroup operations, for a comparison of both kinds of shaders.
    pub fn without_subgroups(mut self) -> Self {
        self.subgroups = false;
        self
    }

    /// Destroys the device, as a crash of the driver would.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.device.destroy();
    }

    /// The adapter of this machine for tests; `None`, with a message, if they are skipped.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Option<Self> {
        let wish = std::env::var("OPTIFORMER_GPU_TESTS").unwrap_or_default();
        let found = if wish == "skip" {
            Err("OPTIFORMER_GPU_TESTS=skip".to_string())
        } else {
            Self::best().map_err(|error| error.to_string())
        };
        let error = match found {
            Ok(gpu) => return Some(gpu),
            Err(error) => error,
        };
        assert!(wish != "required", "OPTIFORMER_GPU_TESTS=required, but {error}");
        // The test harness hides `eprintln` of a passing test.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped, no graphics processor was tested: {error}\n"),
        );
        None
    }

    /// Maximum number of bytes of a buffer that a shader can bind.
    pub(super) fn max_bytes(&self) -> u64 {
        let limits = self.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    /// Runs work and returns the failures that the interface reports asynchronously.
    pub(super) fn watch<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T> {
        let filters = [
            wgpu::ErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Validation,
            wgpu::ErrorFilter::Internal,
        ];
        let mut scopes = filters.map(|filter| Some(self.device.push_error_scope(filter)));
        let result = work();
        let mut first = None;
        // Scopes are closed in reverse order.
        for scope in scopes.iter_mut().rev() {
            let error = scope.take().and_then(|scope| pollster::block_on(scope.pop()));
            first = error.or(first);
        }
        if first.is_some() {
            // A lost device shows as invalid buffers; a poll makes it report the reason.
            let _ = self.device.poll(wgpu::PollType::Poll);
        }
        self.check(what)?;
        match first {
            Some(error) => Err(unsupported(format!("{what} on {}: {error}", self.name))),
            None => Ok(result),
        }
    }

    /// Returns an error if the device is lost.
    pub(super) fn check(&self, what: &str) -> Result<()> {
        match &*self.lost.lock().unwrap_or_else(|poison| poison.into_inner()) {
            Some(reason) => Err(unsupported(format!("{what}: {} was lost: {reason}", self.name))),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gpu")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("interface", &self.interface())
            .field("subgroups", &self.subgroups)
            .finish_non_exhaustive()
    }
}

fn kind_of(kind: wgpu::DeviceType) -> AdapterKind {
    match kind {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Other => AdapterKind::Unknown,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
    }
}

pub(super) fn unsupported(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, what)
}

pub(super) fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidValue, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_refuses_is_an_error() {
        let Some(gpu) = Gpu::for_tests() else { return };
        let size = gpu.device.limits().max_buffer_size + 4;
        let made = gpu.watch("a huge buffer", || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage: wgpu::BufferUsages::STORAGE,
                mapped_at_creation: false,
            })
        });
        let error = made.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.context().contains("a huge buffer"), "{error}");
        assert!(gpu.watch("nothing", || ()).is_ok());
    }
}

//! Ranking of candidates on a graphics processor, with the CPU as fallback.

use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

use super::{Device, GpuBranches, GpuModel, GpuPrefix};
use crate::{
    Error, ErrorKind, Result,
    samplers::{LogitsBackend, LogitsBatch, TokenSampler},
    tokenizer::vocabulary::{BINS, Token},
};

/// A model on the device with its contexts, as the backend of a [`TokenSampler`].
#[derive(Debug)]
struct GpuRanking {
    model: Arc<GpuModel>,
    device: Device,
    /// By the index of the sampler's cache.
    prefixes: [GpuPrefix; 2],
    /// The failure after which the CPU ranks.
    failure: Option<Error>,
}

impl LogitsBackend for GpuRanking {
    fn logits(&mut self, batch: &LogitsBatch<'_>) -> Option<Vec<f32>> {
        let (config, kind) = (self.model.config(), self.model.gpu().kind());
        if self.failure.is_some() || !self.device.gpu_pays(config, batch.max_tokens, kind) {
            return None;
        }
        if batch.questions.is_empty() {
            return Some(Vec::new());
        }
        self.compute(batch).map_err(|error| self.failure = Some(error)).ok()
    }

    fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}

impl GpuRanking {
    fn compute(&mut self, batch: &LogitsBatch<'_>) -> Result<Vec<f32>> {
        let LogitsBatch { cache, context, questions, .. } = batch;
        let prefix = &mut self.prefixes[*cache];
        let both = prefix.tokens().iter().zip(*context);
        let common = both.take_while(|(stored, wanted)| stored == wanted).count();
        prefix.truncate(common);
        if common < context.len() {
            self.model.extend(prefix, &context[common..])?;
        }
        // Questions of equal length form one item.
        let batches: Vec<(Vec<Token>, usize)> = questions
            .chunk_by(|one, other| one.len() == other.len())
            .map(|same| (same.concat(), same.len()))
            .collect();
        let items: Vec<GpuBranches<'_>> = batches
            .iter()
            .map(|(tokens, count)| GpuBranches { prefix, tokens, count: *count })
            .collect();
        self.model.logits(&items, 0..BINS as Token)
    }
}

impl TokenSampler {
    /// Ranks candidates on a graphics processor where `device` says so. The weights there must be
    /// those of the sampler's model. Sums are rounded in another order, so that the choice between
    /// equally good candidates may differ. After a failure,
    /// [`LogitsBackend::failure`] of
    /// [`backend`](Self::backend) has the reason, and the CPU ranks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] if the shapes of the two models differ,
    /// [`ErrorKind::Unsupported`] if the device has no room for a history.
    pub fn with_gpu(self, model: Arc<GpuModel>, device: Device) -> Result<Self> {
        if model.config() != self.model().config() {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!(
                    "the model on the graphics processor has the shape {:?}, the sampler's {:?}",
                    model.config(),
                    self.model().config()
                ),
            ));
        }
        let prefixes = [model.prefix(self.max_context())?, model.prefix(self.max_context())?];
        Ok(self.with_backend(Box::new(GpuRanking { model, device, prefixes, failure: None })))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{
        gpu::{Gpu, GpuPrecision},
        model::{Cache, Config, Model, Precision, Weights},
        samplers::{Request, Sampler, Suggestion, TokenSamplerOptions},
        space::{Parameter, Space},
        trial::Observation,
    };

    fn space() -> Space {
        Space::new(alloc::vec![
            Parameter::float("x", -1.0, 1.0),
            Parameter::categorical("kind", ["a", "b"]),
            Parameter::float("only_a", 0.0, 1.0).when("kind", ["a"]),
        ])
        .unwrap()
    }

    fn sampler(gpu: Option<(&Gpu, Device)>) -> TokenSampler {
        let (config, seed) = (Config::pico(), 5);
        let model = Arc::new(Model::random(config.clone(), seed, Precision::F32).unwrap());
        let sampler = TokenSampler::new(model, TokenSamplerOptions::default()).unwrap();
        let Some((gpu, device)) = gpu else { return sampler };
        let weights = Weights::random(&config, seed);
        let model = GpuModel::new(gpu, &config, &weights, GpuPrecision::F32).unwrap();
        sampler.with_gpu(Arc::new(model), device).unwrap()
    }

    fn ranking(sampler: &TokenSampler) -> &GpuRanking {
        let backend: &dyn core::any::Any = sampler.backend().unwrap();
        backend.downcast_ref().unwrap()
    }

    /// The suggestions for the histories of a study of another sampler, explained.
    fn suggestions(sampler: &mut TokenSampler, trials: usize) -> Vec<Suggestion> {
        let space = space();
        let mut history: Vec<Observation> = Vec::new();
        let mut suggestions = Vec::new();
        for number in 0..trials as u64 {
            let request =
                Request { space: &space, history: &history, pending: &[], number, seed: 3 };
            suggestions.push(sampler.explain(&request).unwrap());
            let configuration = crate::samplers::RandomSampler.suggest(&request).unwrap();
            let loss = configuration.values().iter().flatten().map(|x| (x - 0.3).powi(2)).sum();
            history.push(Observation::new(configuration, Some(loss)));
        }
        suggestions
    }

    #[test]
    fn both_processors_expect_the_same() {
        let Some(gpu) = Gpu::for_tests() else { return };
        let cpu = suggestions(&mut sampler(None), 18);
        let mut other = sampler(Some((&gpu, Device::Gpu)));
        let ranked = suggestions(&mut other, 18);
        assert_eq!(other.backend().unwrap().failure(), None);
        assert!(ranking(&other).prefixes.iter().all(|prefix| !prefix.is_empty()));
        assert!(other.caches().iter().all(Cache::is_empty), "the CPU ranked as well");
        for (number, (cpu, gpu)) in cpu.iter().zip(&ranked).enumerate() {
            let (Some(want), Some(have)) =
                (cpu.explanation.expectation, gpu.explanation.expectation)
            else {
                assert_eq!(cpu.explanation.expectation.is_some(), number >= 6);
                continue;
            };
            let (have, want) = (have.improvement, want.improvement);
            assert!((have - want).abs() <= 2e-3 * want.abs(), "{number}: {have}, not {want}");
        }
    }

    #[test]
    fn auto_leaves_software_alone_and_a_lost_device_is_replaced_by_the_cpu() {
        let Some(gpu) = Gpu::for_tests() else { return };
        let cpu = suggestions(&mut sampler(None), 10);
        if gpu.kind() == crate::gpu::AdapterKind::Software {
            let mut auto = sampler(Some((&gpu, Device::Auto)));
            assert_eq!(suggestions(&mut auto, 10), cpu);
            assert!(ranking(&auto).prefixes.iter().all(GpuPrefix::is_empty));
        }
        let mut lost = sampler(Some((&gpu, Device::Gpu)));
        gpu.lose();
        assert_eq!(suggestions(&mut lost, 10), cpu);
        let failure = lost.backend().unwrap().failure().unwrap();
        assert!(failure.context().contains("lost"), "{failure}");
    }
}

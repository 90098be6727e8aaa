//! Candidates ranked on a graphics processor, with the CPU behind it.

use alloc::{format, sync::Arc, vec::Vec};

use super::TokenSampler;
use crate::{
    Error, ErrorKind, Result,
    gpu::{Device, GpuBranches, GpuModel, GpuPrefix},
    tokenizer::vocabulary::{BINS, Token},
};

/// The model on the device, and the histories that it saw there.
#[derive(Debug)]
pub(super) struct GpuRanking {
    model: Arc<GpuModel>,
    device: Device,
    /// One for each search box, as the sampler's caches.
    prefixes: [GpuPrefix; 2],
    /// Why the CPU ranks from now on.
    failure: Option<Error>,
}

impl GpuRanking {
    /// The logits of the bins after each question, `[questions, BINS]`; `None` when the CPU is to
    /// rank.
    ///
    /// `looking` says which search box the context is of. `rows` is how many tokens a whole batch
    /// of candidates may have: the choice of the device hangs on it, and not on the batch at hand,
    /// so that all batches of a study go to one device.
    pub fn logits<'a>(
        &mut self,
        looking: usize,
        context: &[Token],
        questions: impl Iterator<Item = &'a [Token]>,
        rows: usize,
    ) -> Option<Vec<f32>> {
        let pays = self.device.gpu_pays(self.model.config(), rows, self.model.gpu().kind());
        if !pays || self.failure.is_some() {
            return None;
        }
        let questions: Vec<&[Token]> = questions.collect();
        if questions.is_empty() {
            return Some(Vec::new());
        }
        self.ask(looking, context, &questions).map_err(|error| self.failure = Some(error)).ok()
    }

    fn ask(
        &mut self,
        looking: usize,
        context: &[Token],
        questions: &[&[Token]],
    ) -> Result<Vec<f32>> {
        let prefix = &mut self.prefixes[looking];
        let both = prefix.tokens().iter().zip(context);
        let common = both.take_while(|(stored, wanted)| stored == wanted).count();
        prefix.truncate(common);
        if common < context.len() {
            self.model.extend(prefix, &context[common..])?;
        }
        // Those of one length lie together.
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
    /// The same sampler, which ranks its candidates on a graphics processor where `device` says so.
    /// The weights there must be those of the sampler's own model; sums are rounded in another
    /// order, so that of candidates that are as good as equal another may be chosen.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] when the two models have different shapes,
    /// [`ErrorKind::Unsupported`] when the device has no room for a history.
    pub fn with_gpu(mut self, model: Arc<GpuModel>, device: Device) -> Result<Self> {
        if model.config() != self.model.config() {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!(
                    "the model on the graphics processor has the shape {:?}, the sampler's {:?}",
                    model.config(),
                    self.model.config()
                ),
            ));
        }
        let prefixes = [model.prefix(self.most_tokens)?, model.prefix(self.most_tokens)?];
        self.gpu = Some(GpuRanking { model, device, prefixes, failure: None });
        Ok(self)
    }

    /// Why the graphics processor failed, once it has: the CPU has ranked since.
    pub fn gpu_failure(&self) -> Option<&Error> {
        self.gpu.as_ref()?.failure.as_ref()
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

    /// The reasons for the suggestions of a study whose trials another sampler made.
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
            history.push(Observation { configuration, loss: Some(loss) });
        }
        suggestions
    }

    #[test]
    fn both_processors_expect_the_same() {
        let Some(gpu) = Gpu::for_tests() else { return };
        let cpu = suggestions(&mut sampler(None), 18);
        let mut other = sampler(Some((&gpu, Device::Gpu)));
        let ranked = suggestions(&mut other, 18);
        assert_eq!(other.gpu_failure(), None);
        assert!(other.gpu.as_ref().unwrap().prefixes.iter().all(|prefix| !prefix.is_empty()));
        assert!(other.caches.iter().all(Cache::is_empty), "the CPU ranked as well");
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
            assert!(auto.gpu.as_ref().unwrap().prefixes.iter().all(GpuPrefix::is_empty));
        }
        let mut lost = sampler(Some((&gpu, Device::Gpu)));
        gpu.lose();
        assert_eq!(suggestions(&mut lost, 10), cpu);
        let failure = lost.gpu_failure().unwrap();
        assert!(failure.context().contains("lost"), "{failure}");
    }
}

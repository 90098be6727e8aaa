//! A model on a device.

use alloc::{format, sync::Arc, vec::Vec};
use core::{fmt, ops::Range};
use std::sync::{Mutex, MutexGuard, mpsc};

use super::{
    GpuBranches, GpuPrecision, GpuPrefix, TILE,
    batch::{Pass, Plan},
    buffers::{Fixtures, GpuBuffers, Pool, Sizes},
    device::{Gpu, invalid, unsupported},
    pipelines::{Pipeline, Pipelines, Strides},
    prefix::Pages,
    trials::TrialTables,
    weights::GpuWeights,
};
use crate::{
    Result,
    model::{Config, Sequence, Weights},
    tokenizer::vocabulary::Token,
};

/// Maximum number of rows that pass the layers together, which bounds the memory.
const MAX_ROWS: usize = 8192;

/// Weights of a model on a graphics processor, with shaders for their shape.
///
/// It can be shared between threads, whose calls are serialized.
pub struct GpuModel {
    gpu: Gpu,
    pub(super) config: Config,
    precision: GpuPrecision,
    weights: GpuWeights,
    pipelines: Pipelines,
    pub(super) trials: Option<TrialTables>,
    pages: Arc<Mutex<Pages>>,
    max_pages: usize,
    pub(super) max_rows: usize,
    state: Mutex<State>,
}

/// Mutable state of the calls.
#[derive(Default)]
pub(super) struct State {
    pool: Pool,
    buffers: Option<GpuBuffers>,
}

/// Maximum time of a callback after the device has finished.
const CALLBACK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

impl GpuModel {
    /// Uploads weights and builds the shaders.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`](crate::ErrorKind::InvalidWeights) if the weights do not fit
    /// the config, or a number is not finite in this precision;
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the device is out of memory, or
    /// lost.
    pub fn new(
        gpu: &Gpu,
        config: &Config,
        weights: &Weights,
        precision: GpuPrecision,
    ) -> Result<Self> {
        let uploaded = GpuWeights::new(gpu, config, weights, precision)?;
        let trials = TrialTables::new(config, weights, precision);
        let pipelines = Pipelines::new(gpu, config, precision, &uploaded.shapes)?;
        let max_bytes = usize::try_from(gpu.max_bytes()).unwrap_or(usize::MAX);
        let max_pages = max_bytes / Pool::page_bytes(config) as usize;
        let strides = Strides::new(config);
        let widest = strides.projected.max(strides.wide).max(config.vocabulary_size);
        Ok(Self {
            gpu: gpu.clone(),
            config: config.clone(),
            precision,
            weights: uploaded,
            pipelines,
            trials,
            pages: Arc::new(Mutex::new(Pages::new(max_pages))),
            max_pages,
            max_rows: MAX_ROWS.min(max_bytes / (4 * widest)),
            state: Mutex::default(),
        })
    }

    /// The shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Precision of the weights.
    pub fn precision(&self) -> GpuPrecision {
        self.precision
    }

    /// An empty history of at most `capacity` tokens.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for more tokens than the model
    /// has positions, [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the device is
    /// out of memory.
    pub fn prefix(&self, capacity: usize) -> Result<GpuPrefix> {
        if capacity > self.config.max_positions {
            return Err(invalid(format!(
                "{capacity} tokens are more than the model's {}",
                self.config.max_positions
            )));
        }
        GpuPrefix::new(&self.pages, capacity)
    }

    /// Appends tokens to a history. Does not wait for the device; the next call reports its
    /// failures.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): no tokens, a token outside the
    /// vocabulary, more tokens than the capacity, a history of another model.
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): the device is out of memory, or
    /// lost. The history is then unchanged.
    pub fn extend(&self, prefix: &mut GpuPrefix, tokens: &[Token]) -> Result<()> {
        self.extend_many(&mut [(prefix, tokens)])
    }

    /// Appends tokens to many histories in one submission.
    ///
    /// # Errors
    ///
    /// Those of [`extend`](Self::extend). On an error no history is changed.
    pub fn extend_many(&self, items: &mut [(&mut GpuPrefix, &[Token])]) -> Result<()> {
        for (prefix, tokens) in items.iter() {
            self.check(prefix, tokens, prefix.len() + tokens.len())?;
            if prefix.len() + tokens.len() > prefix.capacity() {
                return Err(invalid(format!(
                    "{} tokens after {} do not fit a history of {}",
                    tokens.len(),
                    prefix.len(),
                    prefix.capacity()
                )));
            }
        }
        if items.is_empty() {
            return Err(invalid("no histories"));
        }
        let views: Vec<(&GpuPrefix, &[Token])> =
            items.iter().map(|(prefix, tokens)| (&**prefix, *tokens)).collect();
        let plan = Plan::of_extensions(&views, self.max_rows);
        let mut state = self.state();
        self.prepare(&mut state, &plan, &[], 0)?;
        self.submit(&state, &plan, &[], 0)?;
        drop(state);
        for (prefix, tokens) in items {
            prefix.push(tokens);
        }
        Ok(())
    }

    /// Logits of a range of tokens after the last token of each branch, `[branches, tokens]` by
    /// item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): no items, an item without
    /// branches or tokens, a number of tokens that is not a multiple of the number of branches, a
    /// token or range outside the vocabulary, more tokens than the model has positions, a history
    /// of another model. [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): the device is
    /// out of memory, or lost, or its results are not finite.
    pub fn logits(&self, items: &[GpuBranches<'_>], range: Range<Token>) -> Result<Vec<f32>> {
        let columns = self.check_range(&range)?;
        if items.is_empty() {
            return Err(invalid("no branches"));
        }
        for item in items {
            let (count, length) = (item.count, item.tokens.len());
            if count == 0 || !length.is_multiple_of(count) {
                return Err(invalid(format!("{length} tokens for {count} branches")));
            }
            self.check(item.prefix, item.tokens, item.prefix.len() + length / count)?;
        }
        let plan = Plan::of_branches(items, &range, self.max_rows)?;
        self.answer(&plan, &[], columns)
    }

    /// Runs a plan and waits for its logits.
    pub(super) fn answer(&self, plan: &Plan, vectors: &[f32], columns: usize) -> Result<Vec<f32>> {
        let mut state = self.state();
        self.prepare(&mut state, plan, vectors, columns)?;
        let answers = self
            .submit(&state, plan, vectors, columns)
            .and_then(|()| self.read(&state, plan, columns));
        if answers.is_err() {
            // A buffer with a pending map cannot be used by the next call.
            state.buffers = None;
        }
        answers
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn check(&self, prefix: &GpuPrefix, tokens: &[Token], length: usize) -> Result<()> {
        self.config.check_sequence(Sequence::Tokens)?;
        if tokens.is_empty() {
            return Err(invalid("no tokens"));
        }
        let most = self.config.vocabulary_size;
        if let Some(place) = tokens.iter().position(|token| usize::from(*token) >= most) {
            return Err(invalid(format!("token {place} is {}, of {most}", tokens[place])));
        }
        self.check_length(prefix, length)
    }

    /// Checks that the history belongs to this model, and that the model has `length` positions.
    pub(super) fn check_length(&self, prefix: &GpuPrefix, length: usize) -> Result<()> {
        if !Arc::ptr_eq(&prefix.pages, &self.pages) {
            return Err(invalid("the history was made by another model"));
        }
        let most = self.config.max_positions;
        if length > most {
            let what = self.config.sequence().unit();
            return Err(invalid(format!("{length} {what} are more than the model's {most}")));
        }
        Ok(())
    }

    /// Checks a range of tokens and returns its length.
    pub(super) fn check_range(&self, range: &Range<Token>) -> Result<usize> {
        let (first, last) = (usize::from(range.start), usize::from(range.end));
        if first >= last || last > self.config.vocabulary_size {
            return Err(invalid(format!("tokens {first}..{last} are not of the vocabulary")));
        }
        Ok(last - first)
    }

    /// Allocates the buffers of a plan.
    pub(super) fn prepare(
        &self,
        state: &mut State,
        plan: &Plan,
        vectors: &[f32],
        columns: usize,
    ) -> Result<()> {
        let pages = self.pages.lock().unwrap_or_else(|poison| poison.into_inner()).count();
        if state.pool.grow(&self.gpu, &self.config, pages, self.max_pages)? {
            state.buffers = None;
        }
        let fixtures = Fixtures {
            gpu: &self.gpu,
            config: &self.config,
            weights: &self.weights,
            pipelines: &self.pipelines,
            max_rows: self.max_rows,
        };
        let sizes = Sizes::of(plan, vectors.len(), columns);
        state.buffers =
            Some(GpuBuffers::fitting(state.buffers.take(), sizes, &state.pool, &fixtures)?);
        Ok(())
    }

    /// Submits all passes of a plan together; `vectors` has their row vectors. Without columns,
    /// passes end with the keys and values of the last layer.
    pub(super) fn submit(
        &self,
        state: &State,
        plan: &Plan,
        vectors: &[f32],
        columns: usize,
    ) -> Result<()> {
        let Some(buffers) = &state.buffers else { return Err(unsupported("no room for a batch")) };
        self.gpu.watch("a batch", || {
            buffers.write(&self.gpu, plan, vectors);
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            let (mut end, mut copied) = (0, 0);
            for (index, pass) in plan.passes.iter().enumerate() {
                if self.trials.is_some() {
                    let size = 4 * (pass.rows * Strides::new(&self.config).hidden) as u64;
                    let (from, to) = (&buffers.vectors, &buffers.stream);
                    encoder.copy_buffer_to_buffer(from, copied, to, 0, size);
                    copied += size;
                }
                let mut compute = encoder.begin_compute_pass(&Default::default());
                let stage = index * 2 * GpuBuffers::stage_stride(&self.gpu);
                self.record(&mut compute, buffers, pass, stage, columns);
                drop(compute);
                let size = 4 * (pass.kept * columns) as u64;
                if size > 0 {
                    encoder.copy_buffer_to_buffer(&buffers.logits, 0, &buffers.answers, end, size);
                    end += size;
                }
            }
            self.gpu.queue.submit([encoder.finish()]);
        })
    }

    fn record(
        &self,
        compute: &mut wgpu::ComputePass<'_>,
        buffers: &GpuBuffers,
        pass: &Pass,
        stage: usize,
        columns: usize,
    ) {
        let kept_stage = stage + GpuBuffers::stage_stride(&self.gpu);
        let mut run = |pipeline: &Pipeline, group, stage: usize, x: usize, y: usize| {
            compute.set_pipeline(&pipeline.pipeline);
            compute.set_bind_group(0, group, &[stage as u32]);
            compute.dispatch_workgroups(x as u32, y as u32, 1);
        };
        let pipelines = &self.pipelines;
        let shapes = &self.weights.shapes;
        let fours = Strides::new(&self.config).hidden / 4;
        let pairs = self.config.hidden_size / 2;
        if self.trials.is_none() {
            run(&pipelines.embed, &buffers.embed, stage, fours.div_ceil(64), pass.rows);
        }
        let last = buffers.layers.len() - 1;
        for (index, layer) in buffers.layers.iter().enumerate() {
            run(&pipelines.rms_norm, &layer.attention_norm, stage, pass.rows, 1);
            let tiles = (shapes.attention.rows / TILE, pass.rows.div_ceil(TILE));
            run(&pipelines.attention, &layer.attention, stage, tiles.0, tiles.1);
            run(&pipelines.rope, &layer.rope, stage, pairs.div_ceil(64), pass.rows);
            if index == last && columns == 0 {
                return;
            }
            let (stage, rows, blocks) = if index == last {
                run(&pipelines.gather, &buffers.gather, kept_stage, fours.div_ceil(64), pass.kept);
                (kept_stage, pass.kept, pass.kept_blocks)
            } else {
                (stage, pass.rows, pass.blocks)
            };
            let tiles = rows.div_ceil(TILE);
            run(&pipelines.attend, &layer.attend, stage, blocks, self.config.heads);
            run(&pipelines.output, &layer.output, stage, shapes.output.rows / TILE, tiles);
            run(&pipelines.rms_norm, &layer.feed_forward_norm, stage, rows, 1);
            run(&pipelines.gate, &layer.gate, stage, shapes.gate.rows / TILE, tiles);
            run(&pipelines.down, &layer.down, stage, shapes.down.rows / TILE, tiles);
        }
        run(&pipelines.rms_norm, &buffers.norm, kept_stage, pass.kept, 1);
        let tiles = (columns.div_ceil(TILE), pass.kept.div_ceil(TILE));
        run(&pipelines.head, &buffers.head, kept_stage, tiles.0, tiles.1);
    }

    /// Waits for the logits.
    fn read(&self, state: &State, plan: &Plan, columns: usize) -> Result<Vec<f32>> {
        const WHAT: &str = "reading logits";
        let Some(buffers) = &state.buffers else { return Err(unsupported("no room for a batch")) };
        let failed = |error: &dyn fmt::Display| {
            self.gpu
                .check(WHAT)
                .err()
                .unwrap_or_else(|| unsupported(format!("{WHAT} on {}: {error}", self.gpu.name())))
        };
        let count: usize = plan.passes.iter().map(|pass| pass.kept * columns).sum();
        let slice = buffers.answers.slice(..4 * count as u64);
        let (sender, receiver) = mpsc::channel();
        self.gpu.watch(WHAT, || {
            slice.map_async(wgpu::MapMode::Read, move |result| {
                // The receiver is gone only after waiting has failed, which is an error already.
                let _ = sender.send(result);
            });
        })?;
        self.gpu
            .device
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|error| failed(&error))?;
        // Another thread that polls the device may be about to call the callback.
        match receiver.recv_timeout(CALLBACK_TIMEOUT) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(failed(&error)),
            Err(error) => return Err(failed(&error)),
        }
        let view = slice.get_mapped_range().map_err(|error| failed(&error))?;
        let logits: Vec<f32> = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        buffers.answers.unmap();
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(failed(&"a logit is not a number"));
        }
        Ok(logits)
    }
}

impl fmt::Debug for GpuModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GpuModel")
            .field("gpu", &self.gpu)
            .field("config", &self.config)
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_lost_device_is_an_error_with_its_reason() {
        let Some(gpu) = Gpu::for_tests() else { return };
        let config = Config { layers: 1, ..Config::pico() };
        let weights = Weights::random(&config, 1);
        let model = GpuModel::new(&gpu, &config, &weights, GpuPrecision::F32).unwrap();
        let mut prefix = model.prefix(100).unwrap();
        model.extend(&mut prefix, &[1, 2, 3]).unwrap();
        let ask = |prefix: &GpuPrefix| {
            model.logits(&[GpuBranches { prefix, tokens: &[4, 5], count: 2 }], 0..9)
        };
        assert!(ask(&prefix).is_ok());
        gpu.lose();
        for _ in 0..2 {
            let error = ask(&prefix).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.context().contains("lost"), "{error}");
        }
        assert!(model.extend(&mut prefix, &[4]).is_err());
        assert_eq!(prefix.tokens(), [1, 2, 3]);
        assert!(GpuModel::new(&gpu, &config, &weights, GpuPrecision::F32).is_err());
    }

    #[test]
    fn histories_move_when_the_pool_grows_and_end_where_the_device_does() {
        let Some(gpu) = Gpu::for_tests() else { return };
        let config = Config { layers: 1, ..Config::pico() };
        let weights = Weights::random(&config, 2);
        let mut model = GpuModel::new(&gpu, &config, &weights, GpuPrecision::F32).unwrap();
        // A device with room for six pages.
        model.pages = Arc::new(Mutex::new(Pages::new(6)));
        model.max_pages = 6;
        let mut first = model.prefix(100).unwrap();
        model.extend(&mut first, &[7; 100]).unwrap();
        let ask = |prefix: &GpuPrefix| {
            model.logits(&[GpuBranches { prefix, tokens: &[4], count: 1 }], 0..1200).unwrap()
        };
        let before = ask(&first);
        let mut second = model.prefix(200).unwrap();
        model.extend(&mut second, &[8; 200]).unwrap();
        assert_eq!(ask(&first), before);
        assert_ne!(ask(&second), before);
        let error = model.prefix(1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        drop(first);
        let mut again = model.prefix(100).unwrap();
        model.extend(&mut again, &[7; 100]).unwrap();
        assert_eq!(ask(&again), before);
    }
}

//! The state of a run, from its beginning or from a checkpoint.

use std::path::Path;

use optiformer::{Error, ErrorKind, Result, model::Config};
use tch::{Device, Tensor};

use super::{
    BatchSource,
    checkpoint::{Checkpoint, Progress},
    optimizer::Optimizer,
    options::TrainingOptions,
};
use crate::{
    export,
    network::{
        Network,
        layout::{self, ParameterTensor},
    },
};

/// What changes while training.
pub(super) struct TrainingRun {
    pub network: Network,
    average: Tensor,
    optimizer: Optimizer,
    pub progress: Progress,
}

impl TrainingRun {
    /// Begins a run, or goes on with the one in the directory's checkpoint.
    pub fn begin(
        config: &Config,
        options: &TrainingOptions,
        path: &Path,
        device: Device,
    ) -> Result<Self> {
        match (options.resume, path.exists()) {
            (true, true) => Self::resumed(config, options, path, device),
            (false, true) => {
                Err(refusal(path, "there is a run already; resume it or choose another directory"))
            }
            (_, false) => Self::fresh(config, options, device),
        }
    }

    /// The run of a checkpoint with the same config and settings.
    fn resumed(
        config: &Config,
        options: &TrainingOptions,
        path: &Path,
        device: Device,
    ) -> Result<Self> {
        let checkpoint = Checkpoint::load(path)?;
        if checkpoint.config != *config {
            return Err(refusal(path, &difference("the checkpoint", &checkpoint.config, config)));
        }
        if checkpoint.progress.settings != options.settings {
            return Err(refusal(
                path,
                &format!(
                    "the run was begun with other settings: {} (now: {})",
                    checkpoint.progress.settings, options.settings
                ),
            ));
        }
        let network = Network::with_parameters(config.clone(), checkpoint.parameters, device)
            .in_precision(options.precision);
        let mut optimizer = options.optimizer(&network);
        optimizer.first = checkpoint.first.to_device(device);
        optimizer.second = checkpoint.second.to_device(device);
        let average = checkpoint.average.to_device(device);
        Ok(Self { network, average, optimizer, progress: checkpoint.progress })
    }

    /// A run from step 0, with random weights or those of another file.
    fn fresh(config: &Config, options: &TrainingOptions, device: Device) -> Result<Self> {
        let network = match &options.begin_from {
            None => Network::new(config.clone(), device, options.seed),
            Some(other) => {
                let (theirs, parameters) = parameters_of(other)?;
                let Some(parameters) = widened(&theirs, parameters, config) else {
                    return Err(refusal(other, &difference("the weights", &theirs, config)));
                };
                Network::with_parameters(config.clone(), parameters, device)
            }
        }
        .in_precision(options.precision);
        let optimizer = options.optimizer(&network);
        let progress = Progress {
            step: 0,
            tokens: 0,
            seconds: 0.0,
            best: f64::INFINITY,
            since_best: 0,
            validation: (f64::NAN, f64::NAN),
            settings: options.settings.clone(),
        };
        Ok(Self { average: network.parameters().detach().copy(), network, optimizer, progress })
    }

    /// One optimizer step; returns the gradient's norm.
    pub fn step(&mut self, options: &TrainingOptions, rate: f64) -> f64 {
        self.progress.step += 1;
        let step = self.progress.step;
        let mut parameters = self.network.parameters().shallow_clone();
        let norm = self.optimizer.step(&mut parameters, step, rate, options.accumulate);
        tch::no_grad(|| {
            // Early on the average follows closely, so that it forgets where the weights began.
            let decay = options.average.min((step as f64 + 1.0) / (step as f64 + 10.0));
            let _ = self.average.lerp_(self.network.parameters(), 1.0 - decay);
        });
        norm
    }

    /// The averaged weights' mean score and value losses on the held-out batches.
    pub fn validate(&mut self, source: &dyn BatchSource) -> Result<(f64, f64)> {
        let network = self.network.like(&self.average);
        let (mut score, mut value, mut count) = (0.0, 0.0, 0.0);
        while let Some(examples) = source.validation(count as u64) {
            let examples = examples?;
            let (losses, _) = tch::no_grad(|| examples.losses(&network));
            score += losses.score.double_value(&[]);
            value += losses.value.double_value(&[]);
            count += 1.0;
        }
        let held_out = (score / count, value / count);
        let total = held_out.0 + held_out.1;
        self.progress.validation = held_out;
        if total < self.progress.best {
            self.progress.best = total;
            self.progress.since_best = 0;
        } else {
            self.progress.since_best += 1;
        }
        Ok(held_out)
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            config: self.network.config().clone(),
            progress: self.progress.clone(),
            parameters: self.network.parameters().detach().copy(),
            average: self.average.copy(),
            first: self.optimizer.first.copy(),
            second: self.optimizer.second.copy(),
        }
    }
}

/// The flat parameters in a checkpoint or a weights file, and their config.
fn parameters_of(path: &Path) -> Result<(Config, Tensor)> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", path.display())))?;
    if let Ok((network, _)) = export::load(&bytes, Device::Cpu) {
        return Ok((network.config().clone(), network.parameters().detach().copy()));
    }
    let checkpoint = Checkpoint::load(path)?;
    Ok((checkpoint.config, checkpoint.parameters))
}

/// Says that a file has another config.
fn difference(what: &str, theirs: &Config, wanted: &Config) -> String {
    let (theirs, wanted) = (theirs.to_json(), wanted.to_json());
    format!("{what}: another config: {theirs}, not {wanted}")
}

/// The parameters for a config that may have prediction slots which the other has not: these begin
/// at zero, so that the network computes what it did. `None` where the configs differ otherwise.
fn widened(theirs: &Config, parameters: Tensor, config: &Config) -> Option<Tensor> {
    if theirs == config {
        return Some(parameters);
    }
    if theirs.prediction_slots > 0
        || *config != (Config { prediction_slots: config.prediction_slots, ..theirs.clone() })
    {
        return None;
    }
    let (from, to) = (layout::parameter_tensors(theirs), layout::parameter_tensors(config));
    let sizes: Vec<i64> = from.iter().map(ParameterTensor::count).collect();
    let parts = parameters.split_with_sizes(sizes.as_slice(), 0);
    let parts: Vec<Tensor> = parts
        .into_iter()
        .zip(to.iter().zip(&sizes))
        .map(|(part, (to, size))| part.constant_pad_nd([0, to.count() - size]))
        .collect();
    Some(Tensor::cat(&parts, 0))
}

/// An error about a file.
fn refusal(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use optiformer::tokenizer::rows::Row;

    use super::*;
    use crate::{
        episodes::{self, EpisodeOptions},
        generators::{FunctionOptions, SampledFunction},
        network::tests::tiny,
    };

    #[test]
    fn prediction_slots_change_nothing_at_first() {
        let wide = tiny().with_trial_rows();
        let narrow = Config { prediction_slots: 0, ..wide.clone() };
        let before = Network::new(narrow.clone(), Device::Cpu, 4);
        let parameters = before.parameters().detach().copy();
        let widened = widened(&narrow, parameters.copy(), &wide).unwrap();
        let after = Network::with_parameters(wide.clone(), widened, Device::Cpu);
        let SampledFunction { function, optimum, rng, .. } =
            SampledFunction::draw(&FunctionOptions::default(), 8, 3);
        let draw = |prediction_share| {
            let options = EpisodeOptions { prediction_share, ..EpisodeOptions::default() };
            episodes::draw(&function, &optimum, &options, &mut rng.clone()).unwrap()
        };
        let (without, with) = (draw(0.0), draw(1.0));
        assert!(without.gp_bins.is_empty() && !with.gp_bins.is_empty());
        let difference = before.query_logits(&without) - after.query_logits(&without);
        assert!(difference.abs().max().double_value(&[]) < 1e-5);
        let mut stripped = with.clone();
        stripped.rows.clear();
        for row in with.rows.iter() {
            let mut entries = row.entries.to_vec();
            entries.retain(|entry| usize::from(entry.slot) < wide.slots);
            stripped.rows.push(Row { entries: &entries, tokens: row.tokens });
        }
        assert_ne!(stripped.rows, with.rows);
        let difference = after.query_logits(&stripped) - after.query_logits(&with);
        assert!(difference.abs().max().double_value(&[]) < 1e-5);
        let other = Config { layers: 3, ..wide.clone() };
        assert!(super::widened(&narrow, parameters.copy(), &other).is_none());
        assert!(super::widened(&wide, parameters, &narrow).is_none());
    }
}

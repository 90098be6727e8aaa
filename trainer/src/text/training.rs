//! The training loop of a language model of bytes.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use optiformer::{
    Error, ErrorKind, Result,
    model::{Config, Metadata, Precision},
};
use rand::SeedableRng;
use tch::{Device, Kind, Tensor};

use super::{VOCABULARY, corpus::Corpus};
use crate::{
    export,
    network::{Network, layout},
    random::SeededRng,
    training::optimizer::{Optimizer, OptimizerOptions},
};

/// How to train.
#[derive(Clone, Debug)]
pub struct TextTrainingOptions {
    /// Minutes at most; the schedule of the learning rate ends with whichever limit comes first.
    pub minutes: f64,
    /// Optimizer steps at most.
    pub steps: u64,
    /// Windows in a batch.
    pub batch: usize,
    /// Predicted bytes in a window.
    pub context: usize,
    /// Peak learning rate.
    pub rate: f64,
    /// Muon's learning rate for the blocks' matrices as a multiple of AdamW's.
    pub muon: f64,
    /// A weights file whose weights the run begins with; random ones without it.
    pub begin_from: Option<PathBuf>,
    /// Seed of weights and windows.
    pub seed: u64,
    /// What matrix products and attention are computed in.
    pub precision: Kind,
    /// The precision of the numbers in the weights file.
    pub stored: Precision,
    /// A sentence about the text, for the file's metadata.
    pub data: String,
    /// The weights file; nothing is written without it.
    pub output: Option<PathBuf>,
}

/// Weight decay of matrices.
const WEIGHT_DECAY: f64 = 0.05;
/// Gradients longer than this are shortened.
const CLIP: f64 = 1.0;
/// Steps over which the learning rate rises.
const WARM_UP: f64 = 30.0;
/// The lowest learning rate, as a share of the peak.
const LOWEST_RATE: f64 = 0.02;
/// Steps between validations.
const VALIDATE_EVERY: u64 = 250;
/// Windows of a validation, which are the same each time.
const VALIDATION_WINDOWS: usize = 64;

/// What training came to.
#[derive(Debug)]
pub struct TrainedText {
    /// The network with the last weights.
    pub network: Network,
    /// What its weights file says.
    pub metadata: Metadata,
    /// The loss on held-out windows, in nats a byte.
    pub held_out: f64,
}

/// Trains a network on windows of `training`, writes the weights file whenever it is validated and
/// in the end, and returns it. The learning rate rises, and falls to nearly nothing over the whole
/// run along half a cosine.
///
/// # Errors
///
/// A text that is shorter than a window; what the file system says.
pub fn train(
    config: &Config,
    (training, held_out): (&Corpus, &Corpus),
    options: &TextTrainingOptions,
    device: Device,
    interrupted: &AtomicBool,
) -> Result<TrainedText> {
    let network = first_network(config, options, device)?.in_precision(options.precision);
    let optimizer_options =
        OptimizerOptions { weight_decay: WEIGHT_DECAY, clip: CLIP, muon: Some(options.muon) };
    let entries = layout::parameter_tensors(config);
    let mut optimizer =
        Optimizer::new(network.parameters(), network.decay_mask(), &entries, optimizer_options);
    let mut rng = SeededRng::seed_from_u64(options.seed);
    let (started, mut step, mut smoothed) = (Instant::now(), 0, f64::NAN);
    loop {
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        let done = (minutes / options.minutes).max(step as f64 / options.steps as f64).min(1.0);
        let stop = done >= 1.0 || interrupted.load(Ordering::Relaxed);
        if stop || step > 0 && step % VALIDATE_EVERY == 0 {
            let held_out = validate(&network, held_out, options)?;
            let bytes = step * (options.batch * options.context) as u64;
            eprintln!(
                "{:.1} %, step {step}: loss {smoothed:.4}, held out {held_out:.4} nats a byte \
                 after {:.1} MB, {:.0} bytes a second",
                100.0 * done,
                bytes as f64 / 1e6,
                bytes as f64 / (60.0 * minutes)
            );
            let metadata = metadata(options, step, bytes, minutes, held_out);
            if let Some(path) = &options.output {
                export::save(&network, &metadata, options.stored, path)?;
            }
            if stop {
                return Ok(TrainedText { network, metadata, held_out });
            }
        }
        let rise = ((step + 1) as f64 / WARM_UP).min(1.0);
        let fall = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        let rate = options.rate * rise * (LOWEST_RATE + (1.0 - LOWEST_RATE) * fall);
        let windows = training.windows(options.batch, options.context + 1, &mut rng)?;
        let loss = network.next_token_loss(&windows.to_device(device));
        loss.backward();
        step += 1;
        let mut parameters = network.parameters().shallow_clone();
        optimizer.step(&mut parameters, step, rate, 1);
        let loss = loss.double_value(&[]);
        smoothed = if smoothed.is_nan() { loss } else { smoothed + 0.02 * (loss - smoothed) };
    }
}

/// A network with random weights, or with those of a file.
fn first_network(
    config: &Config,
    options: &TextTrainingOptions,
    device: Device,
) -> Result<Network> {
    let Some(path) = &options.begin_from else {
        return Ok(Network::new(config.clone(), device, options.seed));
    };
    let at = |kind: ErrorKind, what: &str| Error::new(kind, format!("{}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| at(ErrorKind::Io, &error.to_string()))?;
    let (network, metadata) =
        export::load(&bytes, device).map_err(|error| at(error.kind(), error.context()))?;
    if metadata.vocabulary != VOCABULARY || network.config() != config {
        return Err(at(ErrorKind::InvalidValue, "the weights are of another vocabulary or shape"));
    }
    Ok(network)
}

/// The mean loss on held-out windows, in nats a byte.
fn validate(network: &Network, held_out: &Corpus, options: &TextTrainingOptions) -> Result<f64> {
    let mut rng = SeededRng::seed_from_u64(0);
    let windows = held_out.windows(VALIDATION_WINDOWS, options.context + 1, &mut rng)?;
    let loss = tch::no_grad(|| -> Tensor {
        let batches = windows.to_device(network.device()).split(options.batch as i64, 0);
        let losses: Vec<Tensor> =
            batches.iter().map(|batch| network.next_token_loss(batch) * batch.size()[0]).collect();
        Tensor::stack(&losses, 0).sum(Kind::Double) / windows.size()[0]
    });
    Ok(loss.double_value(&[]))
}

fn metadata(
    options: &TextTrainingOptions,
    step: u64,
    bytes: u64,
    minutes: f64,
    held_out: f64,
) -> Metadata {
    Metadata {
        vocabulary: VOCABULARY.to_string(),
        score_rule: String::from("none"),
        trained_context: options.context,
        trained_parameters: 0,
        training: serde_json::json!({
            "data": options.data,
            "steps": step,
            "bytes": bytes,
            "minutes": minutes.round(),
            "held_out_loss": held_out,
        })
        .to_string(),
        ..Metadata::default()
    }
}

//! `optiformer-trainer train-text`: a small language model of bytes.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Args;
use optiformer::{
    Result,
    model::{Config, Precision},
};

use crate::{
    device::{ComputePrecision, DeviceChoice},
    text::{
        corpus::Corpus,
        training::{self, TextTrainingOptions},
    },
};

/// Trains a language model of bytes on text files, for studies that need one to serve: a LLaMA
/// whose token `i` is byte `i`.
///
/// Every fiftieth file is held out. Ctrl-C writes the weights so far and stops.
#[derive(Args, Debug)]
pub struct TrainText {
    /// A folder with text files, also below it; may be repeated. Every folder counts the same.
    #[arg(long, value_name = "DIR", required = true)]
    corpus: Vec<PathBuf>,
    /// Only files with these extensions, separated by commas.
    #[arg(long, value_delimiter = ',')]
    extensions: Vec<String>,
    /// The weights file, ending in .safetensors.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Minutes at most; the learning rate falls accordingly.
    #[arg(long, default_value_t = 15.0)]
    minutes: f64,
    /// Optimizer steps at most.
    #[arg(long, default_value_t = 1_000_000)]
    steps: u64,
    /// Width of the hidden state.
    #[arg(long, default_value_t = 128)]
    hidden: usize,
    /// Number of layers.
    #[arg(long, default_value_t = 5)]
    layers: usize,
    /// Attention heads in a layer.
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Width of the feed-forward part.
    #[arg(long, default_value_t = 384)]
    feed_forward: usize,
    /// Bytes of context.
    #[arg(long, default_value_t = 320)]
    context: usize,
    /// Windows of text in a batch.
    #[arg(long, default_value_t = 24)]
    batch: usize,
    /// Peak learning rate.
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f64,
    /// Muon's learning rate for the blocks' matrices as a multiple of the other's.
    #[arg(long, default_value_t = 6.7)]
    muon: f64,
    /// Begins with the weights of this file, which is of the same shape.
    #[arg(long, value_name = "FILE")]
    begin_from: Option<PathBuf>,
    /// Seed of weights and windows.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute: auto, cpu or cuda.
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
    /// Threads of the computation on a CPU; 0 leaves the choice to torch.
    #[arg(long, default_value_t = 0)]
    threads: i32,
    /// What matrix products are computed in: auto, f32 or bf16.
    #[arg(long, value_enum, default_value = "auto")]
    precision: ComputePrecision,
    /// How numbers are stored: f32, f16 or int8.
    #[arg(long, default_value = "int8", value_parser = Precision::by_name)]
    stored: Precision,
    /// A sentence about the text, for the file's metadata.
    #[arg(long, default_value = "text files")]
    data: String,
}

impl TrainText {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// A shape out of range, folders without text, what the file system says.
    pub fn run(&self, interrupted: &Arc<AtomicBool>) -> Result<()> {
        let config = Config {
            hidden_size: self.hidden,
            layers: self.layers,
            heads: self.heads,
            feed_forward_size: self.feed_forward,
            vocabulary_size: 256,
            max_positions: self.context,
            ..Config::pico()
        };
        config.validate()?;
        let device = self.device.resolve()?;
        if self.threads > 0 {
            tch::set_num_threads(self.threads);
        }
        let (training, held_out) = Corpus::read(&self.corpus, &self.extensions)?;
        eprintln!(
            "{:.2} M parameters on {device:?}; {:.1} MB of text, {:.1} MB held out",
            config.parameters() as f64 / 1e6,
            training.bytes() as f64 / 1e6,
            held_out.bytes() as f64 / 1e6
        );
        let options = TextTrainingOptions {
            minutes: self.minutes.max(0.01),
            steps: self.steps.max(1),
            batch: self.batch.max(1),
            context: self.context,
            rate: self.learning_rate,
            muon: self.muon,
            begin_from: self.begin_from.clone(),
            seed: self.seed,
            precision: self.precision.resolve(device),
            stored: self.stored,
            data: self.data.clone(),
            output: Some(self.output.clone()),
        };
        let trained =
            training::train(&config, (&training, &held_out), &options, device, interrupted)?;
        eprintln!("{:.4} nats a byte on held-out text", trained.held_out);
        Ok(())
    }
}

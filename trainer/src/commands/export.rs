//! `optiformer-trainer export`: a checkpoint as a weights file.

use std::path::PathBuf;

use clap::Args;
use optiformer::{
    Result,
    model::{Metadata, Precision, Sequence},
};
use tch::Device;

use crate::{export, network::Network, training::checkpoint::Checkpoint};

/// Turns a checkpoint into a weights file that the library, the tool and Hugging Face's
/// `LlamaForCausalLM` open.
#[derive(Args, Debug)]
pub struct Export {
    /// The checkpoint.
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// A file ending in .safetensors, or a directory, which also gets a config.json.
    #[arg(long, value_name = "PATH")]
    output: PathBuf,
    /// How numbers are stored: f32, f16, or int8 (a byte a number of a matrix, with a scale for
    /// each row).
    #[arg(long, default_value = "f16", value_parser = Precision::by_name)]
    precision: Precision,
    /// The last weights, not their running average.
    #[arg(long)]
    last: bool,
    /// The longest history the model was trained on: in trials (200 by default), or in tokens (512)
    /// for a model that reads a token a value.
    #[arg(long)]
    context: Option<usize>,
    /// The most parameters it was trained on.
    #[arg(long, default_value_t = 20)]
    parameters: usize,
    /// Divides the logits of scores.
    #[arg(long, default_value_t = 1.0)]
    score_temperature: f32,
    /// A sentence about the data, for the file's metadata.
    #[arg(long, default_value = "synthetic functions")]
    data: String,
}

impl Export {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// An unreadable checkpoint, weights that f16 cannot hold, what the file system says.
    pub fn run(&self) -> Result<()> {
        let checkpoint = Checkpoint::load(&self.checkpoint)?;
        let progress = &checkpoint.progress;
        let context = match checkpoint.config.sequence() {
            Sequence::Trials => 200,
            Sequence::Tokens => 512,
        };
        let metadata = Metadata {
            trained_context: self.context.unwrap_or(context),
            trained_parameters: self.parameters,
            score_temperature: self.score_temperature,
            training: serde_json::json!({
                "data": self.data,
                "steps": progress.step,
                "tokens": progress.tokens,
                "minutes": (progress.seconds / 60.0).round(),
                "held_out_score_loss": progress.validation.0,
                "held_out_value_loss": progress.validation.1,
                "settings": progress.settings,
            })
            .to_string(),
            ..Metadata::default()
        };
        let weights = if self.last { checkpoint.parameters } else { checkpoint.average };
        let network = Network::with_parameters(checkpoint.config, weights, Device::Cpu);
        export::save(&network, &metadata, self.precision, &self.output)
    }
}

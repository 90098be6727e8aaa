//! Everything that a run needs to go on exactly as if it had not stopped.

use std::{collections::HashMap, path::Path};

use optiformer::{Error, ErrorKind, Result, model::Config};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimizer steps made.
    pub step: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Seconds spent training, over all sessions.
    pub seconds: f64,
    /// The best validation loss.
    pub best: f64,
    /// Validations since it was reached.
    pub since_best: u64,
    /// The last validation's score loss and value loss.
    pub validation: (f64, f64),
    /// The settings that batches depend on, as JSON; a run goes on with the same ones only.
    pub settings: String,
}

/// The state of a run.
#[derive(Debug)]
pub struct Checkpoint {
    /// The shape of the network.
    pub config: Config,
    /// How far the run has come.
    pub progress: Progress,
    /// The flat parameters.
    pub parameters: Tensor,
    /// Their running average.
    pub average: Tensor,
    /// The optimizer's running mean of the gradient.
    pub first: Tensor,
    /// The optimizer's running mean of the squared gradient.
    pub second: Tensor,
}

impl Checkpoint {
    /// Writes to a temporary file beside `path`, which it then replaces: a killed process leaves
    /// the old checkpoint or the new one.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn save(&self, path: &Path) -> Result<()> {
        let tensors = [
            ("parameters", &self.parameters),
            ("average", &self.average),
            ("first", &self.first),
            ("second", &self.second),
        ];
        let bytes: Vec<(&str, Vec<u8>)> =
            tensors.map(|(name, tensor)| (name, to_bytes(tensor))).into_iter().collect();
        let views = bytes.iter().map(|(name, bytes)| {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)
                .expect("four bytes per number");
            (*name, view)
        });
        let metadata = HashMap::from([
            (String::from("config"), self.config.to_json()),
            (
                String::from("progress"),
                serde_json::to_string(&self.progress).expect("progress is plain data"),
            ),
        ]);
        let data = safetensors::serialize(views, Some(metadata))
            .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
        let temporary = path.with_extension("partial");
        std::fs::write(&temporary, data)?;
        std::fs::rename(temporary, path)?;
        Ok(())
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or is no checkpoint; the message names file and field.
    pub fn load(path: &Path) -> Result<Self> {
        let bad = |what: String| {
            let context = format!("{}: {what}", path.display());
            Error::new(ErrorKind::InvalidWeights, context)
        };
        let data = std::fs::read(path)
            .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", path.display())))?;
        let (_, header) =
            SafeTensors::read_metadata(&data).map_err(|error| bad(error.to_string()))?;
        let file = SafeTensors::deserialize(&data).map_err(|error| bad(error.to_string()))?;
        let entries = header.metadata().clone().unwrap_or_default();
        let entry = |key: &str| {
            entries.get(key).ok_or_else(|| bad(format!("metadata \"{key}\" is missing")))
        };
        let config = Config::from_json(entry("config")?)?;
        let progress = serde_json::from_str(entry("progress")?)
            .map_err(|error| bad(format!("metadata \"progress\": {error}")))?;
        let count: i64 = crate::network::layout::parameter_tensors(&config)
            .iter()
            .map(|entry| entry.count())
            .sum();
        let tensor = |name: &str| {
            let view = file.tensor(name).map_err(|error| bad(format!("{name}: {error}")))?;
            if view.dtype() != Dtype::F32 || view.data().len() as i64 != 4 * count {
                return Err(bad(format!("{name} does not have the config's {count} numbers")));
            }
            Ok(from_bytes(view.data()))
        };
        Ok(Self {
            parameters: tensor("parameters")?,
            average: tensor("average")?,
            first: tensor("first")?,
            second: tensor("second")?,
            config,
            progress,
        })
    }
}

fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    bytemuck::cast_slice(&crate::export::values(tensor)).to_vec()
}

fn from_bytes(bytes: &[u8]) -> Tensor {
    let values: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")))
        .collect();
    Tensor::from_slice(&values)
}

//! Batches of training examples, and where they come from.

use std::sync::{Arc, mpsc};

use optiformer::Result;

use crate::{
    episodes::Episode,
    network::{Losses, Network, batch::TokenBatch, rows::RowBatch},
    sequence::TrainingSequence,
};

/// The examples of a batch, in the format of the model.
#[derive(Clone, Debug)]
pub enum Examples {
    /// A token a value.
    Sequences(Vec<TrainingSequence>),
    /// A row a trial.
    Episodes(Vec<Episode>),
}

impl Examples {
    /// Their losses, and the number of tokens or rows.
    pub(super) fn losses(&self, network: &Network) -> (Losses, u64) {
        match self {
            Self::Sequences(sequences) => {
                let batch = TokenBatch::new(sequences, network.device());
                (network.losses(&batch), batch.count)
            }
            Self::Episodes(episodes) => {
                let batch = RowBatch::new(episodes, network.config().all_slots(), network.device());
                (network.row_losses(&batch), batch.count)
            }
        }
    }
}

/// Where batches come from. A batch depends on its number alone, so that a resumed run sees what an
/// uninterrupted one would.
pub trait BatchSource: Send + Sync {
    /// The batch of optimizer step `step`'s part; equal numbers give equal batches.
    ///
    /// # Errors
    ///
    /// What reading or making it says.
    fn training(&self, step: u64) -> Result<Examples>;

    /// Held-out batch `index`; `None` beyond the last.
    fn validation(&self, index: u64) -> Option<Result<Examples>>;
}

/// Makes batches ahead of time, in order, from number `first` on.
pub(super) fn prefetch(
    source: Arc<dyn BatchSource>,
    first: u64,
) -> mpsc::Receiver<Result<Examples>> {
    let (sender, receiver) = mpsc::sync_channel(16);
    std::thread::spawn(move || {
        for number in first.. {
            // The receiver is gone once training has ended.
            if sender.send(source.training(number)).is_err() {
                return;
            }
        }
    });
    receiver
}

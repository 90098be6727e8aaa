//! How well the transformer predicts told trials, one step ahead.

use super::{
    surrogate::{Conditioned, TransformerSurrogate, has_scale},
    view::Shown,
};
use crate::{
    Result, generation,
    space::{Configuration, Space},
    tokenizer::{
        numerical,
        sequence::LegalTokens,
        vocabulary::{BINS, Token},
    },
    trial::Observation,
};

/// Number of candidates that go through the weights together: bounds the memory of their logits.
const CHUNK: usize = 128;

impl TransformerSurrogate {
    /// The logarithm of the probability of the bin that a trial's outcome falls into, as predicted
    /// behind `before`; 0 where those trials give the scores no scale.
    ///
    /// # Errors
    ///
    /// What the model says.
    pub fn log_score(
        &mut self,
        space: &Space,
        before: &[Observation],
        trial: &Observation,
    ) -> Result<f64> {
        let Some(loss) = trial.loss.filter(|_| has_scale(before)) else { return Ok(0.0) };
        let shown = Shown::whole(space, before, self.max_trials());
        let conditioned = self.condition(space, &shown)?;
        let bin = usize::from(numerical::bin(conditioned.scale.score(loss))).min(BINS - 2);
        let mut probability = 0.0;
        let one = core::slice::from_ref(&trial.configuration);
        self.score_bins(&conditioned, one, |_, bins| {
            // Given that it does not fail: the other surrogate knows nothing of failures.
            let finite: f32 = bins[..BINS - 1].iter().sum();
            probability = f64::from(bins[bin]) / f64::from(finite.max(1e-6));
        })?;
        Ok(libm::log(probability.max(1e-9)))
    }

    /// Calls `each` with the index of every configuration and the probabilities of its score's
    /// bins, `[1000]`.
    ///
    /// # Errors
    ///
    /// What the model says.
    fn score_bins(
        &mut self,
        conditioned: &Conditioned,
        configurations: &[Configuration],
        mut each: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        let bins = LegalTokens { range: 0..BINS as Token, mask: None };
        for (number, chunk) in configurations.chunks(CHUNK).enumerate() {
            self.rows.clear();
            for configuration in chunk {
                conditioned.tokenizer.push_question(
                    configuration,
                    &conditioned.view,
                    &mut self.rows,
                );
            }
            self.model.questions(&self.cache, &self.rows, &mut self.workspace)?;
            self.logits.clear();
            self.logits.resize(chunk.len() * BINS, 0.0);
            let rows = 0..chunk.len();
            self.model.logits(&mut self.workspace, rows, 0..BINS as Token, &mut self.logits)?;
            for (index, row) in self.logits.chunks_exact_mut(BINS).enumerate() {
                generation::distribution(row, &bins, &self.sampling);
                each(number * CHUNK + index, row);
            }
        }
        Ok(())
    }
}

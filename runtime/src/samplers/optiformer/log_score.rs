//! How well the transformer predicts told trials, one step ahead.

use super::{context_trials::ContextTrials, surrogate::TransformerSurrogate};
use crate::{
    Result, generation,
    space::Space,
    tokenizer::{
        sequence::LegalTokens,
        vocabulary::{BINS, Token},
    },
    trial::Observation,
};

impl TransformerSurrogate {
    /// The logarithm of the probability of the bin that a trial's loss falls into, as predicted
    /// behind the trials that are `shown`, on the scale fitted to them, given that it does not
    /// fail; 0 for a failed trial.
    ///
    /// # Errors
    ///
    /// What the model says.
    pub fn log_score(
        &mut self,
        space: &Space,
        shown: &ContextTrials,
        trial: &Observation,
    ) -> Result<f64> {
        let Some(loss) = trial.loss else { return Ok(0.0) };
        let conditioned = self.condition(space, shown)?;
        self.rows.clear();
        let configuration = &trial.configuration;
        conditioned.tokenizer.push_question(configuration, &conditioned.search_box, &mut self.rows);
        self.model.questions(&self.cache, &self.rows, &mut self.workspace)?;
        self.logits.clear();
        self.logits.resize(BINS, 0.0);
        self.model.logits(&mut self.workspace, 0..1, 0..BINS as Token, &mut self.logits)?;
        let bins = LegalTokens { range: 0..BINS as Token, mask: None };
        generation::distribution(&mut self.logits, &bins, &self.sampling);
        // The other surrogate knows nothing of failures.
        let finite: f32 = self.logits[..BINS - 1].iter().sum();
        let bin = usize::from(conditioned.scale.bin(Some(loss)));
        let probability = f64::from(self.logits[bin]) / f64::from(finite.max(1e-6));
        Ok(libm::log(probability.max(1e-9)))
    }
}

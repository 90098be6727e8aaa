//! One-step-ahead log scores of the transformer.

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
    /// Logarithm of the predicted probability of the score bin of a trial, given the trials of the
    /// context and that the trial does not fail; 0 for a failed trial.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub fn log_score(
        &mut self,
        space: &Space,
        context: &ContextTrials,
        trial: &Observation,
    ) -> Result<f64> {
        let Some(loss) = trial.loss else { return Ok(0.0) };
        let conditioned = self.condition(space, context)?;
        self.rows.clear();
        let configuration = &trial.configuration;
        conditioned.tokenizer.push_question(configuration, &conditioned.search_box, &mut self.rows);
        self.model.questions(&self.cache, &self.rows, &mut self.workspace)?;
        self.logits.clear();
        self.logits.resize(BINS, 0.0);
        self.model.logits(&mut self.workspace, 0..1, 0..BINS as Token, &mut self.logits)?;
        let bins = LegalTokens { range: 0..BINS as Token, mask: None };
        generation::distribution(&mut self.logits, &bins, &self.sampling);
        // The Gaussian process does not predict failures.
        let finite: f32 = self.logits[..BINS - 1].iter().sum();
        let bin = usize::from(conditioned.scale.bin(Some(loss)));
        let probability = f64::from(self.logits[bin]) / f64::from(finite.max(1e-6));
        Ok(libm::log(probability.max(1e-9)))
    }
}

//! One-step-ahead log scores of the transformer.

use super::{context_trials::ContextTrials, surrogate::TransformerSurrogate};
use crate::{
    Result,
    space::{Configuration, Space},
    tokenizer::{
        ScoreScale,
        vocabulary::{BINS, Token},
    },
};
#[cfg(feature = "classical")]
use crate::{generation, tokenizer::sequence::LegalTokens, trial::Observation};

impl TransformerSurrogate {
    /// Writes the logits of the score bins of a configuration, given the trials of the context,
    /// into `logits`, `[1000]`; returns the scale that is fitted to these trials.
    ///
    /// # Errors
    ///
    /// Those of the model.
    pub(super) fn score_logits(
        &mut self,
        space: &Space,
        context: &ContextTrials,
        configuration: &Configuration,
    ) -> Result<ScoreScale> {
        let conditioned = self.condition(space, context)?;
        self.rows.clear();
        conditioned.tokenizer.push_question(configuration, &conditioned.search_box, &mut self.rows);
        self.model.questions(&self.cache, &self.rows, &mut self.workspace)?;
        self.logits.clear();
        self.logits.resize(BINS, 0.0);
        self.model.logits(&mut self.workspace, 0..1, 0..BINS as Token, &mut self.logits)?;
        Ok(conditioned.scale)
    }

    /// Logarithm of the predicted probability of the score bin of a trial, given the trials of the
    /// context and that the trial does not fail; 0 for a failed trial.
    ///
    /// # Errors
    ///
    /// Those of the model.
    #[cfg(feature = "classical")]
    pub fn log_score(
        &mut self,
        space: &Space,
        context: &ContextTrials,
        trial: &Observation,
    ) -> Result<f64> {
        let Some(loss) = trial.loss else { return Ok(0.0) };
        let scale = self.score_logits(space, context, &trial.configuration)?;
        let bins = LegalTokens { range: 0..BINS as Token, mask: None };
        generation::distribution(&mut self.logits, &bins, &self.sampling);
        // The Gaussian process does not predict failures.
        let finite: f32 = self.logits[..BINS - 1].iter().sum();
        let bin = usize::from(scale.bin(Some(loss)));
        let probability = f64::from(self.logits[bin]) / f64::from(finite.max(1e-6));
        Ok(libm::log(probability.max(1e-9)))
    }
}

use alloc::{vec, vec::Vec};

use super::{TokenSampler, context::Context};
use crate::{
    Result,
    acquisition::{Candidate, Prediction},
    generation::{self, SamplingOptions},
    tokenizer::{
        Tokenizer,
        sequence::LegalTokens,
        vocabulary::{BINS, Token},
    },
};

/// How many candidates go through the weights together: bounds the memory, and fills the kernels.
const ROWS: usize = 64;

impl TokenSampler {
    /// What the model expects of each candidate.
    pub(super) fn rank(
        &mut self,
        candidates: &[Candidate],
        tokenizer: &Tokenizer,
        context: &Context,
    ) -> Result<Vec<Prediction>> {
        let questions: Vec<Vec<u16>> = candidates
            .iter()
            .map(|candidate| {
                let mut tokens = Vec::with_capacity(tokenizer.trial_length());
                tokenizer.push_question(&candidate.configuration, &context.search_box, &mut tokens);
                tokens
            })
            .collect();
        // Conditions make questions of different lengths; those of one length go together.
        let mut order: Vec<usize> = (0..questions.len()).collect();
        order.sort_by_key(|index| questions[*index].len());
        let bins = LegalTokens { range: 0..BINS as u16, mask: None };
        let sampling = SamplingOptions {
            temperature: self.model.metadata().score_temperature * self.options.score_temperature,
            ..SamplingOptions::default()
        };
        let nothing = Prediction { mean: 0.0, deviation: 0.0, expected_improvement: 0.0 };
        let mut predictions = vec![nothing; candidates.len()];
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &mut self.gpu {
            let longest = self.options.policy + self.options.neighbours + self.options.spread;
            let ordered = order.iter().map(|index| questions[*index].as_slice());
            let rows = longest * tokenizer.trial_length();
            if let Some(mut logits) = gpu.logits(self.looking, &context.tokens, ordered, rows) {
                for (index, row) in order.iter().zip(logits.chunks_mut(BINS)) {
                    generation::distribution(row, &bins, &sampling);
                    predictions[*index] = Prediction::new(row, context.incumbent);
                }
                return Ok(predictions);
            }
        }
        // What all questions begin with is shown once: of several the separator and the first
        // parameter at least.
        let shared = shared_beginning(&questions);
        if let Some(first) = questions.first() {
            self.show(&context.tokens, &first[..shared])?;
        }
        let mut logits = Vec::new();
        for same_length in
            order.chunk_by(|one, other| questions[*one].len() == questions[*other].len())
        {
            for rows in same_length.chunks(ROWS) {
                let feed: Vec<u16> = rows
                    .iter()
                    .flat_map(|index| questions[*index][shared..].iter().copied())
                    .collect();
                self.branches.reset(rows.len(), questions[rows[0]].len() - shared);
                self.model.extend_branches(
                    &self.caches[self.looking],
                    &mut self.branches,
                    &feed,
                    &mut self.workspace,
                )?;
                logits.clear();
                logits.resize(rows.len() * BINS, 0.0);
                let (all, tokens) = (0..rows.len(), bins.range.clone());
                self.model.logits(&mut self.workspace, all, tokens, &mut logits)?;
                for (index, row) in rows.iter().zip(logits.chunks_mut(BINS)) {
                    generation::distribution(row, &bins, &sampling);
                    predictions[*index] = Prediction::new(row, context.incumbent);
                }
            }
        }
        Ok(predictions)
    }
}

/// How many tokens all questions begin with alike; at least one token of each is left over.
fn shared_beginning(questions: &[Vec<Token>]) -> usize {
    let Some((first, others)) = questions.split_first() else { return 0 };
    let alike = |other: &Vec<Token>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
    let shortest = questions.iter().map(Vec::len).min().unwrap_or(1);
    others.iter().map(alike).min().unwrap_or(0).min(shortest - 1)
}

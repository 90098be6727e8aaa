use alloc::{vec, vec::Vec};

use super::{LogitsBatch, TokenSampler, token_context::TokenContext};
use crate::{
    Result,
    acquisition::{Candidate, Improvement, Prediction},
    generation::{self, SamplingOptions},
    tokenizer::{
        Tokenizer,
        sequence::LegalTokens,
        vocabulary::{BINS, Token},
    },
};

/// Number of candidates that pass the layers together, which bounds the memory.
const ROWS: usize = 64;

impl TokenSampler {
    /// Predictions of the model for each candidate.
    pub(super) fn rank(
        &mut self,
        candidates: &[Candidate],
        tokenizer: &Tokenizer,
        context: &TokenContext,
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
        let improvement = Improvement::in_scores(context.incumbent);
        let nothing = Prediction { mean: 0.0, deviation: 0.0, expected_improvement: 0.0 };
        let mut predictions = vec![nothing; candidates.len()];
        if let Some(mut logits) = self.backend_logits(&questions, &order, tokenizer, context) {
            for (index, row) in order.iter().zip(logits.chunks_mut(BINS)) {
                generation::distribution(row, &bins, &sampling);
                predictions[*index] = Prediction::new(row, &improvement);
            }
            return Ok(predictions);
        }
        // The tokens that all questions begin with go through the model once.
        let shared = shared_beginning(&questions);
        if let Some(first) = questions.first() {
            self.fill_cache(&context.tokens, &first[..shared])?;
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
                    &self.caches[self.active_cache],
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
                    predictions[*index] = Prediction::new(row, &improvement);
                }
            }
        }
        Ok(predictions)
    }

    /// The logits of the score bins from the backend, if there is one and it takes the batch; the
    /// questions are passed in `order`.
    fn backend_logits(
        &mut self,
        questions: &[Vec<Token>],
        order: &[usize],
        tokenizer: &Tokenizer,
        context: &TokenContext,
    ) -> Option<Vec<f32>> {
        let backend = self.backend.as_mut()?;
        let candidates = self.options.num_policy_candidates
            + self.options.num_local_candidates
            + self.options.num_space_candidates;
        let batch = LogitsBatch {
            cache: self.active_cache,
            context: &context.tokens,
            questions: order.iter().map(|index| questions[*index].as_slice()).collect(),
            max_tokens: candidates * tokenizer.trial_length(),
        };
        backend.logits(&batch)
    }
}

/// Length of the common prefix of all questions, less than the length of each.
fn shared_beginning(questions: &[Vec<Token>]) -> usize {
    let Some((first, others)) = questions.split_first() else { return 0 };
    let alike = |other: &Vec<Token>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
    let shortest = questions.iter().map(Vec::len).min().unwrap_or(1);
    others.iter().map(alike).min().unwrap_or(0).min(shortest - 1)
}

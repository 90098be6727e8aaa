use alloc::{vec, vec::Vec};

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{TokenSampler, token_context::TokenContext};
use crate::{
    Result, generation,
    space::Configuration,
    tokenizer::{
        Tokenizer,
        vocabulary::{PAD, TRIAL_SEP, Token},
    },
};

impl TokenSampler {
    /// Draws configurations from the policy, parameter by parameter, all of them in step.
    ///
    /// Parameters that a drawn parent makes inactive are left out, so that configurations may
    /// end at different times; those that have ended are fed padding that nothing reads.
    pub(super) fn draw_policy(
        &mut self,
        tokenizer: &Tokenizer,
        context: &TokenContext,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<Vec<Configuration>> {
        let count = self.options.num_policy_candidates;
        if count > 0 {
            self.fill_cache(&context.tokens, &[])?;
        }
        let space = tokenizer.space();
        let legal: Vec<_> =
            (0..space.len()).map(|index| tokenizer.legal(index, &context.search_box)).collect();
        let mut drawn: Vec<Vec<Option<f64>>> = vec![Vec::with_capacity(space.len()); count];
        // The first parameter has no condition that could hold, so it is active in all.
        let mut asked: Vec<Option<usize>> = vec![Some(0); count];
        let mut feed: Vec<Token> = [TRIAL_SEP, tokenizer.slot(0)].repeat(count);
        self.branches.reset(count, tokenizer.trial_length());
        while count > 0 && asked.iter().any(Option::is_some) {
            self.model.extend_branches(
                &self.caches[self.active_cache],
                &mut self.branches,
                &feed,
                &mut self.workspace,
            )?;
            for row in 0..count {
                feed[2 * row] = PAD;
                feed[2 * row + 1] = PAD;
                let Some(index) = asked[row] else { continue };
                let legal = &legal[index];
                let mut logits = vec![0.0; legal.range.len()];
                let (rows, tokens) = (row..row + 1, legal.range.clone());
                self.model.logits(&mut self.workspace, rows, tokens, &mut logits)?;
                generation::distribution(&mut logits, legal, &self.options.sampling);
                let chosen = generation::draw(&logits, rng.random());
                let token = legal.range.start + chosen as Token;
                let fraction = rng.random();
                let value = tokenizer.decode(index, token, &context.search_box, fraction);
                let values = &mut drawn[row];
                values.push(Some(value));
                while values.len() < space.len() && !space.is_active(values.len(), values) {
                    values.push(None);
                }
                asked[row] = (values.len() < space.len()).then_some(values.len());
                if let Some(next) = asked[row] {
                    feed[2 * row] = token;
                    feed[2 * row + 1] = tokenizer.slot(next);
                }
            }
        }
        Ok(drawn.into_iter().map(Configuration::new).collect())
    }
}

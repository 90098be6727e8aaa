//! The output layer: logits of output states.

use alloc::{format, vec, vec::Vec};
use core::ops::Range;

use super::{Model, Workspace, buffer::grow, forward::invalid, workspace::ThreadBuffers};
use crate::{
    Result,
    kernels::{Destination, PANEL, padded},
    tokenizer::vocabulary::Token,
};

/// Number of rows whose logits are computed at a time.
const LOGIT_ROWS: usize = 24;

impl Model {
    /// Logits of a range of tokens for a range of the output states in [`Workspace::hidden`], to
    /// `out`, `[rows, tokens]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue): rows without states, tokens
    /// outside the vocabulary, a slice of the wrong length.
    pub fn logits(
        &self,
        workspace: &mut Workspace,
        rows: Range<usize>,
        tokens: Range<Token>,
        out: &mut [f32],
    ) -> Result<()> {
        let wide = tokens.len();
        let count = self.check_logits(workspace, &rows, &tokens)?;
        if out.len() != count * wide {
            let have = out.len();
            return Err(invalid(format!("{have} numbers for {count} rows of {wide}")));
        }
        let mut out = out.chunks_exact_mut(wide);
        self.each_logits(workspace, rows, tokens, |logits| {
            out.next().expect("a slice for each row").copy_from_slice(logits);
        })
    }

    /// Calls `each` with the logits of one row after another, while they are in the processor's
    /// cache.
    ///
    /// # Errors
    ///
    /// Those of [`logits`](Self::logits).
    pub(crate) fn each_logits(
        &self,
        workspace: &mut Workspace,
        rows: Range<usize>,
        tokens: Range<Token>,
        mut each: impl FnMut(&[f32]),
    ) -> Result<()> {
        self.check_logits(workspace, &rows, &tokens)?;
        let hidden = self.config.hidden_size;
        let (first, last) = (usize::from(tokens.start), usize::from(tokens.end));
        let Workspace { buffers, hidden: states } = workspace;
        let states = &states[rows.start * hidden..rows.end * hidden];
        // The panels that cover the range.
        let panels = (first / PANEL, last.div_ceil(PANEL));
        let stride = (panels.1 - panels.0) * PANEL;
        let from = first - panels.0 * PANEL;
        let ThreadBuffers { input, matrix_input, projected, .. } = &mut buffers[0];
        for states in states.chunks(LOGIT_ROWS * hidden) {
            let rows = states.len() / hidden;
            let input = grow(input, padded(rows) * hidden);
            input[..states.len()].copy_from_slice(states);
            matrix_input.load(self.kernels, self.precision, input, hidden, rows, hidden);
            let numbers = grow(projected, padded(rows) * stride);
            let to = Destination { numbers, stride, add: false };
            let x = (&*input, hidden);
            self.head.product_of_panels(self.kernels, x, matrix_input, rows, panels, to);
            for row in projected.chunks_exact(stride).take(rows) {
                each(&row[from..from + tokens.len()]);
            }
        }
        Ok(())
    }

    /// The output layer's weights for the tokens in a range, `[hidden, range]`: a row for each
    /// component of the state. The workspace's states are overwritten.
    ///
    /// # Errors
    ///
    /// A range outside the vocabulary.
    pub(crate) fn head_columns(
        &self,
        workspace: &mut Workspace,
        tokens: Range<Token>,
    ) -> Result<Vec<f32>> {
        let hidden = self.config.hidden_size;
        workspace.hidden.clear();
        workspace.hidden.resize(hidden * hidden, 0.0);
        // Quantization is exact for a row with a single number.
        workspace.hidden.iter_mut().step_by(hidden + 1).for_each(|state| *state = 1.0);
        let mut columns = vec![0.0; hidden * tokens.len()];
        self.logits(workspace, 0..hidden, tokens, &mut columns)?;
        Ok(columns)
    }

    /// Checks ranges of states and tokens; returns the number of rows.
    fn check_logits(
        &self,
        workspace: &Workspace,
        rows: &Range<usize>,
        tokens: &Range<Token>,
    ) -> Result<usize> {
        let (first, last) = (usize::from(tokens.start), usize::from(tokens.end));
        if first >= last || last > self.config.vocabulary_size {
            return Err(invalid(format!("tokens {first}..{last} are not of the vocabulary")));
        }
        let count = workspace.hidden.len() / self.config.hidden_size;
        if rows.start > rows.end || rows.end > count {
            return Err(invalid(format!("states {rows:?} of {count}")));
        }
        Ok(rows.len())
    }
}

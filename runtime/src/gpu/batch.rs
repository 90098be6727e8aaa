//! Batches: the rows of branches of many histories, encoded for the shaders.

use alloc::{format, vec::Vec};
use core::ops::Range;

use super::{
    device::{invalid, unsupported},
    prefix::GpuPrefix,
};
use crate::{
    Result,
    tokenizer::{rows::Rows, vocabulary::Token},
};

/// Number of rows of one history that attend in a workgroup.
const BLOCK: usize = 16;
/// Number of tokens of a history that pass the layers at a time. Workgroups do not share the keys
/// of these tokens.
const CHUNK: usize = 256;
/// Slot of a row whose key and value are not stored.
pub(super) const NO_SLOT: u32 = u32::MAX;
/// Words of a [`Stage`](../shaders/common.wgsl) in the shaders.
pub(super) const STAGE_WORDS: usize = 8;

/// Branches of one history, to compute the logits after their last tokens.
#[derive(Clone, Copy, Debug)]
pub struct GpuBranches<'a> {
    /// The history.
    pub prefix: &'a GpuPrefix,
    /// Tokens of the branches, `[count, k]`.
    pub tokens: &'a [Token],
    /// Number of branches.
    pub count: usize,
}

/// Questions and policy rows behind one history, to compute their logits.
#[derive(Clone, Copy, Debug)]
pub struct GpuQuestions<'a> {
    /// The history.
    pub prefix: &'a GpuPrefix,
    /// The rows; each sees the history and itself.
    pub rows: &'a Rows,
}

/// Rows that pass the layers together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pass {
    /// Number of rows, and of those with an output.
    pub rows: usize,
    pub kept: usize,
    /// Number of blocks of attention, in all layers but the last and in the last.
    pub blocks: usize,
    pub kept_blocks: usize,
}

/// Description of a batch for the shaders.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Pages of the histories, and rows, lists and blocks of each pass.
    pub words: Vec<u32>,
    /// Two stages per pass: one for all of its rows and one for those with an output.
    pub stages: Vec<[u32; STAGE_WORDS]>,
    pub passes: Vec<Pass>,
    open: OpenPass,
}

/// The pass under construction.
#[derive(Debug, Default)]
struct OpenPass {
    rows: Vec<[u32; 4]>,
    kept: Vec<u32>,
    blocks: Vec<[u32; 5]>,
    kept_blocks: Vec<[u32; 5]>,
}

/// Branches behind one history.
struct BranchRows<'a> {
    prefix: &'a GpuPrefix,
    pages_at: u32,
    /// Number of stored tokens or rows of the history.
    stored: usize,
    input: Input<'a>,
    /// Number of tokens of each branch.
    each: usize,
    /// Whether the rows are appended to the history, as a single branch.
    stores: bool,
}

/// The input of the layers.
#[derive(Clone, Copy)]
enum Input<'a> {
    /// Tokens with positions; each sees those of its branch up to itself.
    Tokens(&'a [Token]),
    /// A number of rows, uploaded as vectors, without positions. Rows of a history see one another;
    /// a question is a branch of one row.
    Rows(usize),
}

impl Input<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Rows(count) => *count,
        }
    }
}

impl Plan {
    /// A plan for the logits of `columns` after the last token of each branch, with at most
    /// `max_rows` rows per pass.
    ///
    /// The items are valid, except for their lengths.
    pub fn of_branches(
        items: &[GpuBranches<'_>],
        columns: &Range<Token>,
        max_rows: usize,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let columns = (u32::from(columns.start), u32::from(columns.end - columns.start));
        for item in items {
            let each = item.tokens.len() / item.count;
            if each > max_rows {
                return Err(invalid(format!(
                    "branches of {each} tokens are longer than the {max_rows} rows that fit"
                )));
            }
            let pages_at = plan.pages(item.prefix);
            let mut left = item.tokens;
            while !left.is_empty() {
                let room = (max_rows - plan.open.rows.len()) / each;
                if room == 0 {
                    plan.close(columns);
                    continue;
                }
                let (tokens, rest) = left.split_at(left.len().min(room * each));
                let stored = item.prefix.len();
                plan.add(&BranchRows {
                    prefix: item.prefix,
                    pages_at,
                    stored,
                    input: Input::Tokens(tokens),
                    each,
                    stores: false,
                });
                left = rest;
            }
        }
        plan.close(columns);
        Ok(plan)
    }

    /// A plan that appends tokens to histories.
    pub fn of_extensions(items: &[(&GpuPrefix, &[Token])], max_rows: usize) -> Self {
        let mut plan = Self::default();
        let tables: Vec<u32> = items.iter().map(|(prefix, _)| plan.pages(prefix)).collect();
        let size = CHUNK.min(max_rows);
        let longest = items.iter().map(|(_, tokens)| tokens.len()).max().unwrap_or(0);
        // A chunk of a history needs the keys and values of the previous one, so it is in a later
        // pass.
        for start in (0..longest).step_by(size) {
            for ((prefix, tokens), pages_at) in items.iter().zip(&tables) {
                let Some(left) = tokens.get(start..).filter(|left| !left.is_empty()) else {
                    continue;
                };
                let tokens = &left[..left.len().min(size)];
                if plan.open.rows.len() + tokens.len() > max_rows {
                    plan.close((0, 0));
                }
                plan.add(&BranchRows {
                    prefix,
                    pages_at: *pages_at,
                    stored: prefix.len() + start,
                    input: Input::Tokens(tokens),
                    each: tokens.len(),
                    stores: true,
                });
            }
            plan.close((0, 0));
        }
        plan
    }

    /// A plan for the logits of `columns` after each question, with at most `max_rows` rows per
    /// pass.
    ///
    /// The items are valid.
    pub fn of_questions(
        items: &[GpuQuestions<'_>],
        columns: &Range<Token>,
        max_rows: usize,
    ) -> Self {
        let mut plan = Self::default();
        let columns = (u32::from(columns.start), u32::from(columns.end - columns.start));
        for item in items {
            let prefix = item.prefix;
            let pages_at = plan.pages(prefix);
            let mut left = item.rows.len();
            while left > 0 {
                let count = left.min(max_rows - plan.open.rows.len());
                if count == 0 {
                    plan.close(columns);
                    continue;
                }
                let (stored, input) = (prefix.len(), Input::Rows(count));
                plan.add(&BranchRows { prefix, pages_at, stored, input, each: 1, stores: false });
                left -= count;
            }
        }
        plan.close(columns);
        plan
    }

    /// A plan that replaces the contents of histories by rows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a history of more than
    /// `max_rows` rows, which pass the layers together.
    pub fn of_histories(items: &[(&GpuPrefix, usize)], max_rows: usize) -> Result<Self> {
        let mut plan = Self::default();
        for (prefix, count) in items {
            if *count > max_rows {
                return Err(unsupported(format!(
                    "a history of {count} rows; {max_rows} fit the adapter's memory"
                )));
            }
            if plan.open.rows.len() + count > max_rows {
                plan.close((0, 0));
            }
            let pages_at = plan.pages(prefix);
            let input = Input::Rows(*count);
            plan.add(&BranchRows {
                prefix,
                pages_at,
                stored: 0,
                input,
                each: *count,
                stores: true,
            });
        }
        plan.close((0, 0));
        Ok(plan)
    }

    /// Maximum number of rows of a pass, and of rows with an output.
    pub fn most(&self) -> (usize, usize) {
        let rows = self.passes.iter().map(|pass| pass.rows).max();
        let kept = self.passes.iter().map(|pass| pass.kept).max();
        (rows.unwrap_or(0), kept.unwrap_or(0))
    }

    fn pages(&mut self, prefix: &GpuPrefix) -> u32 {
        let at = self.words.len();
        self.words.extend_from_slice(&prefix.table);
        at as u32
    }

    fn add(&mut self, piece: &BranchRows<'_>) {
        let BranchRows { each, stored, pages_at, input, .. } = *piece;
        let open = &mut self.open;
        let (first, length) = (open.rows.len(), input.len());
        for index in 0..length {
            let place = stored + index % each;
            let (token, position) = match input {
                Input::Tokens(tokens) => (u32::from(tokens[index]), place),
                Input::Rows(_) => (0, 0),
            };
            let branch = first + index - index % each;
            let slot = if piece.stores { piece.prefix.slot(place) } else { NO_SLOT };
            open.rows.push([token, position as u32, branch as u32, slot]);
        }
        // All keys and values of a history of rows are stored before its attention.
        let whole = piece.stores && matches!(input, Input::Rows(_));
        let (seen, most_own) = if whole { (length, 0) } else { (stored, each) };
        let block = |begin: usize, count: usize, own: usize| {
            [begin as u32, count as u32, seen as u32, pages_at, own.min(most_own) as u32]
        };
        for begin in (0..length).step_by(BLOCK) {
            let count = BLOCK.min(length - begin);
            let own = (begin..begin + count).map(|index| index % each + 1).max();
            open.blocks.push(block(first + begin, count, own.unwrap_or(0)));
        }
        let kept = open.kept.len();
        let lasts = (first + each - 1..first + length).step_by(each);
        open.kept.extend(lasts.map(|row| row as u32));
        for begin in (kept..open.kept.len()).step_by(BLOCK) {
            let count = BLOCK.min(open.kept.len() - begin);
            open.kept_blocks.push(block(begin, count, each));
        }
    }

    /// Finishes the open pass.
    fn close(&mut self, (first_column, columns): (u32, u32)) {
        let open = core::mem::take(&mut self.open);
        if open.rows.is_empty() {
            return;
        }
        let words = &mut self.words;
        let rows_at = words.len() as u32;
        words.extend(open.rows.as_flattened());
        let mut stage = |list: &mut dyn Iterator<Item = u32>, blocks: &[[u32; 5]]| {
            let list_at = words.len();
            words.extend(list);
            let (count, blocks_at) = (words.len() - list_at, words.len());
            words.extend(blocks.as_flattened());
            let numbers = [count as u32, rows_at, list_at as u32, blocks_at as u32];
            let [count, rows_at, list_at, blocks_at] = numbers;
            [count, rows_at, list_at, blocks_at, first_column, columns, 0, 0]
        };
        let all = stage(&mut (0..open.rows.len() as u32), &open.blocks);
        let kept = stage(&mut open.kept.iter().copied(), &open.kept_blocks);
        self.stages.extend([all, kept]);
        self.passes.push(Pass {
            rows: open.rows.len(),
            kept: open.kept.len(),
            blocks: open.blocks.len(),
            kept_blocks: open.kept_blocks.len(),
        });
    }
}

#[cfg(test)]
mod tests {
    use alloc::{sync::Arc, vec};
    use std::sync::Mutex;

    use super::*;
    use crate::{
        gpu::prefix::{PAGE, Pages},
        tokenizer::rows::Row,
    };

    fn prefix(length: usize) -> GpuPrefix {
        let pages = Arc::new(Mutex::new(Pages::new(100)));
        let mut prefix = GpuPrefix::new(&pages, 600).unwrap();
        prefix.push(&vec![3; length]);
        prefix
    }

    #[test]
    fn branches_are_split_between_passes_and_blocks_keep_to_their_history() {
        let (one, other) = (prefix(10), prefix(0));
        let (tokens, more) = (vec![5; 20 * 3], vec![6; 2 * 4]);
        let items = [
            GpuBranches { prefix: &one, tokens: &tokens, count: 20 },
            GpuBranches { prefix: &other, tokens: &more, count: 2 },
        ];
        let plan = Plan::of_branches(&items, &(7..9), 50).unwrap();
        let pass = |rows, kept, blocks, kept_blocks| Pass { rows, kept, blocks, kept_blocks };
        assert_eq!(plan.passes, [pass(48, 16, 3, 1), pass(20, 6, 2, 2)]);
        let [count, rows_at, list_at, blocks_at, first_column, columns, ..] = plan.stages[3];
        assert_eq!((count, first_column, columns), (6, 7, 2));
        let at = |start: u32, length: usize| &plan.words[start as usize..start as usize + length];
        assert_eq!(at(list_at, 6), [2, 5, 8, 11, 15, 19]);
        assert_eq!(at(rows_at + 4 * 11, 4), [5, 12, 9, NO_SLOT]);
        assert_eq!(at(rows_at + 4 * 19, 4), [6, 3, 16, NO_SLOT]);
        assert_eq!(at(blocks_at, 5), [0, 4, 10, 0, 3]);
        let [begin, count, stored, pages_at, own] = at(blocks_at + 5, 5) else { unreachable!() };
        assert_eq!([begin, count, stored, own], [&4, &2, &0, &4]);
        assert_eq!(at(*pages_at, other.table.len()), other.table);
        assert!(Plan::of_branches(&items, &(7..9), 3).is_err());
    }

    #[test]
    fn questions_see_themselves_and_a_history_s_rows_one_another() {
        let (one, other) = (prefix(10), prefix(3));
        let questions = |count| {
            let mut rows = Rows::new();
            (0..count).for_each(|_| rows.push(Row { entries: &[], tokens: &[5] }));
            rows
        };
        let (many, few) = (questions(40), questions(2));
        let items = [
            GpuQuestions { prefix: &one, rows: &many },
            GpuQuestions { prefix: &other, rows: &few },
        ];
        let plan = Plan::of_questions(&items, &(7..9), 30);
        let pass = |rows, kept, blocks, kept_blocks| Pass { rows, kept, blocks, kept_blocks };
        assert_eq!(plan.passes, [pass(30, 30, 2, 2), pass(12, 12, 2, 2)]);
        let at = |start: u32, length: usize| &plan.words[start as usize..start as usize + length];
        let [_, rows_at, _, blocks_at, ..] = plan.stages[2];
        assert_eq!(at(rows_at + 4 * 11, 4), [0, 0, 11, NO_SLOT]);
        let [begin, count, stored, _, own] = at(blocks_at + 5, 5) else { unreachable!() };
        assert_eq!([begin, count, stored, own], [&10, &2, &3, &1]);

        let plan = Plan::of_histories(&[(&one, 20), (&other, 5), (&one, 9)], 30).unwrap();
        assert_eq!(plan.passes, [pass(25, 2, 3, 2), pass(9, 1, 1, 1)]);
        let at = |start: u32, length: usize| &plan.words[start as usize..start as usize + length];
        let [_, rows_at, _, blocks_at, ..] = plan.stages[0];
        let slot = other.slot(4);
        assert_eq!(at(rows_at + 4 * 24, 4), [0, 0, 20, slot]);
        // Rows of all blocks see all 20 rows, and no branch.
        for (block, row) in [(0, 0), (1, 16)] {
            let [begin, _, stored, _, own] = at(blocks_at + 5 * block, 5) else { unreachable!() };
            assert_eq!([begin, stored, own], [&row, &20, &0]);
        }
        assert!(Plan::of_histories(&[(&one, 31)], 30).is_err());
    }

    #[test]
    fn extensions_go_chunk_by_chunk_into_their_slots() {
        let (one, other) = (prefix(60), prefix(0));
        let tokens = vec![5; CHUNK + 2];
        let plan = Plan::of_extensions(&[(&one, &tokens), (&other, &tokens[..7])], 8192);
        let rows: Vec<usize> = plan.passes.iter().map(|pass| pass.rows).collect();
        assert_eq!(rows, [CHUNK + 7, 2]);
        let rows_at = plan.stages[2][1] as usize;
        let position = 60 + CHUNK;
        let slot = one.table[position / PAGE] as usize * PAGE + position % PAGE;
        assert_eq!(plan.words[rows_at..rows_at + 4], [5, position as u32, 0, slot as u32]);
        let blocks_at = plan.stages[2][3] as usize;
        assert_eq!(plan.words[blocks_at..blocks_at + 5], [0, 2, position as u32, 0, 2]);
    }
}

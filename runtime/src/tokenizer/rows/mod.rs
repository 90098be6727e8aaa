//! Trials as pooled rows: the sequence `trials`.
//!
//! A trial takes one row instead of a token per value. A [`Rows`] lists what each row sums:
//!
//! ```text
//! row = Σ_j Slot[slot_j] · E[value_j] + Σ_k Embedding[token_k]
//! ```
//!
//! `Slot` is `[slots, hidden, features]`, `E` is `[vocabulary, features]`, and `Embedding` is
//! `[vocabulary, hidden]` (`trials.slots.weight`, `trials.values.weight` and
//! `model.embed_tokens.weight` of a weights file). The tokens are those of the
//! [vocabulary](super::vocabulary); some mean something else in a row than in the guide's sequence:
//!
//! | row | slots and values | tokens |
//! |---|---|---|
//! | thinking row `i` | none | `RESERVED + i` |
//! | space | per parameter: its kind ([`kind`]) | `BOS`, trials told, parameters, `EOS` in a box |
//! | trial | per parameter: its value, or [`INACTIVE`] | score bin, rank ([`rank_token`]) |
//! | question | per parameter: its value, or [`INACTIVE`] | `SCORE` |
//! | policy | values chosen so far | `TARGET_REGRET_k`, the next parameter's slot |
//!
//! The history (thinking rows, space, trials) is a set without positions: its rows see one another.
//! A question or policy row sees the history and itself.
//!
//! A model with [prediction slots](PREDICTION_SLOTS) also reads a Gaussian process's predictions:
//! that for each question, and for each trial the leave-one-out prediction and its residual. Its
//! logit of [`GATE`] says how much it trusts the process where both predict the score.

mod list;
mod prediction;

pub use list::{Entry, Row, Rows};
pub use prediction::{GATE, PREDICTION_SLOTS, PredictionTokens};

use alloc::{format, vec::Vec};

use super::{
    Tokenizer,
    vocabulary::{BOS, CATEGORIES, EOS, PAD, RESERVED, SCORE, SLOTS, TARGET_REGRET, Token},
};
use crate::{
    Error, ErrorKind, Result,
    space::{Configuration, Domain, SearchBox, Space},
    tokenizer::ScoreScale,
    trial::Observation,
};

/// Number of learned rows before the space row.
pub const THINKING_ROWS: usize = 8;
/// Value token of a parameter that is inactive in the trial.
pub const INACTIVE: Token = PAD;
/// Number of rows before the first trial.
pub const CONTEXT_ROWS: usize = THINKING_ROWS + 1;

/// Number of best trials whose rank is exact.
const EXACT_RANKS: usize = 16;
/// Number of rank tokens.
const RANKS: usize = (CATEGORIES.end - CATEGORIES.start) as usize;
/// First of the tokens that say how many trials were told, on a logarithmic scale.
const TRIALS_TOLD: Token = RESERVED.start + 16;
/// First of the tokens that say how many parameters there are.
const PARAMETERS: Token = RESERVED.start + 32;

/// Value tokens that describe a parameter's kind in the space row.
pub mod kind {
    use super::{RESERVED, Token};

    /// A continuous parameter.
    pub const FLOAT: Token = RESERVED.start;
    /// Added for a parameter on a logarithmic scale.
    pub const LOG: Token = RESERVED.start + 1;
    /// Added for a parameter that other parameters can deactivate.
    pub const CONDITIONAL: Token = RESERVED.start + 2;
    /// First of 16 tokens for ordered levels, on a logarithmic scale of their number.
    pub const LEVELS: Token = RESERVED.start + 16;
    /// First of 8 tokens for unordered choices, on a logarithmic scale of their number.
    pub const CHOICES: Token = RESERVED.start + 32;
}

/// Writes trials of one space as rows.
#[derive(Clone, Debug)]
pub struct RowTokenizer {
    tokenizer: Tokenizer,
    /// Per categorical parameter, the code of each choice; empty where codes are the choices'
    /// indices.
    codes: Vec<Vec<Token>>,
    /// The first of the prediction slots; `None` in a tokenizer without them.
    prediction_slot: Option<u8>,
}

impl RowTokenizer {
    /// A tokenizer that puts parameter `i` into slot `i` and gives choice `c` code `c`.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::new`].
    pub fn new(space: &Space) -> Result<Self> {
        Ok(Self { tokenizer: Tokenizer::new(space)?, codes: Vec::new(), prediction_slot: None })
    }

    /// A tokenizer like that of [`new`](Self::new), for a model with `slots` slots.
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::new`], and [`ErrorKind::Unsupported`] for more parameters than slots.
    pub fn with_slot_count(space: &Space, slots: usize) -> Result<Self> {
        if space.len() > slots {
            let context =
                format!("the model has {slots} slots and the space {} parameters", space.len());
            return Err(Error::new(ErrorKind::Unsupported, context));
        }
        Ok(Self::new(space)?.with_predictions_from(slots))
    }

    /// The same tokenizer, whose prediction slots lie behind `slots` slots of parameters, as many
    /// as the model has.
    ///
    /// # Panics
    ///
    /// If these are more than 64, the most that a model can have.
    pub fn with_predictions_from(mut self, slots: usize) -> Self {
        assert!(slots <= 64, "{slots} slots");
        self.prediction_slot = Some(slots as u8);
        self
    }

    /// A tokenizer with the given slots, and codes for the choices of each categorical parameter
    /// (`codes[i][c] < 64`, distinct for each parameter; an empty list for other parameters).
    ///
    /// # Errors
    ///
    /// Those of [`Tokenizer::with_slots`], and [`ErrorKind::InvalidValue`] for invalid codes.
    pub fn with_assignment(
        space: &Space,
        slots: Vec<usize>,
        codes: Vec<Vec<Token>>,
    ) -> Result<Self> {
        let tokenizer = Tokenizer::with_slots(space, slots)?;
        for (index, parameter) in space.parameters().iter().enumerate() {
            let domain = parameter.domain();
            let Some(codes) = codes.get(index).filter(|codes| !codes.is_empty()) else { continue };
            let fits = domain.is_categorical() && domain.levels() == Some(codes.len() as u64);
            let distinct = codes.iter().enumerate().all(|(i, code)| !codes[..i].contains(code));
            if !fits || !distinct || codes.iter().any(|code| usize::from(*code) >= RANKS) {
                let name = parameter.name();
                let context =
                    format!("parameter \"{name}\": codes {codes:?} do not name its choices");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
        }
        Ok(Self { tokenizer, codes, prediction_slot: None })
    }

    /// The tokenizer of single values.
    pub fn values(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The space.
    pub fn space(&self) -> &Space {
        self.tokenizer.space()
    }

    /// The token of a legal value of parameter `index`, as seen in `search_box`.
    pub fn value(&self, index: usize, value: f64, search_box: &SearchBox) -> Token {
        let token = self.tokenizer.value(index, value, search_box);
        match self.codes.get(index) {
            Some(codes) if !codes.is_empty() => {
                CATEGORIES.start + codes[usize::from(token - CATEGORIES.start)]
            }
            _ => token,
        }
    }

    /// Appends the thinking rows and the row that describes the space as seen in `search_box`,
    /// after `told` trials.
    pub fn push_context(&self, told: usize, search_box: &SearchBox, rows: &mut Rows) {
        for index in 0..THINKING_ROWS {
            rows.tokens.push(RESERVED.start + index as Token);
            rows.end_row();
        }
        let space = self.space();
        for (index, parameter) in space.parameters().iter().enumerate() {
            let mut describe = |value| rows.entries.push(Entry { slot: self.slot(index), value });
            describe(kind_token(parameter.domain(), index, search_box));
            if parameter.domain().is_log() {
                describe(kind::LOG);
            }
            if parameter.condition().is_some() {
                describe(kind::CONDITIONAL);
            }
        }
        rows.tokens.push(BOS);
        rows.tokens.push(TRIALS_TOLD + log2_bucket(told as u64).min(15));
        rows.tokens.push(PARAMETERS + space.len().min(31) as Token);
        if !search_box.is_whole() {
            rows.tokens.push(EOS);
        }
        rows.end_row();
    }

    /// Appends a told trial: `score` is the bin of its outcome, and `rank` comes from
    /// [`rank_token`], or is `None` for a failed trial.
    pub fn push_trial(
        &self,
        configuration: &Configuration,
        score: Token,
        rank: Option<Token>,
        search_box: &SearchBox,
        rows: &mut Rows,
    ) {
        self.push_values(configuration.values(), search_box, rows);
        rows.tokens.push(score);
        rows.tokens.extend(rank);
        rows.end_row();
    }

    /// Appends a whole history: the context, and a row for each trial with its score on `scale`.
    pub fn push_history(
        &self,
        trials: &[Observation],
        scale: &ScoreScale,
        search_box: &SearchBox,
        rows: &mut Rows,
    ) {
        self.push_history_with(trials, &[], scale, search_box, rows);
    }

    /// As [`push_history`](Self::push_history), for a model with prediction slots: `predictions[i]`
    /// is the Gaussian process's leave-one-out prediction for trial `i`. There may be fewer
    /// predictions than trials.
    ///
    /// # Panics
    ///
    /// If there are predictions, and the tokenizer has no slots for them
    /// ([`with_predictions_from`](Self::with_predictions_from)).
    pub fn push_history_with(
        &self,
        trials: &[Observation],
        predictions: &[PredictionTokens],
        scale: &ScoreScale,
        search_box: &SearchBox,
        rows: &mut Rows,
    ) {
        self.push_context(trials.len(), search_box, rows);
        let mut sorted: Vec<f64> = trials.iter().filter_map(|trial| trial.loss).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        for (index, trial) in trials.iter().enumerate() {
            let rank = trial.loss.map(|loss| {
                let better = sorted.partition_point(|other| other.total_cmp(&loss).is_lt());
                rank_token(better, sorted.len())
            });
            predictions.get(index).into_iter().for_each(|it| self.push_prediction(it, rows));
            self.push_trial(&trial.configuration, scale.bin(trial.loss), rank, search_box, rows);
        }
    }

    /// Appends a configuration whose score is asked for.
    pub fn push_question(
        &self,
        configuration: &Configuration,
        search_box: &SearchBox,
        rows: &mut Rows,
    ) {
        self.push_values(configuration.values(), search_box, rows);
        rows.tokens.push(SCORE);
        rows.end_row();
    }

    /// As [`push_question`](Self::push_question), for a model with prediction slots, with the
    /// Gaussian process's prediction for the configuration.
    ///
    /// # Panics
    ///
    /// If the tokenizer has no slots for it
    /// ([`with_predictions_from`](Self::with_predictions_from)).
    pub fn push_question_with(
        &self,
        configuration: &Configuration,
        prediction: &PredictionTokens,
        search_box: &SearchBox,
        rows: &mut Rows,
    ) {
        self.push_prediction(prediction, rows);
        self.push_question(configuration, search_box, rows);
    }

    /// Appends a row that asks for the value of parameter `chosen.len()`, given the values chosen
    /// for the parameters before it.
    ///
    /// # Panics
    ///
    /// If values are chosen for all parameters, or `regret_class` is above 2.
    pub fn push_policy(
        &self,
        chosen: &[Option<f64>],
        regret_class: usize,
        search_box: &SearchBox,
        rows: &mut Rows,
    ) {
        self.push_values(chosen, search_box, rows);
        rows.tokens.push(TARGET_REGRET[regret_class]);
        rows.tokens.push(self.tokenizer.slot(chosen.len()));
        rows.end_row();
    }

    fn slot(&self, index: usize) -> u8 {
        (self.tokenizer.slot(index) - SLOTS.start) as u8
    }

    fn push_prediction(&self, prediction: &PredictionTokens, rows: &mut Rows) {
        let PredictionTokens { median, deviation, residual } = *prediction;
        let values = [Some(median), Some(deviation), residual];
        let first = self.prediction_slot.expect("the tokenizer has prediction slots");
        for (value, slot) in values.into_iter().zip(first..) {
            rows.entries.extend(value.map(|value| Entry { slot, value }));
        }
    }

    fn push_values(&self, values: &[Option<f64>], search_box: &SearchBox, rows: &mut Rows) {
        for (index, value) in values.iter().enumerate() {
            let value = value.map_or(INACTIVE, |value| self.value(index, value, search_box));
            rows.entries.push(Entry { slot: self.slot(index), value });
        }
    }
}

/// The token of a trial's rank among `finite` trials with a loss, `better` of which have a smaller
/// one. The best ranks are exact, the others are a share of the history.
pub fn rank_token(better: usize, finite: usize) -> Token {
    let rank = if better < EXACT_RANKS {
        better
    } else {
        let share = (better - EXACT_RANKS) as f64 / (finite.max(better + 1) - EXACT_RANKS) as f64;
        EXACT_RANKS + (share * (RANKS - EXACT_RANKS) as f64) as usize
    };
    CATEGORIES.start + rank.min(RANKS - 1) as Token
}

/// The token of a parameter's kind; levels outside the search box do not count.
fn kind_token(domain: &Domain, index: usize, search_box: &SearchBox) -> Token {
    match domain.levels() {
        None => kind::FLOAT,
        Some(choices) if domain.is_categorical() => kind::CHOICES + log2_bucket(choices).min(7),
        Some(_) => {
            let level =
                |inner| domain.level_of(domain.from_unit(search_box.denormalize(index, inner)));
            let seen = level(1.0).saturating_sub(level(0.0)) + 1;
            kind::LEVELS + log2_bucket(seen).min(15)
        }
    }
}

/// `⌈log2(count + 1)⌉`: 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7, and so on.
fn log2_bucket(count: u64) -> Token {
    (u64::BITS - count.leading_zeros()) as Token
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::space::Parameter;

    fn space() -> Space {
        Space::new(vec![
            Parameter::float("x", 1e-3, 1.0).log(),
            Parameter::int("n", 1, 5),
            Parameter::categorical("c", ["a", "b", "d"]),
            Parameter::float("y", 0.0, 1.0).when("c", ["b"]),
        ])
        .unwrap()
    }

    #[test]
    fn a_history_is_context_and_a_row_for_each_trial() {
        let space = space();
        let tokenizer = RowTokenizer::new(&space).unwrap();
        let trial = |unit: &[f64], loss| Observation::new(space.from_unit(unit), loss);
        let trials = [
            trial(&[0.0, 0.5, 0.5, 0.25], Some(2.0)),
            trial(&[1.0, 0.0, 0.0, 0.0], None),
            trial(&[0.5, 0.9, 0.9, 0.0], Some(1.0)),
        ];
        let scale = ScoreScale::fit([2.0, 1.0]);
        let mut rows = Rows::new();
        tokenizer.push_history(&trials, &scale, &SearchBox::whole(4), &mut rows);
        assert_eq!(rows.len(), CONTEXT_ROWS + 3);
        let all: Vec<Row<'_>> = rows.iter().collect();
        assert_eq!(all[3].tokens, [RESERVED.start + 3]);
        let kinds: Vec<(u8, Token)> =
            all[THINKING_ROWS].entries.iter().map(|entry| (entry.slot, entry.value)).collect();
        assert_eq!(
            kinds,
            [
                (0, kind::FLOAT),
                (0, kind::LOG),
                (1, kind::LEVELS + 3),
                (2, kind::CHOICES + 2),
                (3, kind::FLOAT),
                (3, kind::CONDITIONAL)
            ]
        );
        assert_eq!(all[THINKING_ROWS].tokens, [BOS, TRIALS_TOLD + 2, PARAMETERS + 4]);
        let first = all[CONTEXT_ROWS];
        assert_eq!(first.entries[0], Entry { slot: 0, value: 0 });
        assert_eq!(first.entries[2].value, CATEGORIES.start + 1);
        assert_eq!(first.entries[3].value, 250);
        assert_eq!(first.tokens, [scale.bin(Some(2.0)), rank_token(1, 2)]);
        let failed = all[CONTEXT_ROWS + 1];
        assert_eq!(failed.entries[3].value, INACTIVE);
        assert_eq!(failed.tokens, [scale.bin(None)]);
    }

    #[test]
    fn assignments_move_slots_and_rename_choices() {
        let space = space();
        let codes = vec![vec![], vec![], vec![40, 3, 17], vec![]];
        let tokenizer = RowTokenizer::with_assignment(&space, vec![9, 2, 30, 5], codes).unwrap();
        let mut rows = Rows::new();
        let configuration = space.from_unit(&[0.5, 0.5, 0.9, 0.0]);
        tokenizer.push_question(&configuration, &SearchBox::whole(4), &mut rows);
        tokenizer.push_policy(&configuration.values()[..2], 0, &SearchBox::whole(4), &mut rows);
        let all: Vec<Row<'_>> = rows.iter().collect();
        let slots: Vec<u8> = all[0].entries.iter().map(|entry| entry.slot).collect();
        assert_eq!(slots, [9, 2, 30, 5]);
        assert_eq!(all[0].entries[2].value, CATEGORIES.start + 17);
        assert_eq!(all[0].tokens, [SCORE]);
        assert_eq!(all[1].entries.len(), 2);
        assert_eq!(all[1].tokens, [TARGET_REGRET[0], SLOTS.start + 30]);
    }

    #[test]
    fn predictions_lie_behind_the_slots_of_the_parameters() {
        let space = space();
        let tokenizer = RowTokenizer::with_slot_count(&space, 32).unwrap();
        let configuration = space.from_unit(&[0.5, 0.5, 0.5, 0.5]);
        let trials = [1.0, 1.0].map(|loss| Observation::new(configuration.clone(), Some(loss)));
        let scale = ScoreScale::fit([1.0]);
        let prediction = PredictionTokens::new(0.4004, 1e-5, Some(1.0));
        let mut rows = Rows::new();
        let whole = SearchBox::whole(4);
        tokenizer.push_history_with(&trials, &[prediction], &scale, &whole, &mut rows);
        let asked = PredictionTokens { residual: None, ..prediction };
        tokenizer.push_question_with(&configuration, &asked, &whole, &mut rows);
        let of = |index: usize| -> Vec<(u8, Token)> {
            let entries = rows.row(index).entries.iter();
            entries.map(|it| (it.slot, it.value)).filter(|(slot, _)| *slot >= 32).collect()
        };
        assert_eq!(of(CONTEXT_ROWS), [(32, 400), (33, 0), (34, 750)]);
        assert_eq!(of(CONTEXT_ROWS + 1), [], "a trial without a prediction");
        assert_eq!(of(CONTEXT_ROWS + 2), [(32, 400), (33, 0)]);
        assert_eq!(rows.row(CONTEXT_ROWS + 2).tokens, [SCORE]);
    }

    #[test]
    #[should_panic(expected = "the tokenizer has prediction slots")]
    fn a_tokenizer_without_prediction_slots_takes_no_predictions() {
        let space = space();
        let prediction = PredictionTokens::new(0.5, 0.1, None);
        let (configuration, whole) = (space.from_unit(&[0.5; 4]), SearchBox::whole(4));
        let tokenizer = RowTokenizer::new(&space).unwrap();
        tokenizer.push_question_with(&configuration, &prediction, &whole, &mut Rows::new());
    }

    #[test]
    fn ranks_are_exact_at_the_top_and_end_at_the_last_token() {
        let ranks: Vec<Token> = (0..200).map(|better| rank_token(better, 200)).collect();
        assert!(ranks.is_sorted());
        assert_eq!(&ranks[..3], &[CATEGORIES.start, CATEGORIES.start + 1, CATEGORIES.start + 2]);
        assert_eq!(ranks[199], CATEGORIES.end - 1);
        assert_eq!(rank_token(15, 16), CATEGORIES.start + 15);
    }
}

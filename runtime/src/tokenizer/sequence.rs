//! Trials as tokens.

use alloc::{format, vec, vec::Vec};
use core::ops::Range;

use super::{
    categorical, numerical,
    vocabulary::{BINS, BOS, CATEGORIES, SCORE, SLOTS, TARGET_REGRET, TRIAL_SEP, Token},
};
use crate::{
    Error, ErrorKind, Result,
    space::{Configuration, Domain, SearchBox, Space},
};

/// Maximum number of parameters of a space, with one slot token each.
pub const MOST_PARAMETERS: usize = (SLOTS.end - SLOTS.start) as usize;

/// Writes the trials of one space as tokens, and reads tokens as values.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    space: Space,
    slots: Vec<Token>,
}

/// Legal tokens for the value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct LegalTokens {
    /// Range that contains all legal tokens.
    pub range: Range<Token>,
    /// Whether each token of the range is legal; `None` if all are.
    pub mask: Option<Vec<bool>>,
}

impl Tokenizer {
    /// A tokenizer that names the parameters `x0`, `x1`, … in order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for more parameters, or more choices of a parameter, than the
    /// vocabulary has names.
    pub fn new(space: &Space) -> Result<Self> {
        Self::with_slots(space, (0..space.len().min(MOST_PARAMETERS)).collect())
    }

    /// A tokenizer that gives parameter `i` the name of slot `slots[i]`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), and [`ErrorKind::InvalidValue`] unless `slots` has one distinct
    /// slot below [`MOST_PARAMETERS`] per parameter.
    pub fn with_slots(space: &Space, slots: Vec<usize>) -> Result<Self> {
        if space.len() > MOST_PARAMETERS {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the model names {MOST_PARAMETERS} parameters and the space has {}",
                    space.len()
                ),
            ));
        }
        for parameter in space.parameters() {
            if let Domain::Categorical { choices } = parameter.domain()
                && choices.len() > categorical::MOST_CHOICES
            {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "parameter \"{}\" has {} choices and the model names {}",
                        parameter.name(),
                        choices.len(),
                        categorical::MOST_CHOICES
                    ),
                ));
            }
        }
        let distinct = slots.iter().enumerate().all(|(i, slot)| !slots[..i].contains(slot));
        if slots.len() != space.len() || !distinct || slots.iter().any(|s| *s >= MOST_PARAMETERS) {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!("slots {slots:?} do not name {} parameters", space.len()),
            ));
        }
        let slots = slots.into_iter().map(|slot| SLOTS.start + slot as Token).collect();
        Ok(Self { space: space.clone(), slots })
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Maximum number of tokens of a trial: a separator, a slot and a value per parameter, and two
    /// for the score.
    pub fn trial_length(&self) -> usize {
        2 * self.space.len() + 3
    }

    /// Start of a history: `BOS` and the requested regret class.
    pub fn prompt(regret_class: usize) -> [Token; 2] {
        [BOS, TARGET_REGRET[regret_class]]
    }

    /// The token of the name of parameter `index`.
    pub fn slot(&self, index: usize) -> Token {
        self.slots[index]
    }

    /// The token of a legal value of parameter `index`, as seen in `search_box`.
    pub fn value(&self, index: usize, value: f64, search_box: &SearchBox) -> Token {
        let domain = self.space.parameters()[index].domain();
        if domain.is_categorical() {
            categorical::encode(value as usize)
        } else {
            numerical::bin(search_box.normalize(index, domain.to_unit(value)))
        }
    }

    /// Appends `TRIAL_SEP (SLOT value)* SCORE`: a trial whose score comes next.
    pub fn push_question(
        &self,
        configuration: &Configuration,
        search_box: &SearchBox,
        tokens: &mut Vec<Token>,
    ) {
        tokens.push(TRIAL_SEP);
        for (index, value) in configuration.values().iter().enumerate() {
            if let Some(value) = value {
                tokens.push(self.slots[index]);
                tokens.push(self.value(index, *value, search_box));
            }
        }
        tokens.push(SCORE);
    }

    /// Appends a whole trial; `score` is the bin of its outcome.
    pub fn push_trial(
        &self,
        configuration: &Configuration,
        score: Token,
        search_box: &SearchBox,
        tokens: &mut Vec<Token>,
    ) {
        self.push_question(configuration, search_box, tokens);
        tokens.push(score);
    }

    /// The legal tokens, at least one, for the value of parameter `index` in `search_box`.
    pub fn legal(&self, index: usize, search_box: &SearchBox) -> LegalTokens {
        let domain = self.space.parameters()[index].domain();
        if let Domain::Categorical { choices } = domain {
            let end = CATEGORIES.start + choices.len() as Token;
            return LegalTokens { range: CATEGORIES.start..end, mask: None };
        }
        let mask = domain.levels().filter(|levels| *levels <= BINS as u64).map(|levels| {
            let mut mask = vec![false; BINS];
            let mut nearest = (f64::INFINITY, 0);
            for level in 0..levels {
                let inner = search_box.normalize(index, domain.to_unit(domain.level(level)));
                if (0.0..=1.0).contains(&inner) {
                    mask[usize::from(numerical::bin(inner))] = true;
                }
                nearest = if (inner - 0.5).abs() < nearest.0 {
                    ((inner - 0.5).abs(), usize::from(numerical::bin(inner)))
                } else {
                    nearest
                };
            }
            // A box between two levels gets the level that is closest to it.
            if !mask.contains(&true) {
                mask[nearest.1] = true;
            }
            mask
        });
        LegalTokens { range: 0..BINS as Token, mask }
    }

    /// The value of parameter `index` that a legal token stands for; always legal.
    ///
    /// `fraction` in `[0, 1)` is the position of a continuous value inside its bin; ½ is the
    /// center. See [`numerical::within`] for the first and the last bin.
    pub fn decode(&self, index: usize, token: Token, search_box: &SearchBox, fraction: f64) -> f64 {
        let domain = self.space.parameters()[index].domain();
        if domain.is_categorical() {
            return domain.level(categorical::decode(token).unwrap_or(0) as u64);
        }
        let inner = if domain.levels().is_some() {
            numerical::center(token)
        } else {
            numerical::within(token, fraction)
        };
        domain.from_unit(search_box.denormalize(index, inner))
    }
}

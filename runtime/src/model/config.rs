//! Shape of a model, and metadata of a weights file.

use alloc::{
    format,
    string::{String, ToString},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, ErrorKind, Result,
    tokenizer::rows::{CONTEXT_ROWS, PREDICTION_SLOTS, Rows},
};

/// The shape of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Width of the hidden state.
    pub hidden_size: usize,
    /// Number of decoder layers.
    #[serde(rename = "num_hidden_layers")]
    pub layers: usize,
    /// Number of attention heads; divides `hidden_size` into even parts.
    #[serde(rename = "num_attention_heads")]
    pub heads: usize,
    /// Width of the feed-forward part.
    #[serde(rename = "intermediate_size")]
    pub feed_forward_size: usize,
    /// Number of tokens.
    #[serde(rename = "vocab_size")]
    pub vocabulary_size: usize,
    /// Maximum length of a sequence, in tokens or rows.
    #[serde(rename = "max_position_embeddings")]
    pub max_positions: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Added to the mean square before its root is taken.
    #[serde(rename = "rms_norm_eps")]
    pub norm_epsilon: f32,
    /// Whether the output matrix is the embedding matrix.
    #[serde(rename = "tie_word_embeddings")]
    pub tie_embeddings: bool,
    /// Number of parameter slots of a model that reads one row per trial ([`Sequence::Trials`]); 0
    /// for a model that reads one token per value.
    #[serde(rename = "trial_slots", default, skip_serializing_if = "is_zero")]
    pub slots: usize,
    /// Number of features of a value in such a row; 0 for a model that reads tokens.
    #[serde(rename = "trial_features", default, skip_serializing_if = "is_zero")]
    pub value_features: usize,
    /// Number of slots behind those of the parameters for the prediction of a Gaussian process:
    /// [`PREDICTION_SLOTS`](crate::tokenizer::rows::PREDICTION_SLOTS), or 0 for a model that reads
    /// none.
    #[serde(rename = "trial_prediction_slots", default, skip_serializing_if = "is_zero")]
    pub prediction_slots: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Representation of a history for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// One token per value, with positions ([`tokenizer::sequence`](crate::tokenizer::sequence)).
    Tokens,
    /// One pooled row per trial, without positions ([`tokenizer::rows`](crate::tokenizer::rows)).
    Trials,
}

impl Sequence {
    /// `tokens` or `trials`, as in a weights file's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Trials => "trials",
        }
    }

    /// The unit of a length, for messages.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Trials => "rows",
        }
    }
}

/// The names of the presets, small to large.
pub const PRESETS: [&str; 5] = ["pico", "nano", "small", "base", "large"];

impl Config {
    const fn of(hidden_size: usize, layers: usize, heads: usize, feed_forward_size: usize) -> Self {
        Self {
            hidden_size,
            layers,
            heads,
            feed_forward_size,
            vocabulary_size: crate::tokenizer::vocabulary::SIZE,
            max_positions: 2048,
            rope_theta: 10_000.0,
            norm_epsilon: 1e-5,
            tie_embeddings: false,
            slots: 0,
            value_features: 0,
            prediction_slots: 0,
        }
    }

    /// The same shape for a model that reads one row per trial, with 32 slots for parameters, slots
    /// for predictions, and 32 features per value.
    pub const fn with_trial_rows(mut self) -> Self {
        self.slots = 32;
        self.value_features = 32;
        self.prediction_slots = PREDICTION_SLOTS;
        self
    }

    /// Number of slots in all, for parameters and predictions.
    pub fn all_slots(&self) -> usize {
        self.slots + self.prediction_slots
    }

    /// Representation of a history for the model.
    pub fn sequence(&self) -> Sequence {
        if self.slots == 0 { Sequence::Tokens } else { Sequence::Trials }
    }

    /// Checks that a model of this shape reads this representation.
    pub(crate) fn check_sequence(&self, given: Sequence) -> Result<()> {
        let own = self.sequence();
        if own == given {
            return Ok(());
        }
        let (own, given) = (own.name(), given.name());
        let context = format!("the model's sequence is \"{own}\", not \"{given}\"");
        Err(Error::new(ErrorKind::InvalidValue, context))
    }

    /// Checks that rows are present and valid for a model of this shape.
    pub(crate) fn check_rows(&self, rows: &Rows) -> Result<()> {
        self.check_sequence(Sequence::Trials)?;
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidValue, what));
        if rows.is_empty() {
            return refuse(String::from("no rows"));
        }
        let (slots, vocabulary) = (self.all_slots(), self.vocabulary_size);
        for (index, row) in rows.iter().enumerate() {
            for entry in row.entries {
                if usize::from(entry.slot) >= slots {
                    return refuse(format!("row {index}: slot {} is not of {slots}", entry.slot));
                }
            }
            let values = row.entries.iter().map(|entry| entry.value);
            let mut tokens = values.chain(row.tokens.iter().copied());
            if let Some(token) = tokens.find(|token| usize::from(*token) >= vocabulary) {
                return refuse(format!("row {index}: token {token} is not of {vocabulary}"));
            }
        }
        Ok(())
    }

    /// 1.4 million parameters: embedded, trains on a CPU.
    pub const fn pico() -> Self {
        Self::of(128, 4, 4, 512)
    }

    /// 6.9 million parameters: the everyday model.
    pub const fn nano() -> Self {
        Self::of(256, 6, 8, 1024)
    }

    /// 20 million parameters: validation.
    pub const fn small() -> Self {
        Self::of(384, 8, 12, 1536)
    }

    /// 52 million parameters: production.
    pub const fn base() -> Self {
        Self::of(512, 12, 16, 2048)
    }

    /// 153 million parameters: full scale.
    pub const fn large() -> Self {
        Self::of(768, 16, 16, 3072)
    }

    /// The preset called `name`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] for another name; the message lists the names.
    pub fn preset(name: &str) -> Result<Self> {
        Ok(match name {
            "pico" => Self::pico(),
            "nano" => Self::nano(),
            "small" => Self::small(),
            "base" => Self::base(),
            "large" => Self::large(),
            _ => {
                let context = format!("no preset is called \"{name}\"; there are {PRESETS:?}");
                return Err(Error::new(ErrorKind::InvalidValue, context));
            }
        })
    }

    /// Width of an attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Number of parameters of the model.
    pub fn parameters(&self) -> usize {
        let (hidden, wide) = (self.hidden_size, self.feed_forward_size);
        let layer = 4 * hidden * hidden + 3 * hidden * wide + 2 * hidden;
        let tables = if self.tie_embeddings { 1 } else { 2 };
        let rows = self.value_features * (self.vocabulary_size + self.all_slots() * hidden);
        self.layers * layer + hidden + tables * self.vocabulary_size * hidden + rows
    }

    /// Checks that the numbers are consistent and within their limits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`], naming the field as `config.json` does.
    pub fn validate(&self) -> Result<()> {
        let check = |good: bool, what: String| {
            if good { Ok(()) } else { Err(Error::new(ErrorKind::InvalidWeights, what)) }
        };
        for (field, value, most) in [
            ("hidden_size", self.hidden_size, 1 << 14),
            ("num_hidden_layers", self.layers, 1 << 8),
            ("num_attention_heads", self.heads, 1 << 8),
            ("intermediate_size", self.feed_forward_size, 1 << 16),
            ("vocab_size", self.vocabulary_size, (1 << 16) - 1),
            ("max_position_embeddings", self.max_positions, 1 << 16),
        ] {
            check((1..=most).contains(&value), format!("{field} {value} is not in 1..={most}"))?;
        }
        check(
            self.hidden_size.is_multiple_of(self.heads) && self.head_size().is_multiple_of(2),
            format!(
                "num_attention_heads {} does not divide hidden_size {} into even parts",
                self.heads, self.hidden_size
            ),
        )?;
        // Bounds the table of the rotary embedding.
        check(
            self.max_positions * self.head_size() <= 1 << 22,
            format!(
                "max_position_embeddings {} is too much for heads of {}",
                self.max_positions,
                self.head_size()
            ),
        )?;
        check(
            self.slots <= 64 && self.value_features <= 1 << 10,
            format!(
                "trial_slots {} or trial_features {} is too much",
                self.slots, self.value_features
            ),
        )?;
        check(
            (self.slots == 0) == (self.value_features == 0),
            String::from("trial_slots and trial_features are both 0 or neither"),
        )?;
        let allowed = [0, if self.slots > 0 { PREDICTION_SLOTS } else { 0 }];
        check(
            allowed.contains(&self.prediction_slots),
            format!("trial_prediction_slots {} is not in {allowed:?}", self.prediction_slots),
        )?;
        check(
            self.rope_theta.is_finite() && self.rope_theta > 1.0,
            format!("rope_theta {} is not above 1", self.rope_theta),
        )?;
        check(
            self.norm_epsilon.is_finite() && self.norm_epsilon > 0.0,
            format!("rms_norm_eps {} is not above 0", self.norm_epsilon),
        )
    }

    /// The config as a `config.json` of Hugging Face's `transformers`.
    pub fn to_json(&self) -> String {
        let mut object = serde_json::to_value(self).expect("a config is plain data");
        let fixed = [
            ("architectures", serde_json::json!(["LlamaForCausalLM"])),
            ("model_type", "llama".into()),
            ("hidden_act", "silu".into()),
            ("num_key_value_heads", self.heads.into()),
            ("attention_bias", false.into()),
            ("mlp_bias", false.into()),
            ("torch_dtype", "float32".into()),
            ("bos_token_id", crate::tokenizer::vocabulary::BOS.into()),
            ("eos_token_id", crate::tokenizer::vocabulary::EOS.into()),
            ("pad_token_id", crate::tokenizer::vocabulary::PAD.into()),
        ];
        let fields = object.as_object_mut().expect("a struct becomes an object");
        fields.extend(fixed.map(|(key, value)| (key.to_string(), value)));
        object.to_string()
    }

    /// Reads a `config.json` from [`to_json`](Self::to_json), ignoring other fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`], naming the field: missing, of another type, or out of range.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::InvalidWeights, format!("config: {error}")))?;
        config.validate()?;
        Ok(config)
    }

    /// Reads a `config.json` from Hugging Face's `transformers`, in which fields with a default may
    /// be missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`], naming the field: missing, of another type, out of range, or
    /// unsupported (grouped keys, biases, another activation, scaled rotary embeddings).
    pub fn from_hugging_face(text: &str) -> Result<Self> {
        let refuse =
            |what: String| Error::new(ErrorKind::InvalidWeights, format!("config: {what}"));
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        // Version 5 of transformers has a separate object for rotary embeddings.
        let nested = object.get("rope_parameters").and_then(|part| part.get("rope_theta")).cloned();
        for (field, default) in [
            ("rope_theta", nested.unwrap_or_else(|| 10_000.0.into())),
            ("rms_norm_eps", 1e-6.into()),
            ("tie_word_embeddings", false.into()),
        ] {
            object.entry(field).or_insert(default);
        }
        let config: Self = serde_json::from_value(object.clone().into())
            .map_err(|error| refuse(error.to_string()))?;
        config.validate()?;
        for (field, wanted) in [
            ("num_key_value_heads", config.heads.into()),
            ("head_dim", config.head_size().into()),
            ("hidden_act", "silu".into()),
            ("attention_bias", false.into()),
            ("mlp_bias", false.into()),
        ] {
            let wanted: serde_json::Value = wanted;
            let there = object.get(field).filter(|value| !value.is_null());
            if let Some(value) = there.filter(|value| **value != wanted) {
                return Err(refuse(format!("{field} is {value}, and only {wanted} is known")));
            }
        }
        let kind = |part: &serde_json::Value| {
            let kind = part.get("rope_type").or_else(|| part.get("type"))?;
            (kind != "default").then(|| kind.to_string())
        };
        for field in ["rope_scaling", "rope_parameters"] {
            if let Some(kind) = object.get(field).and_then(kind) {
                return Err(refuse(format!("{field} has rotations of the type {kind}")));
            }
        }
        Ok(config)
    }
}

/// Metadata of a weights file.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Version of the file format, [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Vocabulary of the training.
    pub vocabulary: String,
    /// Score rule of the training.
    pub score_rule: String,
    /// Maximum length of a history in training, in tokens, or in trials for [`Sequence::Trials`].
    pub trained_context: usize,
    /// Maximum number of parameters of a space in training.
    pub trained_parameters: usize,
    /// Divisor of the logits of scores, which calibrates the predictions.
    pub score_temperature: f32,
    /// Description of the training, as JSON.
    pub training: String,
}

/// The format version that this library reads and writes.
pub const FORMAT_VERSION: u32 = 1;

impl Default for Metadata {
    /// Metadata of an untrained model for this library.
    fn default() -> Self {
        Self {
            format_version: FORMAT_VERSION,
            vocabulary: crate::tokenizer::vocabulary::NAME.to_string(),
            score_rule: crate::tokenizer::score::RULE.to_string(),
            trained_context: 512,
            trained_parameters: 8,
            score_temperature: 1.0,
            training: String::from("{}"),
        }
    }
}

impl Metadata {
    /// The entries of a safetensors header, in a fixed order.
    pub fn entries(&self, config: &Config) -> [(String, String); 9] {
        [
            ("format_version", self.format_version.to_string()),
            ("config", config.to_json()),
            ("sequence", config.sequence().name().to_string()),
            ("vocabulary", self.vocabulary.clone()),
            ("score_rule", self.score_rule.clone()),
            ("trained_context", self.trained_context.to_string()),
            ("trained_parameters", self.trained_parameters.to_string()),
            ("score_temperature", self.score_temperature.to_string()),
            ("training", self.training.clone()),
        ]
        .map(|(key, value)| (key.to_string(), value))
    }

    /// Reads the entries of a safetensors header. Without the entry `sequence` it is
    /// [`Sequence::Tokens`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidWeights`], naming the entry: missing, unreadable, out of range, an
    /// unknown format version, or a sequence that does not match the config.
    pub fn from_entries<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Result<(Config, Self)> {
        let refuse = |what: String| Error::new(ErrorKind::InvalidWeights, what);
        let entry =
            |key: &str| find(key).ok_or_else(|| refuse(format!("metadata \"{key}\" is missing")));
        fn number<T: core::str::FromStr>(key: &str, text: &str) -> Result<T> {
            text.parse().map_err(|_| {
                let context = format!("metadata \"{key}\": \"{text}\" is not a number");
                Error::new(ErrorKind::InvalidWeights, context)
            })
        }
        let format_version: u32 = number("format_version", entry("format_version")?)?;
        if format_version != FORMAT_VERSION {
            return Err(refuse(format!(
                "format_version {format_version}: this library reads {FORMAT_VERSION}"
            )));
        }
        let config = Config::from_json(entry("config")?)?;
        let (sequence, of_config) =
            (find("sequence").unwrap_or("tokens"), config.sequence().name());
        if sequence != of_config {
            return Err(refuse(format!(
                "metadata \"sequence\": \"{sequence}\", and the config, with trial_slots {}, is of \"{of_config}\"",
                config.slots
            )));
        }
        let metadata = Self {
            format_version,
            vocabulary: entry("vocabulary")?.to_string(),
            score_rule: entry("score_rule")?.to_string(),
            trained_context: number("trained_context", entry("trained_context")?)?,
            trained_parameters: number("trained_parameters", entry("trained_parameters")?)?,
            score_temperature: number("score_temperature", entry("score_temperature")?)?,
            training: find("training").unwrap_or("{}").to_string(),
        };
        let contexts = match config.sequence() {
            Sequence::Tokens => 16..=config.max_positions,
            Sequence::Trials => 1..=config.max_positions.saturating_sub(CONTEXT_ROWS),
        };
        if !contexts.contains(&metadata.trained_context) {
            return Err(refuse(format!(
                "metadata \"trained_context\": {} is not in {contexts:?}",
                metadata.trained_context
            )));
        }
        if !(metadata.score_temperature > 0.0 && metadata.score_temperature.is_finite()) {
            return Err(refuse(format!(
                "metadata \"score_temperature\": {} is not above 0",
                metadata.score_temperature
            )));
        }
        Ok((config, metadata))
    }
}

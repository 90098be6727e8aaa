//! `trial_rows FOLDER`: writes a model with random weights that reads one row per trial, as a
//! Hugging Face folder, and in `rows.json` a history with questions, the vectors that their rows
//! are, and what the runtime makes of them; for `tests/python/test_llama_parity.py`.

use std::{error::Error, fs, path::PathBuf};

use optiformer::{
    model::{Config, Metadata, Model, Precision, Weights, Workspace, reference},
    space::{Parameter, SearchBox, Space},
    tokenizer::{
        ScoreScale,
        rows::{RowTokenizer, Rows},
    },
    trial::Observation,
};
use serde_json::{Value, json};

const TRIALS: usize = 40;
const QUESTIONS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: trial_rows FOLDER")?);
    let config = Config::pico().with_trial_rows();
    let weights = Weights::random(&config, 3);
    let (history, questions) = rows()?;

    let model = Model::new(config.clone(), Metadata::default(), &weights, Precision::F32);
    let (mut cache, mut workspace) = (model.cache(history.len()), Workspace::new());
    model.history(&mut cache, &history, &mut workspace)?;
    model.questions(&cache, &questions, &mut workspace)?;
    let hidden = workspace.hidden().to_vec();
    let mut logits = vec![0.0; questions.len() * config.vocabulary_size];
    let vocabulary = 0..config.vocabulary_size as u16;
    model.logits(&mut workspace, 0..questions.len(), vocabulary, &mut logits)?;

    let part = |rows: &Rows| {
        let sums: Vec<Value> = rows
            .iter()
            .map(|row| {
                let entries: Vec<_> = row.entries.iter().map(|e| (e.slot, e.value)).collect();
                json!({ "entries": entries, "tokens": row.tokens })
            })
            .collect();
        json!({ "rows": sums, "vectors": reference::embedded_rows(&config, &weights, rows) })
    };
    let all = json!({
        "history": part(&history), "questions": part(&questions), "hidden": hidden, "logits": logits
    });
    fs::create_dir_all(&folder)?;
    let file = weights.to_bytes(&config, &Metadata::default(), Precision::F32)?;
    fs::write(folder.join("model.safetensors"), file)?;
    fs::write(folder.join("config.json"), config.to_json())?;
    fs::write(folder.join("rows.json"), all.to_string())?;
    Ok(())
}

/// A history in a space with parameters of all kinds, and questions behind it; the last asks for a
/// value.
fn rows() -> optiformer::Result<(Rows, Rows)> {
    let space = Space::new(vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::int("layers", 1, 9),
        Parameter::categorical("kind", ["a", "b", "c"]),
        Parameter::float("momentum", 0.0, 1.0).when("kind", ["b"]),
    ])?;
    let configuration = |index: usize| {
        let unit = [7, 11, 13, 17].map(|prime| (index * prime % 41) as f64 / 41.0);
        space.from_unit(&unit)
    };
    let trials: Vec<Observation> = (0..TRIALS)
        .map(|index| {
            Observation::new(
                configuration(index),
                (index % 9 != 4).then_some((index * 29 % 31) as f64),
            )
        })
        .collect();
    let (tokenizer, search_box) = (RowTokenizer::new(&space)?, SearchBox::whole(space.len()));
    let (mut history, mut questions) = (Rows::new(), Rows::new());
    let scale = ScoreScale::fit(trials.iter().filter_map(|trial| trial.loss));
    tokenizer.push_history(&trials, &scale, &search_box, &mut history);
    for index in 0..QUESTIONS - 1 {
        tokenizer.push_question(&configuration(TRIALS + index), &search_box, &mut questions);
    }
    tokenizer.push_policy(&configuration(TRIALS).values()[..2], 0, &search_box, &mut questions);
    Ok((history, questions))
}

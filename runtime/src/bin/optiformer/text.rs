//! Words, numbers and widths of what people read.

use optiformer::{
    space::Parameter,
    study::{Study, Trial, TrialState},
};

use crate::output::short;

/// The state of a trial in a word.
pub fn state(trial: &Trial) -> &'static str {
    match trial.state {
        TrialState::Pending => "pending",
        TrialState::Finished => "finished",
        TrialState::Pruned => "pruned",
        TrialState::Failed => "failed",
    }
}

/// A number of things, `noun` in the singular.
pub fn counted(count: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if count == 1 => format!("{count} {noun}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

/// A number as JSON has it: `null` for one that is not finite.
pub fn jsonable(value: f64) -> serde_json::Value {
    if value.is_finite() { value.into() } else { serde_json::Value::Null }
}

/// The best objective and its trial in a few words.
pub fn best(study: &Study) -> String {
    match study.best().and_then(|trial| Some((trial.id, trial.value()?))) {
        Some((id, value)) => format!("best {} (trial {id})", short(value)),
        None => "no trial finished".to_string(),
    }
}

/// Width of standard output in columns: that of the terminal, else that of the environment, else
/// 80.
pub fn columns() -> usize {
    let terminal = console::Term::stdout();
    let known = match terminal.size_checked() {
        Some((_, columns)) if terminal.is_term() => Some(usize::from(columns)),
        _ => std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()),
    };
    known.filter(|columns| *columns > 0).unwrap_or(80).max(20)
}

/// A sentence as lines that fit the width of the output, the later ones indented.
pub fn wrapped(sentence: &str) -> String {
    let (mut text, mut used) = (String::new(), 0);
    let width = columns().min(100);
    for word in sentence.split_whitespace() {
        let letters = word.chars().count();
        if used > 0 && used + 1 + letters > width {
            text.push_str("\n  ");
            used = 2;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += letters;
    }
    text.push('\n');
    text
}

/// A text as one word of a POSIX shell.
pub fn shell_quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A parameter's value with six significant digits.
pub fn value(parameter: &Parameter, value: f64) -> String {
    if parameter.domain().is_categorical() { parameter.format(value) } else { short(value) }
}

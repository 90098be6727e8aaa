//! `optiformer ask-tell`: JSON lines on standard input and output.

use std::io::{self, BufRead, Read};

use optiformer::study::ask_tell;

use crate::{
    ExitState, Failure,
    arguments::AskTellOptions,
    output,
    tune::{open_study, read_space},
};

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// Serves requests to the end of the input.
pub fn run(options: &AskTellOptions) -> Result<ExitState, Failure> {
    let space = read_space(&options.study.space)?;
    let (direction, constraints) = (options.direction.into(), &options.study.constraint);
    let mut study = open_study(&options.study, space, direction, constraints, Vec::new())?;
    if let Some(note) = study.note() {
        output::print_error(&format!("note: {note}"));
    }
    let mut input = io::stdin().lock();
    while let Some(line) =
        next_line(&mut input).map_err(|error| Failure::Error(format!("standard input: {error}")))?
    {
        let reply = match line {
            Line::Overlong => {
                let message = format!("a line is longer than {MAX_LINE} bytes");
                ask_tell::error_reply("invalid_request", &message).to_string()
            }
            Line::Text(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Text(bytes) => ask_tell::respond(&mut study, &bytes),
        };
        output::print(&reply)?;
    }
    Ok(ExitState::Success)
}

enum Line {
    Text(Vec<u8>),
    Overlong,
}

/// The next line; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') || (bytes.len() as u64) < MAX_LINE {
        return Ok(Some(Line::Text(bytes)));
    }
    loop {
        bytes.clear();
        input.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)?;
        if bytes.last().is_none_or(|byte| *byte == b'\n') {
            return Ok(Some(Line::Overlong));
        }
    }
}

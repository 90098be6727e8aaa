//! Shell completions and manual pages.

use clap::CommandFactory;

use crate::{
    ExitState, Failure,
    arguments::{Arguments, CompletionsOptions, ManOptions},
    output,
};

/// Prints the completions of a shell.
pub fn completions(options: &CompletionsOptions) -> Result<ExitState, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "optiformer", &mut script);
    print(&script)
}

/// Prints the manual page of the tool or of a command.
pub fn page(options: &ManOptions) -> Result<ExitState, Failure> {
    let mut tool = Arguments::command();
    tool.build();
    let command = match &options.command {
        None => tool,
        Some(name) => match tool.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(Failure::Usage(format!("there is no command \"{name}\""))),
        },
    };
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered.map_err(|error| Failure::Error(format!("the manual page: {error}")))?;
    print(&page)
}

fn print(text: &[u8]) -> Result<ExitState, Failure> {
    output::print(String::from_utf8_lossy(text).trim_end())?;
    Ok(ExitState::Success)
}

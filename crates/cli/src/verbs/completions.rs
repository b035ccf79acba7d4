//! `landfall completions`: what makes Tab work.

use crate::arguments::CommandLine;
use crate::command_error::CommandError;
use crate::console::Console;
use clap::CommandFactory as _;

pub(crate) fn run(shell: clap_complete::Shell, console: &Console) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "landfall", &mut script);
    console.text(&String::from_utf8_lossy(&script))
}

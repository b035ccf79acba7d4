//! `landfall completions`: what makes Tab work.

use crate::arguments::CommandLine;
use crate::command_error::CommandError;
use crate::console::Console;
use clap::CommandFactory as _;

pub(crate) fn run(shell: clap_complete::Shell, console: &Console) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(), "landfall", &mut script);
    console.text(&String::from_utf8_lossy(&script))
}

/// The command without what is hidden: the generators offer hidden verbs too.
fn visible() -> clap::Command {
    let all = CommandLine::command();
    let verbs = all.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect::<Vec<_>>();
    let version = all.get_version().unwrap_or_default().to_owned();
    let arguments = all.get_arguments().cloned().collect::<Vec<_>>();
    clap::Command::new("landfall").version(version).propagate_version(true).args(arguments).subcommands(verbs)
}

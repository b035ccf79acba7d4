//! The page of commands.

use super::CommandHelp;
use std::fmt::Write;

/// Each verb with its help.
pub(super) fn page(commands: &[CommandHelp]) -> String {
    let mut page =
        "# Commands\n\nThe same as `landfall help` and `landfall help VERB`.\n\n| verb | does |\n|---|---|\n"
            .to_owned();
    for command in commands {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} |", command.name, command.about.replace('|', "\\|"));
    }
    for command in commands {
        let help: String = command.help.trim().lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let _ = write!(page, "\n## {}\n\n```text\n{help}```\n", command.name);
    }
    page
}

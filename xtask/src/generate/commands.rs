//! The page of commands.

use super::{CommandHelp, ExitCode};
use std::fmt::Write;

/// Each verb with its help, and how all of them end.
pub(super) fn page(commands: &[CommandHelp], exit_codes: &[ExitCode]) -> String {
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
    page.push_str("\n## Exit codes\n\nThe same for every verb; none is ever used for something else.\n\n| code | means |\n|---|---|\n");
    for exit in exit_codes {
        let _ = writeln!(page, "| {} | {} |", exit.code, exit.meaning.replace('|', "\\|"));
    }
    page
}

//! `landfall logs`: what the programs of a deployment print.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::LogsArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{find_existing, is_component};
use crate::surroundings::Surroundings;
use crate::views::style::{HINT, paint};
use local_runtime::{Follower, LogFile, last_lines};
use model::ComponentName;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

pub(crate) fn run(
    arguments: &LogsArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let arguments = &read_as_component(arguments);
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return account::logs::run(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(&arguments.deployment)?;
    let logs = chosen(&existing.target.log_files(None), &arguments.component)?;
    let several = logs.len() > 1;
    let mut followers = Vec::new();
    for log in logs {
        let lines = last_lines(&log, arguments.lines).map_err(CommandError::Fault)?;
        if arguments.follow {
            followers.push(Follower::at_end(log.clone()).map_err(CommandError::Fault)?);
        }
        for line in lines {
            print(&log, &line, several, console)?;
        }
    }
    while arguments.follow && existing.target.home().root().exists() {
        for follower in &mut followers {
            for line in follower.fresh_lines().map_err(CommandError::Fault)? {
                print(&follower.log, &line, several, console)?;
            }
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// `logs app` is short for `logs --component app`.
fn read_as_component(arguments: &LogsArguments) -> LogsArguments {
    let mut arguments = arguments.clone();
    if let Some(name) = arguments.deployment.deployment.take_if(|word| is_component(word)) {
        arguments.component.push(name);
    }
    arguments
}

fn owner(log: &LogFile) -> String {
    log.component.as_ref().map_or_else(|| "supervisor".to_owned(), ToString::to_string)
}

fn chosen(logs: &[LogFile], wanted: &[String]) -> Result<Vec<LogFile>, CommandError> {
    for name in wanted {
        let is_known = logs.iter().any(|log| owner(log) == *name);
        if !is_known || (name != "supervisor" && ComponentName::new(name.clone()).is_err()) {
            let mut known: Vec<String> = logs.iter().map(owner).collect();
            known.dedup();
            let help = match known.is_empty() {
                true => "nothing has run yet; type `landfall status`".to_owned(),
                false => format!("there are logs of: {}", known.join(", ")),
            };
            return Err(CommandError::usage(format!("there is no log of `{name}`"), help));
        }
    }
    Ok(logs.iter().filter(|log| wanted.is_empty() || wanted.contains(&owner(log))).cloned().collect())
}

fn print(log: &LogFile, line: &str, several: bool, console: &Console) -> Result<(), CommandError> {
    if console.json {
        crate::views::progress::print_json_line(
            &serde_json::json!({ "version": 1, "event": "log", "component": owner(log), "line": line }),
        );
        return Ok(());
    }
    if several {
        console.line(&format!("{} {line}", paint(HINT, format!("{:<12}", owner(log)))))
    } else {
        console.line(line)
    }
}

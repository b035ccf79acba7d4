//! `landfall logs` in an account: the ends of the log groups that the deployment made.

use crate::account::cloud::Cloud;
use crate::account::session::{Connected, Visit};
use crate::arguments::LogsArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use crate::views::style::{HINT, paint};
use serde_json::json;
use stacks::account::LogTail;
use stacks::{Account as _, Session, World};
use std::collections::BTreeMap;
use std::time::Duration;

/// The pause between two looks; a service that many ask is not asked more often.
const PAUSE: Duration = Duration::from_secs(5);

/// A log group of a component.
pub(crate) struct Group {
    pub(crate) component: String,
    pub(crate) name: String,
}

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &LogsArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit::looking(cloud, &arguments.deployment.account, surroundings, console);
    visit.deployed(async |session, world| {
        let groups = chosen(groups(session, cloud, &world).await?, &arguments.component)?;
        let several = groups.len() > 1;
        let mut seen: BTreeMap<String, LogTail> = BTreeMap::new();
        loop {
            for group in &groups {
                let doing = format!("reading the log {}", group.name);
                let tail = session.account.log_tail(&group.name, "", arguments.lines).await;
                let Some(tail) = tail.map_err(|error| CommandError::Preflight(error.fault(doing)))? else { continue };
                for line in fresh(seen.get(&group.name), &tail) {
                    print(group, &tail.stream, line, several, console)?;
                }
                seen.insert(group.name.clone(), tail);
            }
            if !arguments.follow {
                if seen.is_empty() {
                    console.tell("Nothing was written yet; `--follow` waits for it.");
                }
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// The log groups, from the stacks that made them.
pub(crate) async fn groups(
    session: &Session<'_, Connected<'_>>,
    cloud: &Cloud,
    world: &World,
) -> Result<Vec<Group>, CommandError> {
    let mut groups = Vec::new();
    for seen in world.stacks.values() {
        let doing = || format!("reading the resources of {}", seen.stack.name);
        let resources = session.account.resources(&seen.stack.id).await;
        for resource in resources.map_err(|error| CommandError::Preflight(error.fault(doing())))? {
            if let ("AWS::Logs::LogGroup", Some(name)) = (resource.resource_type.as_str(), resource.physical_id) {
                let component = cloud.deployment.component(&resource.logical_id);
                let component = component.map_or_else(|| resource.logical_id.clone(), ToString::to_string);
                groups.push(Group { component, name });
            }
        }
    }
    Ok(groups)
}

/// Those that are meant; without a choice those of programs, since a network's flow logs are no reading matter.
fn chosen(groups: Vec<Group>, wanted: &[String]) -> Result<Vec<Group>, CommandError> {
    let known: Vec<String> = groups.iter().map(|group| group.component.clone()).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(CommandError::usage(
            format!("there is no log of `{unknown}`"),
            format!("there are logs of: {}", known.join(", ")),
        ));
    }
    let is_meant = |group: &Group| match wanted {
        [] => !group.name.contains("flow"),
        wanted => wanted.contains(&group.component),
    };
    Ok(groups.into_iter().filter(is_meant).collect())
}

/// The lines of a tail that an earlier tail did not have.
fn fresh<'t>(before: Option<&LogTail>, now: &'t LogTail) -> &'t [String] {
    let Some(before) = before.filter(|before| before.stream == now.stream) else { return &now.lines };
    let overlap = (0..=before.lines.len().min(now.lines.len()))
        .rev()
        .find(|length| before.lines[before.lines.len() - length..] == now.lines[..*length]);
    &now.lines[overlap.unwrap_or_default()..]
}

fn print(group: &Group, stream: &str, line: &str, several: bool, console: &Console) -> Result<(), CommandError> {
    if console.json {
        print_json_line(&json!({
            "version": 1, "event": "log", "component": group.component, "group": group.name, "stream": stream, "line": line,
        }));
        return Ok(());
    }
    match several {
        true => console.line(&format!("{} {line}", paint(HINT, format!("{:<12}", group.component)))),
        false => console.line(line),
    }
}

#[cfg(test)]
mod tests {
    use super::fresh;
    use stacks::account::LogTail;

    #[test]
    fn a_line_is_shown_once() {
        let tail = |stream: &str, lines: &[&str]| LogTail {
            stream: stream.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let now = tail("i-1", &["b", "c", "d"]);
        assert_eq!(fresh(None, &now), ["b", "c", "d"]);
        assert_eq!(fresh(Some(&tail("i-1", &["a", "b", "c"])), &now), ["d"]);
        assert_eq!(fresh(Some(&now.clone()), &now), [] as [&str; 0]);
        assert_eq!(fresh(Some(&tail("i-1", &["x"])), &now), ["b", "c", "d"]);
        assert_eq!(fresh(Some(&tail("i-2", &["b", "c"])), &now), ["b", "c", "d"]);
    }
}

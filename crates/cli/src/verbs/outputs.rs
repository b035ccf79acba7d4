//! `landfall outputs`: addresses, and how to get a password.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::OutputsArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::find_existing;
use crate::surroundings::Surroundings;
use crate::views;
use local_runtime::OutputValue;

pub(crate) fn run(
    arguments: &OutputsArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return account::outputs::run(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(&arguments.deployment)?;
    let graph = &existing.finished()?.graph;
    let reveal: Vec<&str> = graph
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .filter(|name| arguments.reveal && arguments.only.as_deref().is_none_or(|only| only == *name))
        .collect();
    let mut outputs = existing.target.outputs(graph, &reveal).map_err(CommandError::Fault)?;
    if let Some(only) = &arguments.only {
        let known: Vec<String> = outputs.iter().map(|output| output.name.clone()).collect();
        outputs.retain(|output| output.name == *only);
        let Some(output) = outputs.first() else {
            let message = format!("{} has no output `{only}`", existing.name);
            return Err(CommandError::usage(message, format!("the outputs are: {}", known.join(", "))));
        };
        if !console.json {
            return match &output.value {
                OutputValue::Shown(value) => console.line(value),
                OutputValue::Secret(secret) => console.line(secret.expose()),
                OutputValue::Withheld(_) => {
                    Err(CommandError::usage(format!("`{only}` is a secret"), "add --reveal to print it"))
                }
            };
        }
    }
    if console.json {
        let document = serde_json::json!({
            "version": 1,
            "deployment": existing.name,
            "outputs": views::outputs::json(&outputs),
        });
        return console.document(&document);
    }
    console.text(&views::outputs::text(&format!("landfall outputs {}", existing.name), &outputs))
}

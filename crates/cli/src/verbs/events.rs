//! `landfall events`: what was done to a deployment, from its journal.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::find_existing;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use engine::Journal;
use model::event::{Event, RunEvent};

pub(crate) fn run(
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(arguments, surroundings, console)? {
        return account::events::run(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(arguments)?;
    let history = Journal::history(&existing.target.home().journal()).map_err(CommandError::Preflight)?;
    for event in &history {
        if console.json {
            print_json_line(event);
        } else if let Some(line) = line(event) {
            console.line(&line)?;
        }
    }
    Ok(())
}

fn line(event: &RunEvent) -> Option<String> {
    let text = match &event.event {
        Event::Checkpoint { made, .. } => format!("checkpoint: {} parts are made", made.len()),
        Event::RunStarted { plan } => format!("run {} started: {} steps", event.run, plan.steps.len()),
        Event::StepStarted { step, .. } => format!("  {step} started"),
        Event::StepProgress { .. } => return None,
        Event::StepSucceeded { step, outcome } => format!("  {step} done: {}", outcome.summary),
        Event::StepFailed { step, fault } => format!("  {step} FAILED: {fault}"),
        Event::RunStopped { reason } => format!("run {} stopped: {reason}", event.run),
        Event::RunFinished => format!("run {} finished", event.run),
    };
    Some(format!("{}  {text}", event.at))
}

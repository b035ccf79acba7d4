//! `landfall events` in an account: what CloudFormation did to the stacks, oldest first.

use crate::account::cloud::Cloud;
use crate::account::session::Visit;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use crate::views::style::{BAD, DIM, paint};
use serde_json::json;
use stacks::Account as _;
use stacks::account::StackEvent;

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit::looking(cloud, &arguments.account, surroundings, console);
    let events = visit.deployed(async |session, world| {
        let mut all: Vec<(String, StackEvent)> = Vec::new();
        for seen in world.stacks.values() {
            let events = session.account.events(&seen.stack.id, None).await;
            let doing = format!("reading the events of {}", seen.stack.name);
            let events = events.map_err(|error| CommandError::Preflight(error.fault(doing)))?;
            // Newest first is how they come; those of one moment keep their order.
            all.extend(events.into_iter().rev().map(|event| (seen.stack.name.clone(), event)));
        }
        all.sort_by(|(_, one), (_, other)| one.at.cmp(&other.at));
        Ok(all)
    })?;
    for (stack, event) in &events {
        let origin = cloud.deployment.origin(&event.logical_id).map(ToString::to_string);
        if console.json {
            print_json_line(&json!({
                "version": 1, "event": "stack_event", "stack": stack, "at": event.at, "logical_id": event.logical_id,
                "physical_id": event.physical_id, "resource_type": event.resource_type, "status": event.status,
                "reason": event.reason, "origin": origin,
            }));
            continue;
        }
        let status = match event.status.contains("FAILED") {
            true => paint(BAD, format!("{:<28}", event.status)),
            false => format!("{:<28}", event.status),
        };
        let reason = event.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
        let origin = origin.map(|origin| paint(DIM, format!("  {origin}"))).unwrap_or_default();
        console
            .line(&format!("{}  {status} {} ({}){origin}{reason}", event.at, event.logical_id, event.resource_type))?;
    }
    Ok(())
}

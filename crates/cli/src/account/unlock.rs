//! `landfall unlock`: takes the lease of a deployment from a run that is gone.

use crate::account::cloud::Cloud;
use crate::account::session::Visit;
use crate::arguments::UnlockArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use serde_json::json;

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &UnlockArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let name = &cloud.deployment.name;
    let visit = Visit::looking(cloud, &arguments.deployment.account, surroundings, console);
    let holder = visit.run(async |session, _| {
        let Some(lease) = session.lease().await.map_err(CommandError::Preflight)? else { return Ok(None) };
        let question = format!(
            "{} holds {name}; it last said so at {}. Two runs at once harm each other. Type {name} to take it away:",
            lease.holder, lease.renewed
        );
        let agrees = match (arguments.yes, console.can_ask) {
            (true, _) => true,
            (false, true) => console.confirm(&question, name)?,
            (false, false) => {
                let message = format!("{} holds {name}; it last said so at {}", lease.holder, lease.renewed);
                return Err(CommandError::usage(message, "when you know that it is gone, add --yes"));
            }
        };
        if !agrees {
            return Err(CommandError::usage(
                "nothing was changed",
                "type the deployment's name to agree, or use --yes",
            ));
        }
        session.unlock().await.map_err(CommandError::Fault)
    })?;
    if console.json {
        let holder = holder.as_ref().map(ToString::to_string);
        return console
            .document(&json!({ "version": 1, "deployment": name, "unlocked": holder.is_some(), "held_by": holder }));
    }
    match holder {
        Some(holder) => console.line(&format!("{name} is free; it was held by {holder}.")),
        None => console.line(&format!("Nobody holds {name}.")),
    }
}

//! `landfall tunnel status`: how the tunnels are that a deployment keeps open.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, find_existing};
use crate::surroundings::Surroundings;
use crate::views::style::{CAUTION, paint};
use crate::views::table::columns;
use crate::views::ways;

pub(super) fn run(
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(arguments, surroundings, console)? {
        return account::tunnels::status(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(arguments)?;
    let status = block_on(async { existing.target.status().await.map_err(CommandError::Fault) })?;
    if console.json {
        let tunnels = status.tunnels;
        return console.document(&serde_json::json!({ "version": 1, "deployment": existing.name, "tunnels": tunnels }));
    }
    if status.tunnels.is_empty() {
        return console.line(&format!("{} keeps no tunnel open", existing.name));
    }
    let rows = status.tunnels.iter().map(|(_, tunnel)| {
        let status = &tunnel.status;
        let recovery = status.recoveries_ms.last().map(|took| format!("{took} ms")).unwrap_or_default();
        let past = status.last_error.as_ref().filter(|_| ways::tunnel_trouble(tunnel).is_none());
        let error = past.map(|error| format!("{} ({:.0})", error.message, error.at));
        vec![
            tunnel.component.to_string(),
            ways::word(&status.state).to_owned(),
            ways::listens(tunnel),
            ways::up_for(tunnel),
            status.reconnects.to_string(),
            recovery,
            status.traffic.open.to_string(),
            error.unwrap_or_default(),
        ]
    });
    let head = ["tunnel", "state", "listens on", "up for", "reconnected", "last time in", "connections", "last error"];
    console.text(&columns(&head, rows))?;
    for tunnel in status.tunnels.values() {
        if let Some(line) = ways::tunnel_trouble(tunnel) {
            console.line(&paint(CAUTION, format!("{}: {line}", tunnel.component)))?;
        }
    }
    Ok(())
}

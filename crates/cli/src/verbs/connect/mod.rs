//! `landfall connect`: the right client of a database, logged in, encrypted, with nothing to remember.

mod client;
mod login;

use crate::account::cloud::Cloud;
use crate::arguments::ConnectArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, find_existing};
use crate::surroundings::Surroundings;
use crate::views::settings;
use client::Client;
use login::Login;
use model::{Fault, FaultKind};

pub(crate) fn run(
    arguments: &ConnectArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return Err(not_in_an_account(&cloud, "connect"));
    }
    let existing = find_existing(&arguments.deployment)?;
    let record = existing.finished()?;
    let login = Login::find(arguments, &existing, &record.graph, surroundings)?;
    if arguments.print {
        return settings::print(&login.settings()?, console);
    }
    let client = Client::find(login.engine)?;
    console.tell(&format!("{} as {}, database {}", login.component, login.role, login.database));
    block_on(client.run(&login, &arguments.arguments, &existing.target))
}

/// Until sessions of an account lead there.
pub(crate) fn not_in_an_account(cloud: &Cloud, verb: &str) -> CommandError {
    let doing = format!("landfall {verb} in environment {}", cloud.application.environment.name);
    let cause = "this version does that on this machine only";
    let help = format!(
        "hold a way open with `{}`, and use any client on the port that it prints",
        cloud.command("tunnel open DATABASE")
    );
    CommandError::Preflight(Fault::new(FaultKind::NeedsPerson, doing, cause).help(help))
}

//! `landfall connect`: the right client of a database, logged in, encrypted, with nothing to remember.

pub(crate) mod client;
pub(crate) mod login;

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::ConnectArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find_existing};
use crate::surroundings::Surroundings;
use crate::views::settings::{self, Settings};
use client::{Authority, Client, Reached};
use engine::ports::Running as _;
use local_runtime::authority_certificate;
use login::Login;
use model::process_graph::Output;
use model::text::SecretPart;
use model::{Atom, NodeId, ProcessGraph, Text};

pub(crate) fn run(
    arguments: &ConnectArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return account::connect::run(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(&arguments.deployment)?;
    let graph = &existing.finished()?.graph;
    let login = Login::find(arguments, graph, surroundings)?;
    let port = existing.target.port(&login.port).map_err(CommandError::Fault)?;
    let authority = authority_certificate(&Surroundings::folders().map_err(CommandError::Preflight)?);
    if arguments.print {
        let settings = Settings {
            engine: login.engine,
            port,
            database: login.database.clone(),
            user: login.user.clone(),
            authority: Some(authority),
            password: shown_by(&login.password, &existing, graph),
        };
        return settings::print(&settings, console);
    }
    let client = Client::find(login.engine)?;
    let password = Text::hole(Atom::Secret(login.password.clone(), SecretPart::Value));
    let password = existing.target.fill(&password).map_err(CommandError::Fault)?;
    console.tell(&format!("{} as {}, database {}", login.component, login.role, login.database));
    let reached = Reached { port, name: None, authority: Authority::File(authority) };
    block_on(client.run(&reached, &login, &password, &arguments.arguments))
}

/// What to type to see a password: people's are outputs, those of components are files of the deployment.
fn shown_by(password: &NodeId, existing: &Existing, graph: &ProcessGraph) -> String {
    let holds =
        |output: &&Output| output.value.atoms().any(|atom| *atom == Atom::Secret(password.clone(), SecretPart::Value));
    match graph.outputs.iter().find(holds) {
        Some(output) => format!("landfall outputs {} --only {} --reveal", existing.name, output.name),
        None => format!(
            "cat {}",
            existing.target.home().root().join("secrets").join(password.as_str()).join("value").display()
        ),
    }
}

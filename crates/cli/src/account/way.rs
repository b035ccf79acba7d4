//! `landfall tunnel open` in an account: a session through a host of the deployment that reaches the database.

use crate::account::cloud::Cloud;
use crate::account::databases::{Way, way_in};
use crate::account::session::Visit;
use crate::account::verify::require_deployed;
use crate::arguments::TunnelOpenArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::interrupt;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use crate::views::settings::Settings;
use aws_cloud::CloudAccount;
use model::cfn::DatabasePlace;
use model::{Fault, FaultKind};
use stacks::World;
use stacks::way_in::WayIn;

pub(crate) fn open(
    cloud: &Cloud,
    arguments: &TunnelOpenArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let place = place(cloud, &arguments.target)?;
    let said = [("--as", arguments.person.is_some()), ("--key", arguments.key.is_some())];
    if let Some((flag, _)) = said.into_iter().find(|(_, said)| *said) {
        let message =
            format!("`{flag}` has no meaning in an account: a session is opened with the account's own rights");
        return Err(CommandError::usage(message, format!("leave out `{flag}`")));
    }
    let visit = Visit::looking(cloud, &arguments.deployment.account, surroundings, console);
    let options = visit.connect_options()?;
    let way = visit.run(async |session, _| {
        let world = session.observe().await.map_err(CommandError::Preflight)?;
        require_deployed(&world, cloud)?;
        let group = output(&world, &place.through, cloud, place)?;
        let host = output(&world, &place.address, cloud, place)?;
        Ok(way_in(&group, &host, place.port, &format!("landfall tunnel open {}", place.component)))
    })?;
    crate::deployment::block_on(async {
        let account = CloudAccount::connect(options).await.map_err(|error| {
            CommandError::Preflight(Fault::new(FaultKind::NeedsPerson, "preparing to call AWS", error))
        })?;
        hold(account, way, arguments.port.unwrap_or(0), place, console).await
    })
}

/// The database that is meant.
fn place<'c>(cloud: &'c Cloud, target: &str) -> Result<&'c DatabasePlace, CommandError> {
    let places = &cloud.deployment.databases;
    places.iter().find(|place| place.component.as_str() == target).ok_or_else(|| {
        let known: Vec<&str> = places.iter().map(|place| place.component.as_str()).collect();
        let help = match known.as_slice() {
            [] => "a component of the kind `database` is one".to_owned(),
            known => format!("it has: {}", known.join(", ")),
        };
        CommandError::usage(format!("`{target}` is no database of {}", cloud.deployment.name), help)
    })
}

/// What a stack says.
fn output(world: &World, name: &str, cloud: &Cloud, place: &DatabasePlace) -> Result<String, CommandError> {
    let said = world.stacks.values().find_map(|seen| seen.stack.outputs.get(name));
    said.cloned().ok_or_else(|| {
        let doing = format!("looking for the way to {}", place.component);
        let fault = Fault::new(FaultKind::NeedsPerson, doing, format!("no stack of it says `{name}`"));
        CommandError::Preflight(fault.help(format!("type `{}`; what was deployed is older", cloud.command("up"))))
    })
}

/// Holds the port open until somebody ends it.
async fn hold(
    account: CloudAccount,
    way: WayIn,
    port: u16,
    place: &DatabasePlace,
    console: &Console,
) -> Result<(), CommandError> {
    let interrupt = interrupt::listen_saying(String::new())?;
    let name = &place.component;
    console.tell(&format!("Opening a session to {name}."));
    let way = tokio::select! {
        opened = Way::open(account, way, port) => opened.map_err(CommandError::Preflight)?,
        () = interrupt.cancelled() => return Err(CommandError::Interrupted),
    };
    let port = way.address().port();
    let settings = Settings {
        engine: place.content.engine,
        port,
        database: place.content.databases.keys().next().cloned().unwrap_or_default(),
        user: "USER".to_owned(),
        authority: None,
        password: String::new(),
    };
    if console.json {
        print_json_line(&serde_json::json!({
            "version": 1, "event": "tunnel_open", "target": name, "through": "session",
            "host": "127.0.0.1", "port": port, "url": settings.url(),
        }));
    } else {
        console.line(&settings.url())?;
        console.tell(&format!("127.0.0.1:{port} leads to {name} through a session of the account. Ctrl-C ends it."));
    }
    interrupt.cancelled().await;
    way.close().await;
    if !console.json {
        console.tell("Closed.");
    }
    Ok(())
}

//! `landfall tunnel open` in an account: a session through a host of the deployment that reaches the database.

use crate::account::cloud::Cloud;
use crate::account::session::Visit;
use crate::account::way::{Patience, Ways, Whereabouts, place};
use crate::arguments::TunnelOpenArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::interrupt;
use crate::surroundings::Surroundings;
use crate::views::progress::print_json_line;
use crate::views::settings::Settings;
use model::cfn::DatabasePlace;

pub(crate) fn run(
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
    let ways = visit.ways()?;
    let to = visit.deployed(async |_, world| Whereabouts::of(place, &world, cloud).map_err(CommandError::Preflight))?;
    crate::deployment::block_on(hold(&ways, &to, arguments.port.unwrap_or(0), place, console))
}

/// Holds the port open until somebody ends it.
async fn hold(
    ways: &Ways,
    to: &Whereabouts,
    port: u16,
    place: &DatabasePlace,
    console: &Console,
) -> Result<(), CommandError> {
    let interrupt = interrupt::listen_saying(String::new())?;
    let name = &place.component;
    console.tell(&format!("Opening a session to {name}."));
    let why = format!("landfall tunnel open {name}");
    let tell = |words: &str| console.tell(words);
    let way = tokio::select! {
        opened = ways.open(to, port, &why, Patience::Started, &tell) => opened.map_err(CommandError::Preflight)?,
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

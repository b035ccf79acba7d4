//! `landfall connect` in an account: a session leads to the database, and its own client logs in with the secret of one person.

use crate::account::cloud::Cloud;
use crate::account::running::read_secret;
use crate::account::session::Visit;
use crate::account::verify::warn_of_another_manifest;
use crate::account::way::{Way, Ways, Whereabouts, place};
use crate::arguments::ConnectArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::block_on;
use crate::surroundings::Surroundings;
use crate::verbs::connect::client::{Authority, Client, Reached};
use crate::verbs::connect::login::Login;
use crate::views::style::{DIM, paint};
use database::{Access, Address, Connection, Tls};
use engine::ports::DatabaseEnd;
use model::Secret;
use std::time::Duration;

/// How long a login may take, through all of that.
const LOGGING_IN: Duration = Duration::from_secs(30);

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &ConnectArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let login = Login::find(arguments, &cloud.graph, surroundings)?;
    let place = place(cloud, login.component.as_str())?;
    if arguments.print {
        let message =
            "`--print` has no meaning in an account: the way to the database is there while a command holds it";
        let help = format!("hold one open with `{}`", cloud.command(&format!("tunnel open {}", login.component)));
        return Err(CommandError::usage(message, help));
    }
    let client = Client::find(login.engine)?;
    let visit = Visit::looking(cloud, &arguments.deployment.account, surroundings, console);
    let ways = visit.ways()?;
    let (to, password) = visit.deployed(async |session, world| {
        warn_of_another_manifest(&world, cloud, console);
        let to = Whereabouts::of(place, &world, cloud).map_err(CommandError::Preflight)?;
        let password = read_secret(session.account, &cloud.deployment, &login.password).await;
        Ok((to, password.map_err(CommandError::Preflight)?))
    })?;
    block_on(async {
        console.tell(&format!("Opening a session to {} ({}).", login.component, to.address));
        let (end, way) = opened(&ways, &to, &login, console).await?;
        let done = talk(client, &end, &login, &password, arguments, console).await;
        way.close().await;
        done
    })
}

/// The way, unless somebody stops waiting for it. From then on Ctrl-C is the client's.
async fn opened(
    ways: &Ways,
    to: &Whereabouts,
    login: &Login,
    console: &Console,
) -> Result<(DatabaseEnd, Way), CommandError> {
    let why = format!("landfall connect {} as {}", login.component, login.role);
    let tell = |words: &str| console.tell(words);
    tokio::select! {
        opened = ways.reach(to, &why, &tell) => opened.map_err(CommandError::Preflight),
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            Err(CommandError::Interrupted)
        }
    }
}

async fn talk(
    client: Client,
    end: &DatabaseEnd,
    login: &Login,
    password: &Secret,
    arguments: &ConnectArguments,
    console: &Console,
) -> Result<(), CommandError> {
    if !client.checks_another_name() {
        check_name(end, login, password).await?;
        let name = client.name();
        let words = format!(
            "The server's certificate was checked, its name too. {name} can be told no name but the one that it dials, 127.0.0.1: \
             it checks for itself that the certificate is of RDS."
        );
        console.tell(&paint(DIM, words));
    }
    console.tell(&format!("{} as {}, database {}", login.component, login.role, login.database));
    let reached =
        Reached { port: end.port, name: end.server_name.clone(), authority: Authority::Pem(end.authority.clone()) };
    client.run(&reached, login, password, &arguments.arguments).await
}

/// Logs in once as the client will, and checks the whole certificate: what is behind the session is the server that is meant.
async fn check_name(end: &DatabaseEnd, login: &Login, password: &Secret) -> Result<(), CommandError> {
    let access = Access {
        engine: login.engine,
        address: Address::Tcp { host: "127.0.0.1".to_owned(), port: end.port, server_name: end.server_name.clone() },
        user: login.user.clone(),
        password: password.clone(),
        database: Some(login.database.clone()),
        tls: Tls::VerifyFull { authority_pem: end.authority.clone() },
        timeout: LOGGING_IN,
    };
    let doing = format!("logging in at {} as {}", login.component, login.role);
    let connection = Connection::open(&access).await;
    connection.map_err(|error| CommandError::Preflight(error.into_fault(doing)))?.close().await;
    Ok(())
}

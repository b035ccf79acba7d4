//! Database servers that run: whether they let anybody in, and their certificates, renewed in time and taken without an interruption.

use crate::authority::{self, Authority};
use crate::certificate::Certificate;
use crate::database::administrator_access;
use crate::processes;
use crate::supervisor::program::Program;
use crate::supervisor::protocol::ServedDatabase;
use database::{Access, Connection, Error};
use model::database::Engine;
use model::{Fault, Secret};
use nix::sys::signal::Signal;

/// Renews the certificate of what a program serves when it is about to end. What cannot be renewed now is tried again next time.
pub(crate) async fn renew(program: &Program) {
    let Some(served) = &program.order.database else { return };
    let pid = program.state.borrow().pid;
    if let (Ok(true), Some(pid)) = (issue(served), pid) {
        match served.engine {
            Engine::Postgres => processes::signal_process(pid, Signal::SIGHUP),
            // Until it hears of it, it goes on with the old one, which lasts for weeks.
            Engine::Mariadb => drop(say(served, "FLUSH SSL").await),
            Engine::Mysql => drop(say(served, "ALTER INSTANCE RELOAD TLS").await),
        }
    }
}

fn issue(served: &ServedDatabase) -> Result<bool, Fault> {
    let authority = Authority::ensure(&served.authority)?;
    Certificate::of_files(&served.chain).ensure(&authority, &served.names)
}

async fn say(served: &ServedDatabase, statement: &str) -> database::Result<()> {
    let mut connection = Connection::open_as_administrator(&administrator(served)).await?;
    database::query(&mut connection, statement).await?;
    connection.close().await;
    Ok(())
}

/// Whether a server decides about logins. A refusal is an answer too: somebody changed the administrator's password, and everybody
/// else may be let in.
///
/// # Errors
/// When it does not yet; in words.
pub(crate) async fn lets_in(served: &ServedDatabase) -> Result<(), String> {
    match Connection::open_as_administrator(&administrator(served)).await {
        Ok(connection) => {
            connection.close().await;
            Ok(())
        }
        Err(error @ (Error::NotReachable { .. } | Error::Lost { .. } | Error::TimedOut { .. })) => {
            Err(format!("it lets nobody in yet: {error}"))
        }
        Err(_) => Ok(()),
    }
}

fn administrator(served: &ServedDatabase) -> Access {
    let password = Secret::new(std::fs::read_to_string(&served.password).unwrap_or_default());
    administrator_access(served.engine, &served.socket, password, &authority::certificate_in(&served.authority))
}

//! Certificates of database servers that run: renewed in time, and taken by the server without an interruption.

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::database::administrator_access;
use crate::processes;
use crate::supervisor::program::Program;
use crate::supervisor::protocol::ServedDatabase;
use database::Connection;
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
    let password = Secret::new(std::fs::read_to_string(&served.password).unwrap_or_default());
    let mut connection = Connection::open(&administrator_access(served.engine, &served.socket, password)).await?;
    database::query(&mut connection, statement).await?;
    connection.close().await;
    Ok(())
}

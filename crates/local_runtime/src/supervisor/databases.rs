//! Certificates of database servers that run: renewed in time, and taken by the server without an interruption.

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::processes;
use crate::supervisor::program::Program;
use crate::supervisor::protocol::ServedDatabase;
use model::Fault;
use model::database::Engine;
use nix::sys::signal::Signal;

/// Renews the certificate of what a program serves when it is about to end. What cannot be renewed now is tried again next time.
pub(crate) async fn renew(program: &Program) {
    let Some(served) = &program.order.database else { return };
    let pid = program.state.borrow().pid;
    if let (Ok(true), Some(pid)) = (issue(served), pid) {
        match served.engine {
            Engine::Postgres => processes::signal_process(pid, Signal::SIGHUP),
            Engine::Mysql | Engine::Mariadb => {}
        }
    }
}

fn issue(served: &ServedDatabase) -> Result<bool, Fault> {
    let authority = Authority::ensure(&served.authority)?;
    Certificate::of_files(&served.chain).ensure(&authority, &served.names)
}

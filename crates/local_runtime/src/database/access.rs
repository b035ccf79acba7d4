//! How the administrator gets to a server of this machine: by its socket, which is the deployment's alone.

use crate::authority;
use crate::database::record::Record;
use crate::target::LocalTarget;
use database::{Access, Address, Connection, Error, Tls};
use model::database::Engine;
use model::process_graph::DATABASE_ADMINISTRATOR;
use model::text::SecretPart;
use model::{Fault, FaultKind, NodeId, Secret};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server that was started may take until it lets the administrator in: after a crash it first reads what it had written.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// The administrator's access by a socket; the authority is the one that signed the server's certificate.
pub(crate) fn administrator_access(engine: Engine, socket: &Path, password: Secret, authority: &Path) -> Access {
    let tls = match engine {
        // It takes a password over TLS or not at all, on its socket too. Without the authority no handshake succeeds, which says so.
        Engine::Mysql => Tls::VerifyFull { authority_pem: std::fs::read_to_string(authority).unwrap_or_default() },
        Engine::Mariadb | Engine::Postgres => Tls::Off,
    };
    Access {
        engine,
        address: Address::Socket(socket.to_owned()),
        user: DATABASE_ADMINISTRATOR.to_owned(),
        password,
        database: None,
        tls,
        timeout: PATIENCE,
    }
}

/// The administrator's access to a server that was made.
///
/// # Errors
/// When it was not made, or its password is gone.
pub(crate) fn access_to(target: &LocalTarget, server: &NodeId, port: u16) -> Result<Access, Fault> {
    let record = Record::read(&target.home, server)?;
    let password = target.secrets().value(&record.administrator, SecretPart::Value)?;
    let authority = authority::certificate_file(&target.setup.folders);
    Ok(administrator_access(record.programs.engine, &record.socket(port), password, &authority))
}

/// Waits until the server lets the administrator in.
///
/// # Errors
/// When it refuses, or stays silent for too long.
pub(crate) async fn wait_for(access: &Access, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
    let operation = "waiting for the database server";
    let begun = Instant::now();
    let mut told = 0;
    loop {
        let error = match Connection::open_as_administrator(access).await {
            Ok(connection) => {
                connection.close().await;
                return Ok(());
            }
            Err(error) => error,
        };
        let may_pass = matches!(error, Error::NotReachable { .. } | Error::Lost { .. } | Error::TimedOut { .. });
        let waited = begun.elapsed();
        if !may_pass {
            return Err(refused(error, operation));
        }
        if waited > START_PATIENCE {
            return Err(
                Fault::new(FaultKind::Timeout, operation, error).help("`landfall logs` shows what the server says")
            );
        }
        if waited.as_secs() > told {
            told = waited.as_secs();
            tell(&format!("waiting until the server answers ({told} s)"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A refused administrator means a password that was changed inside.
pub(crate) fn refused(error: Error, operation: &str) -> Fault {
    let is_login = matches!(error, Error::LoginRefused { .. });
    let fault = error.into_fault(operation);
    if is_login {
        fault.help(
            "its password was changed inside the database: `landfall down --keep-data` and `landfall up` set it again, whatever it is",
        )
    } else {
        fault
    }
}

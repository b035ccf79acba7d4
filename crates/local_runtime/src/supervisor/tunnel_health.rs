//! A query through a tunnel: that a process runs or a port is open proves nothing.

use crate::supervisor::protocol::HealthOrder;
use database::{Access, Address, Connection, Tls};
use model::Secret;
use ssh::{Health, HealthFailure, HealthPath, SshError};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// After how many failures in a row the connection is made anew.
const FAILURES: u32 = 2;

/// The question as the tunnel asks it.
pub(super) fn health(order: HealthOrder) -> Health {
    let interval = Duration::from_secs(u64::from(order.interval_seconds.max(1)));
    let order = Arc::new(order);
    Health::new(interval, LIMIT, FAILURES, move |path| ask(Arc::clone(&order), path))
}

async fn ask(order: Arc<HealthOrder>, path: HealthPath) -> Result<(), HealthFailure> {
    if let Some(port) = order.far_end {
        return query(&order, port).await;
    }
    let far_end = match path.open().await {
        Ok(far_end) => far_end,
        // The server lets nobody look: then at least what is behind the tunnel must answer.
        Err(SshError::ForwardRefused { .. }) => return query(&order, order.target).await,
        Err(error) => return Err(HealthFailure::Path(error.to_string())),
    };
    // Database clients dial; so one connection of this machine is led into the far end.
    let unreachable = |error: std::io::Error| HealthFailure::Path(error.to_string());
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unreachable)?;
    let port = door.local_addr().map_err(unreachable)?.port();
    let lead = async {
        if let Ok((mut near, _)) = door.accept().await {
            let mut far_end = far_end;
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far_end).await;
        }
        // The query ends by itself when its connection does.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = query(&order, port) => answer,
        () = lead => Err(HealthFailure::Path("the far end closed".to_owned())),
    }
}

async fn query(order: &HealthOrder, port: u16) -> Result<(), HealthFailure> {
    let access = Access {
        engine: order.engine,
        address: Address::Tcp { host: "127.0.0.1".to_owned(), port, server_name: order.server_name.clone() },
        user: order.user.clone(),
        password: Secret::new(order.password.as_str()),
        database: Some(order.database.clone()),
        tls: Tls::VerifyFull { authority_pem: order.authority.clone() },
        timeout: LIMIT,
    };
    let failure = |error: database::Error| match error {
        database::Error::NotReachable { .. } | database::Error::TimedOut { .. } | database::Error::Lost { .. } => {
            HealthFailure::Path(error.to_string())
        }
        _ => HealthFailure::Answer(error.to_string()),
    };
    let mut connection = Connection::open(&access).await.map_err(failure)?;
    database::query(&mut connection, "SELECT 1").await.map_err(failure)?;
    Ok(())
}

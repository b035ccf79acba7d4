//! A question through a tunnel: that a process runs or a port is open proves nothing.

use crate::supervisor::protocol::{HealthOrder, LoginOrder, QuestionOrder};
use crate::supervisor::readiness::get;
use database::{Access, Address, Connection, Tls};
use model::Secret;
use ssh::{Health, HealthFailure, HealthPath, SshError};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long an answer may take together with the one to the same question at the target itself.
const LIMIT: Duration = Duration::from_secs(20);
/// After how many failures in a row the connection is made anew.
const FAILURES: u32 = 2;
/// A connection that nobody takes at its end is closed before that.
const SOON: Duration = Duration::from_secs(1);

/// The question as the tunnel asks it.
pub(super) fn health(order: HealthOrder) -> Health {
    let interval = Duration::from_secs(u64::from(order.interval_seconds.max(1)));
    let order = Arc::new(order);
    Health::new(interval, LIMIT, FAILURES, move |path| {
        let order = Arc::clone(&order);
        async move { tell_apart(&order, through(&order, path).await).await }
    })
}

/// When nobody answers through the tunnel, the target is asked itself: another connection helps only against a tunnel that is
/// to blame.
async fn tell_apart(order: &HealthOrder, answer: Result<(), HealthFailure>) -> Result<(), HealthFailure> {
    let Err(HealthFailure::Path(reason)) = answer else { return answer };
    match ask(order, order.target).await {
        Ok(()) | Err(HealthFailure::Answer(_)) => Err(HealthFailure::Path(reason)),
        Err(HealthFailure::Path(reason) | HealthFailure::Target(reason)) => Err(HealthFailure::Target(reason)),
    }
}

async fn through(order: &HealthOrder, path: HealthPath) -> Result<(), HealthFailure> {
    if let Some(port) = order.far_end {
        return ask(order, port).await;
    }
    let far_end = match path.open().await {
        Ok(far_end) => far_end,
        // The server lets nobody look: then at least what is behind the tunnel must answer.
        Err(SshError::ForwardRefused { .. }) => return ask(order, order.target).await,
        Err(error) => return Err(HealthFailure::Path(error.to_string())),
    };
    // Clients of databases dial; so one connection of this machine is led into the far end.
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| unreachable(&error))?;
    let port = door.local_addr().map_err(|error| unreachable(&error))?.port();
    let lead = async {
        if let Ok((mut near, _)) = door.accept().await {
            let mut far_end = far_end;
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far_end).await;
        }
        // The question ends by itself when its connection does.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = ask(order, port) => answer,
        () = lead => Err(HealthFailure::Path("the far end closed".to_owned())),
    }
}

fn unreachable(error: &std::io::Error) -> HealthFailure {
    HealthFailure::Path(error.to_string())
}

/// Asks at a port of this machine.
async fn ask(order: &HealthOrder, port: u16) -> Result<(), HealthFailure> {
    let asking = async {
        match &order.question {
            QuestionOrder::Query(login) => query(login, port).await,
            QuestionOrder::Http { path, statuses } => page(port, path, statuses).await,
            QuestionOrder::Connection => stays_open(port).await,
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(HealthFailure::Path(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

async fn page(port: u16, path: &str, statuses: &[u16]) -> Result<(), HealthFailure> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| unreachable(&error))?;
    let status = get(stream, port, path).await.map_err(|error| HealthFailure::Path(error.to_string()))?;
    if statuses.contains(&status) {
        return Ok(());
    }
    let wanted: Vec<String> = statuses.iter().map(u16::to_string).collect();
    Err(HealthFailure::Answer(format!("{path} answers {status} instead of {}", wanted.join(" or "))))
}

/// The other server accepts whether anything is behind it or not, but then closes.
async fn stays_open(port: u16) -> Result<(), HealthFailure> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| unreachable(&error))?;
    match tokio::time::timeout(SOON, stream.read(&mut [0])).await {
        Ok(Ok(0)) => Err(HealthFailure::Path("the connection is closed at once".to_owned())),
        Ok(Err(error)) => Err(unreachable(&error)),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn query(login: &LoginOrder, port: u16) -> Result<(), HealthFailure> {
    let access = Access {
        engine: login.engine,
        address: Address::Tcp { host: "127.0.0.1".to_owned(), port, server_name: login.server_name.clone() },
        user: login.user.clone(),
        password: Secret::new(login.password.as_str()),
        database: Some(login.database.clone()),
        tls: Tls::VerifyFull { authority_pem: login.authority.clone() },
        timeout: PATIENCE,
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

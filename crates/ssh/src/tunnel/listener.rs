//! The near end of a forward tunnel: it listens whether the tunnel is open or not, and lets who comes too early wait.

use crate::client::Connection;
use crate::error::SshError;
use crate::forward::{Counting, forward_one};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long an accepted connection waits for the tunnel.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of an attempt to lead a connection through.
pub(super) type Report = Arc<dyn Fn(Result<(), SshError>) + Send + Sync>;

pub(super) async fn serve(
    listener: Arc<TcpListener>,
    connection: watch::Receiver<Option<Arc<Connection>>>,
    host: String,
    port: u16,
    counting: Arc<Counting>,
    report: Report,
) {
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let (socket, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = tasks.join_next() => continue,
        };
        let (mut connection, host) = (connection.clone(), host.clone());
        let (counting, report) = (Arc::clone(&counting), Arc::clone(&report));
        tasks.spawn(async move {
            let open = tokio::time::timeout(PATIENCE, opened(&mut connection)).await.ok().flatten();
            let Some(open) = open else {
                let _ = socket.set_zero_linger();
                return;
            };
            let led = Arc::clone(&report);
            let outcome = forward_one(&open, socket, peer, &host, port, &counting, move || led(Ok(()))).await;
            if outcome.is_err() {
                report(outcome);
            }
        });
    }
}

/// The connection, as soon as there is one; none when there will be none.
async fn opened(connection: &mut watch::Receiver<Option<Arc<Connection>>>) -> Option<Arc<Connection>> {
    match connection.wait_for(Option::is_some).await {
        Ok(open) => open.clone(),
        Err(_) => None,
    }
}

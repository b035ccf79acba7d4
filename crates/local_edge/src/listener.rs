//! Listens on loopback addresses and starts a task for each connection.

use crate::connection::{self, Counted};
use crate::error::EdgeError;
use crate::proxy::Proxy;
use crate::redirect;
use crate::status::{ListenerRole, ListenerStatus};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A pause after the system refused to hand out a connection, as it does without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound address; accepts connections until it is dropped.
pub(crate) struct Listener {
    pub(crate) status: ListenerStatus,
    /// The address as it was configured, which may have had port 0.
    pub(crate) configured: SocketAddr,
    _stop: DropGuard,
}

/// A bound address that accepts nothing yet.
pub(crate) struct Bound {
    socket: TcpListener,
    configured: SocketAddr,
    pub(crate) address: SocketAddr,
}

impl Bound {
    pub(crate) async fn new(configured: SocketAddr) -> Result<Self, EdgeError> {
        if !configured.ip().is_loopback() {
            return Err(EdgeError::NotLoopback(configured));
        }
        let fault = |source: std::io::Error| match source.kind() {
            ErrorKind::AddrInUse => EdgeError::AddressTaken(configured),
            ErrorKind::PermissionDenied => EdgeError::AddressForbidden(configured),
            _ => EdgeError::Listen { address: configured, source },
        };
        let socket = TcpListener::bind(configured).await.map_err(fault)?;
        let address = socket.local_addr().map_err(fault)?;
        Ok(Self { socket, configured, address })
    }

    /// Begins to accept.
    pub(crate) fn accept(self, role: ListenerRole, proxy: &Arc<Proxy>, permits: &Arc<Semaphore>) -> Listener {
        let stop = CancellationToken::new();
        let status = ListenerStatus { address: self.address, role };
        let (proxy, permits) = (Arc::clone(proxy), Arc::clone(permits));
        let tasks = proxy.tasks.clone();
        let stopped = stop.clone();
        tasks.spawn(async move {
            let draining = proxy.draining.clone();
            tokio::select! {
                () = stopped.cancelled() => {}
                () = draining.cancelled() => {}
                () = accept_all(self.socket, role, proxy, permits) => {}
            }
        });
        Listener { status, configured: self.configured, _stop: stop.drop_guard() }
    }
}

async fn accept_all(socket: TcpListener, role: ListenerRole, proxy: Arc<Proxy>, permits: Arc<Semaphore>) {
    loop {
        let (stream, address) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // The others concern one connection that is gone already.
                if !matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        // The accepted one waits here, more in the system's queue.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let counted = Counted::new(&proxy.connections, permit);
        let tasks = &proxy.tasks;
        match role {
            ListenerRole::Https => {
                tasks.spawn(connection::serve_https(Arc::clone(&proxy), stream, address, counted));
            }
            ListenerRole::Redirect => {
                tasks.spawn(redirect::serve(Arc::clone(&proxy), stream, address, counted));
            }
        }
    }
}

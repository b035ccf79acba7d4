//! A local port whose connections come out at a target that an SSH server can reach (`ssh -L`).

use crate::client::{ClientConfig, Connection};
use crate::error::SshError;
use crate::pump::{End, Traffic, carry};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a forward has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardCounters {
    /// Connections that are open now.
    pub open: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Connections that the other side refused or could not lead on.
    pub refused: u64,
    /// Bytes from here.
    pub sent: u64,
    /// Bytes to here.
    pub received: u64,
}

/// Counters that tasks share.
#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) open: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) traffic: Arc<Traffic>,
}

impl Counting {
    pub(crate) fn read(&self) -> ForwardCounters {
        let (sent, received) = self.traffic.total();
        ForwardCounters {
            open: self.open.load(Ordering::Relaxed),
            opened: self.opened.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            sent,
            received,
        }
    }
}

/// A forward over one connection. It ends when the connection does; [`crate::Tunnel`] dials again.
pub struct LocalForward {
    address: SocketAddr,
    connection: Arc<Connection>,
    counting: Arc<Counting>,
    last_refusal: Arc<std::sync::Mutex<Option<String>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl LocalForward {
    /// Connects, and listens on `127.0.0.1:port` (0 lets the system choose).
    ///
    /// # Errors
    /// When the server cannot be used, or the port is taken.
    pub async fn open(config: &ClientConfig, port: u16, host: &str, target_port: u16) -> Result<Self, SshError> {
        // The port first: no login for nothing.
        let listener = listen_locally(port).await?;
        let connection = Arc::new(Connection::open(config).await?);
        let address = listener.local_addr().map_err(|source| SshError::Listen { address: local(port), source })?;
        let forward = Self {
            address,
            connection,
            counting: Arc::default(),
            last_refusal: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        forward.tasks.spawn(forward.serve(listener, host.to_owned(), target_port));
        Ok(forward)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> ForwardCounters {
        self.counting.read()
    }

    /// Why the last connection was refused, if one was.
    #[must_use]
    pub fn last_refusal(&self) -> Option<String> {
        crate::client::locked(&self.last_refusal).clone()
    }

    /// The connection under it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns when the SSH connection is over, with the reason.
    pub async fn ended(&self) -> SshError {
        self.connection.ended().await
    }

    /// Stops listening and cuts what is open.
    pub async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn serve(&self, listener: TcpListener, host: String, port: u16) -> impl Future<Output = ()> + Send + 'static {
        let (connection, counting) = (Arc::clone(&self.connection), Arc::clone(&self.counting));
        let (stop, tasks) = (self.stop.clone(), self.tasks.clone());
        let last_refusal = Arc::clone(&self.last_refusal);
        async move {
            let mut watch = std::pin::pin!(connection.watch());
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                    _ = connection.ended() => return,
                    _ = &mut watch => return,
                };
                let Ok((socket, peer)) = accepted else {
                    // Out of descriptors: those that are open must close first.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                };
                let (connection, counting) = (Arc::clone(&connection), Arc::clone(&counting));
                let (host, stop, last_refusal) = (host.clone(), stop.clone(), Arc::clone(&last_refusal));
                tasks.spawn(async move {
                    let work = forward_one(&connection, socket, peer, &host, port, &counting, || ());
                    tokio::select! {
                        outcome = work => if let Err(error) = outcome {
                            *crate::client::locked(&last_refusal) = Some(error.to_string());
                        },
                        () = stop.cancelled() => {}
                    }
                });
            }
        }
    }
}

impl Drop for LocalForward {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Carries one accepted connection.
pub(crate) async fn forward_one(
    connection: &Connection,
    mut socket: TcpStream,
    peer: SocketAddr,
    host: &str,
    port: u16,
    counting: &Counting,
    opened: impl FnOnce(),
) -> Result<(), SshError> {
    let _ = socket.set_nodelay(true);
    let channel = match connection.open_channel(host, port, peer).await {
        Ok(channel) => channel,
        Err(error) => {
            counting.refused.fetch_add(1, Ordering::Relaxed);
            let _ = socket.set_zero_linger();
            return Err(error);
        }
    };
    opened();
    counting.opened.fetch_add(1, Ordering::Relaxed);
    let _open = Counted::one(&counting.open);
    let (from_channel, to_channel) = channel.split();
    let (from_socket, to_socket) = socket.split();
    if carry(from_socket, to_socket, from_channel, &to_channel, connection.backlog(), &[&counting.traffic]).await
        == End::Cut
    {
        let _ = socket.set_zero_linger();
    }
    Ok(())
}

/// Counts something for as long as it lives, also when its task is cut.
pub(crate) struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    pub(crate) fn one(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

pub(crate) async fn listen_locally(port: u16) -> Result<TcpListener, SshError> {
    TcpListener::bind(local(port)).await.map_err(|source| SshError::Listen { address: local(port), source })
}

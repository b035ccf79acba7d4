//! One connection to an SSH server: the host key checked against what is expected, a login with keys, time limits on every
//! phase.

mod handler;
mod identity;
mod stream;
mod trial;

pub(crate) use handler::{in_words, locked, said_by_peer};
pub use identity::Identity;
pub use stream::ForwardStream;
pub use trial::Trial;

use crate::backlog::Backlog;
use crate::error::SshError;
use crate::forward::Counting;
use crate::guarded::Guarded;
use crate::known_hosts::{Expected, HostKeys};
use crate::settings;
use handler::{ClientHandler, Shared};
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelOpenFailure, Disconnect, Preferred};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Whom to connect to, and as whom.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// Which host keys are right.
    pub host_keys: HostKeys,
    /// What logs in, in this order.
    pub identities: Vec<Identity>,
    /// How long things may take.
    pub limits: ClientLimits,
}

/// How long a client waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// For a TCP connection.
    pub connect: Duration,
    /// For the exchange of keys, and for the login.
    pub handshake: Duration,
    /// For the answer to a request, as for a listener or a forward.
    pub request: Duration,
    /// Silence after which the server is asked whether it is there.
    pub keep_alive: Duration,
    /// After how many such questions without an answer it counts as gone.
    pub keep_alive_misses: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            request: Duration::from_secs(15),
            keep_alive: Duration::from_secs(15),
            keep_alive_misses: 3,
        }
    }
}

impl ClientConfig {
    /// `host:port`, as messages show it.
    #[must_use]
    pub fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A connection that is logged in. Dropping it ends it.
pub struct Connection {
    handle: Handle<ClientHandler>,
    shared: Arc<Shared>,
    limits: ClientLimits,
    cut: CancellationToken,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When the server cannot be reached, shows another key, takes none of the keys, or is too slow.
    pub async fn open(config: &ClientConfig) -> Result<Self, SshError> {
        // Before anything is sent: a file that cannot be read should not look like a server that cannot be reached.
        let expected = config.host_keys.expected(&config.host, config.port)?;
        let stream = dial(config).await?;
        Self::over(stream, config, expected, Some(config.limits.keep_alive)).await
    }

    /// Exchanges keys and logs in over a TCP connection. Without `keep_alive` the caller has to ask whether the server is there.
    pub(crate) async fn over(
        stream: TcpStream,
        config: &ClientConfig,
        expected: Expected,
        keep_alive: Option<Duration>,
    ) -> Result<Self, SshError> {
        let server = config.server();
        let shared = Arc::new(Shared::new(server.clone(), expected));
        let russh_config = Arc::new(russh::client::Config {
            client_id: settings::version(),
            limits: settings::limits(),
            window_size: settings::WINDOW,
            maximum_packet_size: settings::PACKET,
            channel_buffer_size: settings::CHANNEL_QUEUE,
            preferred: Preferred { key: shared.key_algorithms().into(), ..settings::preferred() },
            inactivity_timeout: None,
            keepalive_interval: keep_alive,
            keepalive_max: config.limits.keep_alive_misses,
            nodelay: true,
            ..Default::default()
        });
        let handler = ClientHandler::new(Arc::clone(&shared), config.limits.connect);
        let cut = CancellationToken::new();
        let exchange = russh::client::connect_stream(russh_config, Guarded::new(stream, &cut), handler);
        let handshake = config.limits.handshake;
        let mut handle = match within(&server, "exchanging keys", handshake, exchange).await? {
            Ok(handle) => handle,
            Err(error) => return Err(shared.broken(&error)),
        };
        match within(&server, "logging in", handshake, identity::log_in(&mut handle, config, &shared)).await? {
            Ok(()) => Ok(Self { handle, shared, limits: config.limits, cut }),
            // What the server said when it hung up tells more.
            Err(SshError::Ended { .. }) if shared.failure().is_some() => {
                Err(shared.failure().unwrap_or(SshError::Ended { server, reason: String::new() }))
            }
            Err(error) => Err(error),
        }
    }

    /// Drops the connection with a reset, which reaches the server ahead of everything that waits to be sent: it lets go at
    /// once of the ports that it holds for this connection.
    pub(crate) fn abort(&self) {
        self.cut.cancel();
    }

    /// Opens one connection through the server to a target that the server can reach.
    ///
    /// # Errors
    /// When the server forbids it or cannot reach the target.
    pub async fn forward_to(&self, host: &str, port: u16) -> Result<ForwardStream, SshError> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let channel = self.open_channel(host, port, nowhere).await?;
        Ok(ForwardStream::new(channel, Arc::clone(&self.shared)))
    }

    pub(crate) async fn open_channel(
        &self,
        host: &str,
        port: u16,
        origin: SocketAddr,
    ) -> Result<Channel<Msg>, SshError> {
        let server = &self.shared.server;
        let _guest = self.backlog().guest();
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let opening = self.handle.channel_open_direct_tcpip(
            host,
            u32::from(port),
            origin.ip().to_string(),
            u32::from(origin.port()),
        );
        match within(server, "opening a forward", self.limits.request, opening).await? {
            Ok(channel) => Ok(channel),
            Err(russh::Error::ChannelOpenFailure(
                ChannelOpenFailure::AdministrativelyProhibited | ChannelOpenFailure::UnknownChannelType,
            )) => Err(SshError::ForwardRefused { server: server.clone(), target }),
            Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed)) => {
                Err(SshError::TargetUnreachable { server: server.clone(), target })
            }
            Err(russh::Error::ChannelOpenFailure(reason)) => Err(SshError::Protocol {
                server: server.clone(),
                reason: format!("no forward to {target}: {reason:?}"),
            }),
            Err(error) => Err(self.shared.broken(&error)),
        }
    }

    /// Asks the server to listen on `address:port` of its own, and carries each connection there to `target` here.
    /// Returns the port, which the server chooses when 0 is asked for.
    ///
    /// # Errors
    /// When the server refuses, as when its rules forbid it or somebody holds the port.
    pub(crate) async fn listen(&self, address: &str, port: u16, target: Target) -> Result<u16, SshError> {
        let server = &self.shared.server;
        self.shared.listen(port, target);
        let asked = self.handle.tcpip_forward(address, u32::from(port));
        match within(server, "asking it to listen", self.limits.request, asked).await? {
            // russh gives 0 for a port that was stated.
            Ok(0) => Ok(port),
            Ok(chosen) => u16::try_from(chosen).map_err(|_| SshError::Protocol {
                server: server.clone(),
                reason: format!("it listens on port {chosen}, which is none"),
            }),
            Err(russh::Error::RequestDenied) => {
                Err(SshError::ListenRefused { server: server.clone(), address: address.to_owned(), port })
            }
            Err(error) => Err(self.shared.broken(&error)),
        }
    }

    /// Asks the server to answer, whatever the answer is.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn ping(&self, limit: Duration) -> Result<(), SshError> {
        let server = &self.shared.server;
        match within(server, "asking whether it is there", limit, self.handle.send_ping()).await? {
            Ok(()) => Ok(()),
            Err(error) => Err(self.shared.broken(&error)),
        }
    }

    /// Asks the server again and again whether it is there; when it is silent for too long, the connection is dropped and the
    /// reason returned. The library asks too, but cannot while it waits to send.
    pub(crate) async fn watch(&self) -> SshError {
        let misses = u32::try_from(self.limits.keep_alive_misses.max(1)).unwrap_or(1);
        loop {
            tokio::time::sleep(self.limits.keep_alive).await;
            let silent = match self.ping(self.limits.keep_alive * misses).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            // Unless it is this side that does not listen.
            if !self.backlog().holds_up() {
                self.shared.end_because("the other side does not answer any more");
                self.abort();
                return silent;
            }
        }
    }

    /// What has come and was not taken yet.
    pub(crate) fn backlog(&self) -> &Backlog {
        &self.shared.backlog
    }

    /// Returns when the connection is over, with the reason.
    pub async fn ended(&self) -> SshError {
        self.shared.ended().await
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.say_goodbye().await;
    }

    pub(crate) async fn say_goodbye(&self) {
        let goodbye = async {
            if self.handle.disconnect(Disconnect::ByApplication, "", "").await.is_ok() {
                self.ended().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
        self.abort();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Where connections of a remote listener come out, and where they are counted.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) counting: Arc<Counting>,
    pub(crate) observer: Arc<dyn TargetObserver>,
}

/// Who wants to know how connections to a target go.
pub(crate) trait TargetObserver: Send + Sync {
    fn opened(&self);
    fn unreachable(&self, address: SocketAddr, error: &std::io::Error);
}

/// A TCP connection to the server, by the first of its addresses that answers.
pub(crate) async fn dial(config: &ClientConfig) -> Result<TcpStream, SshError> {
    let limit = config.limits.connect;
    let server = &config.server();
    let addresses: Vec<SocketAddr> =
        match within(server, "resolving its name", limit, tokio::net::lookup_host((config.host.as_str(), config.port)))
            .await?
        {
            Ok(addresses) => addresses.collect(),
            Err(error) => return Err(SshError::Name { host: config.host.clone(), reason: error.to_string() }),
        };
    let mut last = None;
    for address in addresses {
        match within(server, "connecting", limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(source)) => last = Some(SshError::Connect { server: server.clone(), source }),
            Err(timeout) => last = Some(timeout),
        }
    }
    Err(last.unwrap_or_else(|| SshError::Name { host: config.host.clone(), reason: "it has no address".to_owned() }))
}

async fn within<T>(
    server: &str,
    phase: &'static str,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, SshError> {
    tokio::time::timeout(limit, work).await.map_err(|_| SshError::Timeout { server: server.to_owned(), phase, limit })
}

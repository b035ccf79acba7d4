//! A question through a tunnel: only an answer from the far end proves that it leads where it should.

use crate::client::{Connection, ForwardStream};
use crate::error::SshError;
use crate::tunnel::config::Way;
use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often and how one asks.
#[derive(Clone)]
pub struct Health {
    /// How often.
    pub interval: Duration,
    /// How long an answer may take.
    pub limit: Duration,
    /// After how many failures in a row that are the connection's fault it is made anew.
    pub failures: u32,
    ask: Arc<dyn Fn(HealthPath) -> BoxFuture<'static, Result<(), HealthFailure>> + Send + Sync>,
}

impl Health {
    /// Asks with `ask`.
    pub fn new<F, A>(interval: Duration, limit: Duration, failures: u32, ask: F) -> Self
    where
        F: Fn(HealthPath) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), HealthFailure>> + Send + 'static,
    {
        Self { interval, limit, failures, ask: Arc::new(move |path| Box::pin(ask(path))) }
    }

    pub(crate) async fn ask(&self, path: HealthPath) -> Result<(), HealthFailure> {
        match tokio::time::timeout(self.limit, (self.ask)(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(HealthFailure::Path(format!("no answer within {}s", self.limit.as_secs_f32()))),
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("interval", &self.interval)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

/// Why a question had no good answer. Texts must not hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthFailure {
    /// Nobody answered: the tunnel or what is behind it.
    Path(String),
    /// Nobody answered, and nobody does at the target itself either: the tunnel is not to blame.
    Target(String),
    /// The far end answered, but not well: the tunnel is not to blame.
    Answer(String),
}

/// The way through the tunnel that is asked about.
#[derive(Clone)]
pub struct HealthPath {
    connection: Arc<Connection>,
    way: Way,
    local: Option<u16>,
}

impl HealthPath {
    pub(crate) fn new(connection: Arc<Connection>, way: Way, local: Option<u16>) -> Self {
        Self { connection, way, local }
    }

    /// The port on this machine where a forward tunnel begins.
    #[must_use]
    pub fn local_port(&self) -> Option<u16> {
        self.local
    }

    /// Opens a connection at the far end, through the SSH server: with a reverse tunnel to the server's own listener, from
    /// where it comes back through the tunnel.
    ///
    /// # Errors
    /// When the server forbids it ([`SshError::ForwardRefused`]) or cannot do it.
    pub async fn open(&self) -> Result<ForwardStream, SshError> {
        match &self.way {
            Way::Reverse { listen, .. } => self.connection.forward_to("127.0.0.1", *listen).await,
            Way::Forward { host, port, .. } => self.connection.forward_to(host, *port).await,
        }
    }
}

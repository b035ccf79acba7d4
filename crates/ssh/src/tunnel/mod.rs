//! The supervised tunnel: dialled, watched, dialled again, with a state that says what is the matter.

mod config;
mod dialling;
mod health;
mod listener;
mod run;
mod status;
mod target;

pub use config::{Pauses, TunnelConfig, Way};
pub use health::{Health, HealthFailure, HealthPath};
pub use status::{TunnelError, TunnelState, TunnelStatus};

use crate::client::Connection;
use crate::error::SshError;
use crate::forward::{Counting, listen_locally};
use run::Run;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A tunnel that is kept open. Dropping it stops it without a goodbye; [`Tunnel::stop`] says one.
pub struct Tunnel {
    config: TunnelConfig,
    status: Arc<watch::Sender<TunnelStatus>>,
    counting: Arc<Counting>,
    listener: Option<Arc<TcpListener>>,
    connection: watch::Receiver<Option<Arc<Connection>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Starts it. A forward tunnel listens from now on; whoever connects before it is open waits a little.
    ///
    /// # Errors
    /// When the local port of a forward tunnel is taken. All else is a state, since it may change.
    pub async fn start(config: TunnelConfig) -> Result<Self, SshError> {
        let status = Arc::new(watch::Sender::new(TunnelStatus::new()));
        let counting = Arc::default();
        let listener = match config.way {
            Way::Forward { listen, .. } => Some(Arc::new(listen_locally(listen).await?)),
            Way::Reverse { .. } => None,
        };
        Ok(Self::spawn(config, status, counting, listener))
    }

    /// Goes on with another configuration, also after a stop for a wrong host key. Open connections are cut.
    ///
    /// # Errors
    /// When the local port of a forward tunnel is taken; the tunnel then goes on as it was.
    pub async fn reload(&mut self, config: TunnelConfig) -> Result<(), SshError> {
        let listener = match (&config.way, &self.config.way) {
            (Way::Reverse { .. }, _) => None,
            (Way::Forward { listen: new, .. }, Way::Forward { listen: old, .. }) if new == old => self.listener.clone(),
            (Way::Forward { listen, .. }, _) => Some(Arc::new(listen_locally(*listen).await?)),
        };
        self.halt().await;
        self.status.send_modify(|status| status.enter(TunnelState::Dialling));
        *self = Self::spawn(config, Arc::clone(&self.status), Arc::clone(&self.counting), listener);
        Ok(())
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> TunnelStatus {
        let mut status = self.status.borrow().clone();
        status.traffic = self.counting.read();
        status
    }

    /// Waits until its state is as wished, and returns how it is.
    pub async fn wait_for(&self, mut wished: impl FnMut(&TunnelState) -> bool) -> TunnelStatus {
        let mut watched = self.status.subscribe();
        // The sender lives as long as this.
        let _ = watched.wait_for(|status| wished(&status.state)).await;
        self.status()
    }

    /// Tells each change of its state.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<TunnelStatus> {
        self.status.subscribe()
    }

    /// Cuts the connection without a goodbye, as a broken network would; it is dialled again. Returns whether one was open.
    #[must_use]
    pub fn cut(&self) -> bool {
        let open = self.connection.borrow();
        if let Some(connection) = &*open {
            connection.abort();
        }
        open.is_some()
    }

    /// Ends it: says goodbye to the server, which lets go of its port.
    pub async fn stop(mut self) {
        self.halt().await;
    }

    async fn halt(&mut self) {
        self.stop.cancel();
        let _ = (&mut self.task).await;
    }

    fn spawn(
        config: TunnelConfig,
        status: Arc<watch::Sender<TunnelStatus>>,
        counting: Arc<Counting>,
        listener: Option<Arc<TcpListener>>,
    ) -> Self {
        let stop = CancellationToken::new();
        let local_port =
            listener.as_ref().and_then(|listener| listener.local_addr().ok()).map(|address| address.port());
        status.send_modify(|status| status.local_port = local_port);
        let run = Run::new(config.clone(), Arc::clone(&status), Arc::clone(&counting), listener.clone(), stop.clone());
        let connection = run.connection();
        let task = tokio::spawn(run.run());
        Self { config, status, counting, listener, connection, stop, task }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

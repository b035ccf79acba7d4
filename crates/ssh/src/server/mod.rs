//! An SSH server that is a bastion: keys only, exactly the stated forwards and listeners, and nothing else - no shell, no
//! command, no file transfer, no terminal, no agent, no X11.

mod carrying;
mod config;
mod core;
mod event;
mod handler;
mod link;
mod policy;
mod status;

pub use config::{Account, Forward, ServerConfig, ServerLimits};
pub use event::{Event, Happening, Journal};
pub use status::{ConnectionStatus, ServerStatus};

use crate::client::locked;
use crate::error::SshError;
use core::{Core, bind};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A running server. Dropping it stops it without waiting for anybody; [`Server::stop`] waits.
pub struct Server {
    core: Arc<Core>,
    listening: Mutex<Listening>,
}

struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
}

impl Server {
    /// Listens and serves.
    ///
    /// # Errors
    /// When the address cannot be listened on or the configuration makes no sense.
    pub async fn start(config: ServerConfig) -> Result<Self, SshError> {
        config.check()?;
        let listener = bind(config.listen).await?;
        let core = Arc::new(Core::new(config));
        let listening = listen(&core, listener)?;
        Ok(Self { core, listening: Mutex::new(listening) })
    }

    /// Where it listens; with the number that the system chose when port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        locked(&self.listening).address
    }

    /// Takes a new configuration. Connections whose account, key and rights stay are not touched; what is not given any more
    /// ends at once. After an error the server goes on as it was.
    ///
    /// # Errors
    /// When a new address cannot be listened on or the configuration makes no sense.
    pub async fn reload(&self, config: ServerConfig) -> Result<(), SshError> {
        config.check()?;
        let moves = {
            let listening = locked(&self.listening);
            // Port 0 meant any port: the one that was chosen will do.
            config.listen != listening.address
                && !(config.listen.port() == 0 && config.listen.ip() == listening.address.ip())
        };
        let moved = if moves { Some(bind(config.listen).await?) } else { None };
        self.core.configure(config);
        if let Some(listener) = moved {
            let new = listen(&self.core, listener)?;
            let old = std::mem::replace(&mut *locked(&self.listening), new);
            old.stop.cancel();
        }
        Ok(())
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        let links: Vec<_> = locked(&self.core.links).values().cloned().collect();
        let mut connections: Vec<_> = links.iter().filter_map(|link| link.status()).collect();
        connections.sort_by_key(|connection| (connection.since, connection.peer));
        ServerStatus {
            listening: (!self.core.stopping.is_cancelled()).then(|| self.address()),
            unauthenticated: links.len() - connections.len(),
            connections,
            turned_away: self.core.turned_away.load(Ordering::Relaxed),
            logins: self.core.logins.load(Ordering::Relaxed),
            login_failures: self.core.login_failures.load(Ordering::Relaxed),
        }
    }

    /// Takes no more connections, lets open forwards finish within the limit of draining, then ends everything.
    pub async fn stop(self) {
        locked(&self.listening).stop.cancel();
        self.core.stopping.cancel();
        self.core.tasks.close();
        // Those that are not logged in have nothing to finish.
        for link in locked(&self.core.links).values().filter(|link| !*link.logged_in.borrow()) {
            link.cut_because("the server stops");
        }
        self.core.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        locked(&self.listening).stop.cancel();
        self.core.stopping.cancel();
        for link in locked(&self.core.links).values() {
            link.cut_because("the server was given up");
        }
    }
}

fn listen(core: &Arc<Core>, listener: TcpListener) -> Result<Listening, SshError> {
    let wish = core.config().listen;
    let address = listener.local_addr().map_err(|source| SshError::Listen { address: wish, source })?;
    let stop = CancellationToken::new();
    core.config().journal.write(None, None, Happening::Listening { address });
    let (core, stopped) = (Arc::clone(core), stop.clone());
    core.clone().tasks.spawn(async move {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, peer)) => core.take(socket, peer),
                    // Out of descriptors, or a client that was gone before it was taken.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                () = stopped.cancelled() => return,
            }
        }
    });
    Ok(Listening { address, stop })
}

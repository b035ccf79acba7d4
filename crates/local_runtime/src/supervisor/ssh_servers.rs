//! The SSH servers of a deployment, run inside the supervisor on the tunnels' runtime.

use crate::supervisor::log::{Log, Rotation};
use crate::supervisor::protocol::{SshServerOrder, SshServerState};
use indexmap::IndexMap;
use model::{Fault, FaultKind, NodeId, Secret};
use ssh::{Account, Forward, Journal, PrivateKey, PublicKey, Server, ServerConfig, ServerLimits};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long forwards that are open get when a server ends.
const DRAIN: Duration = Duration::from_secs(3);

/// The SSH servers that run.
pub(crate) struct SshServers {
    runtime: Handle,
    running: IndexMap<NodeId, (SshServerOrder, Arc<Server>)>,
}

impl SshServers {
    /// No server yet.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, running: IndexMap::new() }
    }

    /// Starts a server, or gives a running one its new rights; connections whose rights stay are not touched.
    pub(crate) async fn start(&mut self, order: SshServerOrder) -> Result<String, Fault> {
        let operation = format!("starting {}", order.node);
        let failed = |error: ssh::SshError| error.to_fault(operation.clone());
        let before = self.running.get(&order.node).map(|(before, server)| (before.revision.clone(), server.clone()));
        if let Some((revision, server)) = before {
            if revision == order.revision {
                return Ok("listens already".to_owned());
            }
            let config = config(&order).map_err(failed)?;
            let kept = server.clone();
            self.on_runtime(async move { server.reload(config).await }).await?.map_err(failed)?;
            self.running.insert(order.node.clone(), (order, kept));
            return Ok("took its new rights".to_owned());
        }
        let config = config(&order).map_err(failed)?;
        let server = self.on_runtime(Server::start(config)).await?.map_err(failed)?;
        let said = format!("listens on port {}, for {}", order.port, people(order.accounts.len()));
        self.running.insert(order.node.clone(), (order, Arc::new(server)));
        Ok(said)
    }

    /// Lets open forwards finish for a moment, then ends a server. Returns whether there was one.
    pub(crate) async fn stop(&mut self, node: &NodeId) -> Result<bool, Fault> {
        let Some((_, server)) = self.running.shift_remove(node) else { return Ok(false) };
        self.on_runtime(end(server)).await?;
        Ok(true)
    }

    /// Ends all servers at the same time.
    pub(crate) async fn stop_all(&mut self) {
        let ending: Vec<_> = self.running.drain(..).map(|(_, (_, server))| self.runtime.spawn(end(server))).collect();
        for server in ending {
            let _ = server.await;
        }
    }

    /// How the servers are.
    pub(crate) fn status(&self) -> IndexMap<NodeId, SshServerState> {
        let state = |order: &SshServerOrder, server: &Server| SshServerState {
            component: order.component.clone(),
            accounts: order.accounts.keys().cloned().collect(),
            status: server.status(),
        };
        self.running.iter().map(|(node, (order, server))| (node.clone(), state(order, server))).collect()
    }

    async fn on_runtime<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Fault> {
        let died = |error| Fault::new(FaultKind::Bug, "working on an SSH server", error);
        self.runtime.spawn(work).await.map_err(died)
    }
}

/// Nobody else holds a server longer than for one question.
async fn end(server: Arc<Server>) {
    if let Some(server) = Arc::into_inner(server) {
        server.stop().await;
    }
}

fn people(count: usize) -> String {
    if count == 1 { "one account".to_owned() } else { format!("{count} accounts") }
}

fn config(order: &SshServerOrder) -> Result<ServerConfig, ssh::SshError> {
    let loopback = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let host_key = |text: &String| PrivateKey::from_text(&Secret::new(text.as_str()), None, "a host key");
    let mut config = ServerConfig::new(loopback(order.port), host_key(&order.host_key)?);
    config.further_host_keys = order.further_host_keys.iter().map(host_key).collect::<Result<_, _>>()?;
    for (name, account) in &order.accounts {
        let forwards = account.forwards.iter().map(|to| Forward {
            name: to.name.clone(),
            said_port: to.said_port,
            address: loopback(to.port),
        });
        let keys = account.keys.iter().map(|key| key.parse::<PublicKey>()).collect::<Result<_, _>>()?;
        let account = Account { keys, forwards: forwards.collect(), listens: account.listens.clone() };
        config.accounts.insert(name.clone(), account);
    }
    let block = |text: &String| {
        text.parse()
            .map_err(|error| ssh::SshError::Configuration(format!("`{text}` is no block of addresses: {error}")))
    };
    config.sources = order.sources.iter().map(block).collect::<Result<_, _>>()?;
    config.limits = ServerLimits { drain: DRAIN, ..ServerLimits::default() };
    config.journal = journal(&order.log)?;
    Ok(config)
}

/// Events as lines of the server's log.
fn journal(path: &Path) -> Result<Journal, ssh::SshError> {
    let log =
        Log::open(path.to_owned(), Rotation::USUAL).map_err(|fault| ssh::SshError::Configuration(fault.to_string()))?;
    let log = Mutex::new(log);
    Ok(Journal::new(move |event| {
        log.lock().unwrap_or_else(PoisonError::into_inner).write(format!("{event}\n").as_bytes());
    }))
}

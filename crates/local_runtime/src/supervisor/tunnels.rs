//! The tunnels of a deployment, kept open inside the supervisor on a runtime of their own.

use crate::supervisor::log::{Log, Rotation};
use crate::supervisor::protocol::{TunnelOrder, TunnelReport, WayOrder};
use crate::supervisor::tunnel_health;
use indexmap::IndexMap;
use model::{Fault, FaultKind, NodeId, Secret};
use ssh::{
    ClientConfig, ClientLimits, HostKeys, Identity, Pauses, PrivateKey, SshError, Tunnel, TunnelConfig, TunnelState,
    TunnelStatus, Way,
};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a command waits for a tunnel that does not come up at once. It goes on dialling afterwards.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tunnels that are kept open.
pub(crate) struct Tunnels {
    runtime: Handle,
    running: IndexMap<NodeId, Running>,
}

struct Running {
    order: TunnelOrder,
    tunnel: Tunnel,
    log: Arc<Mutex<Log>>,
    logging: JoinHandle<()>,
}

impl Running {
    /// Says goodbye to the server. Afterwards nothing is written any more: the log's folder may be about to go.
    async fn end(self) {
        self.tunnel.stop().await;
        let _ = self.logging.await;
    }
}

/// What whoever ordered a tunnel looks at, without holding up others.
pub(crate) type Watched = watch::Receiver<TunnelStatus>;

impl Tunnels {
    /// No tunnel yet.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, running: IndexMap::new() }
    }

    /// Starts a tunnel, or leads a running one elsewhere. One that runs as ordered stays as it is.
    pub(crate) async fn start(&mut self, order: TunnelOrder) -> Result<Watched, Fault> {
        let operation = format!("opening {}", order.node);
        let same = self.running.get(&order.node).filter(|running| running.order.revision == order.revision);
        // One that has given up is begun anew: what was wrong may have been mended at the other side.
        if let Some(running) = same.filter(|running| !has_given_up(&running.tunnel.status().state)) {
            return Ok(running.tunnel.subscribe());
        }
        let config = config(&order).map_err(|error| error.to_fault(&operation))?;
        if let Some(before) = self.running.shift_remove(&order.node) {
            self.on_runtime(before.end()).await?;
        }
        let log = Arc::new(Mutex::new(Log::open(order.log.clone(), Rotation::USUAL)?));
        let tunnel = self.on_runtime(Tunnel::start(config)).await?.map_err(|error| error.to_fault(&operation))?;
        let watched = tunnel.subscribe();
        let logging = self.runtime.spawn(keep_log(log.clone(), tunnel.subscribe()));
        self.running.insert(order.node.clone(), Running { order, tunnel, log, logging });
        Ok(watched)
    }

    /// Says goodbye to the server and forgets the tunnel. Returns whether there was one.
    pub(crate) async fn stop(&mut self, node: &NodeId) -> Result<bool, Fault> {
        let Some(running) = self.running.shift_remove(node) else { return Ok(false) };
        self.on_runtime(running.end()).await?;
        Ok(true)
    }

    /// Ends all tunnels at the same time.
    pub(crate) async fn stop_all(&mut self) {
        let ending: Vec<_> = self.running.drain(..).map(|(_, running)| self.runtime.spawn(running.end())).collect();
        for tunnel in ending {
            let _ = tunnel.await;
        }
    }

    /// Cuts the connection of a tunnel without a goodbye, as a broken network would. What it was like before comes back, so
    /// that one can wait until the cut is felt. None when there is no such tunnel.
    pub(crate) fn cut(&self, node: &NodeId) -> Option<Result<(TunnelStatus, Watched), Fault>> {
        let running = self.running.get(node)?;
        let before = (running.tunnel.status(), running.tunnel.subscribe());
        let note = |text: &str| running.log.lock().unwrap_or_else(PoisonError::into_inner).note(text);
        Some(if running.tunnel.cut() {
            note("its connection is cut on demand");
            Ok(before)
        } else {
            let state = running.tunnel.status().state;
            Err(Fault::new(FaultKind::Permanent, format!("cutting {node}"), format!("it is not open: {state}")))
        })
    }

    /// How the tunnels are.
    pub(crate) fn status(&self) -> IndexMap<NodeId, TunnelReport> {
        self.running.iter().map(|(node, running)| (node.clone(), report(running))).collect()
    }

    async fn on_runtime<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Fault> {
        let died = |error| Fault::new(FaultKind::Bug, "working on a tunnel", error);
        self.runtime.spawn(work).await.map_err(died)
    }
}

fn report(running: &Running) -> TunnelReport {
    let order = &running.order;
    let listens = match order.way {
        WayOrder::Reverse { listen, .. } | WayOrder::Forward { listen, .. } => listen,
    };
    TunnelReport {
        component: order.component.clone(),
        server: format!("{}:{}", order.host, order.port),
        is_reverse: matches!(order.way, WayOrder::Reverse { .. }),
        listens,
        is_asked: order.health.is_some(),
        status: running.tunnel.status(),
    }
}

/// Whether nothing is tried any more by itself.
pub(crate) fn has_given_up(state: &TunnelState) -> bool {
    matches!(state, TunnelState::WrongHostKey { .. } | TunnelState::Misconfigured { .. } | TunnelState::Stopped)
}

/// Waits until a cut connection is known to be gone, so that nobody takes the time before for the time after.
pub(crate) async fn felt(node: &NodeId, before: TunnelStatus, mut watched: Watched) -> Result<String, Fault> {
    let gone = watched.wait_for(|now| now.up_since != before.up_since);
    match tokio::time::timeout(PATIENCE, gone).await {
        Ok(_) => Ok("its connection was cut".to_owned()),
        Err(_) => Err(Fault::new(FaultKind::Timeout, format!("cutting {node}"), "its connection does not end")),
    }
}

/// Waits until a tunnel works, or shows that it will not soon. Somebody else's part is not waited for.
pub(crate) async fn settle(
    node: &NodeId,
    mut watched: Watched,
    progress: &(dyn Fn(String) + Sync),
) -> Result<String, Fault> {
    let operation = format!("opening {node}");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut told = String::new();
    loop {
        let status = watched.borrow_and_update().clone();
        match &status.state {
            TunnelState::Up => return Ok("up".to_owned()),
            TunnelState::WaitingForRegistration { .. } => {
                return Ok("made; it waits until the other side registers its key".to_owned());
            }
            state @ (TunnelState::ForwardRefused { .. }
            | TunnelState::TargetDead { .. }
            | TunnelState::Unhealthy { .. }) => return Ok(format!("made, but {state}")),
            state @ (TunnelState::WrongHostKey { .. } | TunnelState::Misconfigured { .. }) => {
                let fault = Fault::new(FaultKind::NeedsPerson, operation, state);
                let help = status.last_error.as_ref().and_then(|error| error.help.clone());
                return Err(match help {
                    Some(help) => fault.help(help),
                    None => fault,
                });
            }
            TunnelState::Stopped => {
                return Err(Fault::new(FaultKind::Interrupted, operation, "it was stopped meanwhile"));
            }
            TunnelState::Dialling | TunnelState::PortStillHeld { .. } | TunnelState::Failing { .. } => {}
        }
        let words = status.state.to_string();
        if words != told {
            progress(words.clone());
            told = words;
        }
        match tokio::time::timeout_at(deadline, watched.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Fault::new(FaultKind::Interrupted, operation, "it was stopped meanwhile")),
            Err(_) => return Ok(format!("made, but {told}; it is dialled again and again")),
        }
    }
}

/// Each change of a tunnel's state is a line of its log.
async fn keep_log(log: Arc<Mutex<Log>>, mut watched: Watched) {
    let mut told = String::new();
    loop {
        let status = watched.borrow_and_update().clone();
        let words = status.state.to_string();
        if words != told {
            let took = match (&status.state, status.recoveries_ms.last()) {
                (TunnelState::Up, Some(took)) => format!(" again after {took} ms"),
                _ => String::new(),
            };
            log.lock().unwrap_or_else(PoisonError::into_inner).note(&format!("{words}{took}"));
            told = words;
        }
        if watched.changed().await.is_err() {
            return;
        }
    }
}

fn config(order: &TunnelOrder) -> Result<TunnelConfig, SshError> {
    let key = PrivateKey::from_text(&Secret::new(order.key.as_str()), None, "the tunnel's key")?;
    let server = ClientConfig {
        host: order.host.clone(),
        port: order.port,
        user: order.user.clone(),
        host_keys: HostKeys::pinned(&order.host_key, format!("`host-key` of {}", order.component))?,
        identities: vec![Identity::Key { key, origin: format!("made for {}", order.component) }],
        limits: ClientLimits {
            keep_alive: Duration::from_secs(u64::from(order.keep_alive_seconds.max(1))),
            ..ClientLimits::default()
        },
    };
    let way = match order.way.clone() {
        WayOrder::Reverse { listen, target } => {
            Way::Reverse { listen, target: SocketAddr::from((Ipv4Addr::LOCALHOST, target)) }
        }
        WayOrder::Forward { listen, host, port } => Way::Forward { listen, host, port },
    };
    let health = order.health.clone().map(tunnel_health::health);
    Ok(TunnelConfig { server, way, health, pauses: Pauses::default() })
}

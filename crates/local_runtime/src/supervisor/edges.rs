//! The TLS edges of a deployment, run inside the supervisor on a runtime of their own, so that
//! their load does not delay the supervision.

use crate::authority::Authority;
use crate::supervisor::protocol::{EdgeOrder, EdgeState};
use indexmap::IndexMap;
use local_edge::{Certificate, Edge, EdgeConfig};
use model::{Fault, FaultKind, NodeId, PortId};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// The edges that run.
pub(crate) struct Edges {
    runtime: Handle,
    running: IndexMap<NodeId, (EdgeOrder, Arc<Edge>)>,
}

impl Edges {
    /// No edge yet.
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, running: IndexMap::new() }
    }

    /// Starts an edge, or gives a running one its new configuration without closing a connection
    /// where that is possible.
    pub(crate) async fn start(&mut self, order: EdgeOrder) -> Result<String, Fault> {
        let config = config(&order)?;
        if let Some((before, edge)) =
            self.running.get(&order.node).map(|(before, edge)| (before.revision.clone(), edge.clone()))
        {
            if before == order.revision {
                return Ok("listens already".to_owned());
            }
            let kept = edge.clone();
            self.on_runtime(async move { edge.reload(config).await }).await?.map_err(Fault::from)?;
            self.running.insert(order.node.clone(), (order, kept));
            return Ok("took its new configuration".to_owned());
        }
        let edge = self.on_runtime(Edge::start(config)).await?.map_err(Fault::from)?;
        let said = format!("listens on port {}", order.ports.get(&order.spec.https).copied().unwrap_or_default());
        self.running.insert(order.node.clone(), (order, Arc::new(edge)));
        Ok(said)
    }

    /// Renews certificates that are about to end, so that a deployment that nobody touches for months
    /// stays up. What cannot be renewed now is tried again next time; `up` and `verify` tell of it.
    pub(crate) async fn renew(&self) {
        for (order, edge) in self.running.values() {
            let certificate = crate::certificate::Certificate::of_files(&order.chain);
            let renewed = Authority::ensure(&order.authority)
                .and_then(|authority| certificate.ensure(&authority, &order.spec.domains))
                .unwrap_or(false);
            if let (true, Ok(config)) = (renewed, config(order)) {
                let edge = edge.clone();
                let _ = self.on_runtime(async move { edge.reload(config).await }).await;
            }
        }
    }

    /// Lets an edge finish what it is answering, then ends it. Returns whether there was one.
    pub(crate) async fn stop(&mut self, node: &NodeId) -> Result<bool, Fault> {
        let Some((order, edge)) = self.running.shift_remove(node) else { return Ok(false) };
        let grace = grace(&order);
        self.on_runtime(async move { edge.drain(grace).await }).await?;
        Ok(true)
    }

    /// Ends all edges at the same time.
    pub(crate) async fn stop_all(&mut self) {
        let draining: Vec<_> = self
            .running
            .drain(..)
            .map(|(_, (order, edge))| self.runtime.spawn(async move { edge.drain(grace(&order)).await }))
            .collect();
        for edge in draining {
            let _ = edge.await;
        }
    }

    /// How the edges are.
    pub(crate) fn status(&self) -> IndexMap<NodeId, EdgeState> {
        let state =
            |order: &EdgeOrder, edge: &Edge| EdgeState { component: order.component.clone(), status: edge.status() };
        self.running.iter().map(|(node, (order, edge))| (node.clone(), state(order, edge))).collect()
    }

    async fn on_runtime<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Fault> {
        self.runtime.spawn(work).await.map_err(|error| Fault::new(FaultKind::Bug, "working on an edge", error))
    }
}

/// How long requests in flight get when the edge ends.
fn grace(order: &EdgeOrder) -> Duration {
    Duration::from_millis(order.spec.limits.drain_ms)
}

fn config(order: &EdgeOrder) -> Result<EdgeConfig, Fault> {
    let address = |port: &PortId| {
        let number = order.ports.get(port).copied().ok_or_else(|| {
            Fault::new(FaultKind::Bug, format!("configuring {}", order.node), format!("the port {port} has no number"))
        })?;
        Ok::<_, Fault>(SocketAddr::from((Ipv4Addr::LOCALHOST, number)))
    };
    let backends = order.spec.routes.iter().flat_map(|route| &route.backends);
    Ok(EdgeConfig {
        https: address(&order.spec.https)?,
        redirect: order.spec.redirect.as_ref().map(address).transpose()?,
        certificate: Certificate::Files { chain: order.chain.clone(), key: order.key.clone() },
        backends: backends.map(|port| Ok((port.clone(), address(port)?))).collect::<Result<_, Fault>>()?,
        spec: order.spec.clone(),
        access_log: order.access_log.clone(),
        maximum_connections: EdgeConfig::MAXIMUM_CONNECTIONS,
    })
}

//! What an edge is started with.

use model::PortId;
use model::process_graph::EdgeSpec;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What an edge is started with: its part of the process graph, with every port resolved.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Where HTTPS is served; a loopback address. Port 0 takes a free one, which the status tells.
    pub https: SocketAddr,
    /// Where plain HTTP is redirected to HTTPS from; a loopback address.
    pub redirect: Option<SocketAddr>,
    /// The certificate chain with its key.
    pub certificate: Certificate,
    /// Names, routes, limits.
    pub spec: EdgeSpec,
    /// The addresses of the ports that the routes name.
    pub backends: BTreeMap<PortId, SocketAddr>,
    /// The file of the access log; rotated files lie beside it as `.1`, `.2`, `.3`.
    pub access_log: PathBuf,
    /// Connections served at a time; more wait in the system's queue.
    pub maximum_connections: usize,
}

impl EdgeConfig {
    /// A sensible number of connections for one user on one machine; each may need two file descriptors.
    pub const MAXIMUM_CONNECTIONS: usize = 400;
}

/// A certificate chain with its key, both as PEM.
#[derive(Clone)]
pub enum Certificate {
    /// Read from files when the edge starts and on each reload.
    Files {
        /// The chain, leaf first.
        chain: PathBuf,
        /// The private key of the leaf.
        key: PathBuf,
    },
    /// Given as it is.
    Pem {
        /// The chain, leaf first.
        chain: Vec<u8>,
        /// The private key of the leaf.
        key: Vec<u8>,
    },
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { chain, key } => f.debug_struct("Files").field("chain", chain).field("key", key).finish(),
            Self::Pem { .. } => f.write_str("Pem([redacted])"),
        }
    }
}

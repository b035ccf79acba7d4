//! What an edge tells about itself.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What an edge tells about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeStatus {
    /// Where it listens.
    pub listeners: Vec<ListenerStatus>,
    /// Open client connections, web sockets among them.
    pub connections: usize,
    /// Requests that are being answered now.
    pub requests_in_flight: usize,
    /// Requests since the start.
    pub requests: u64,
    /// Lines that the access log could not keep, since it was too slow or the disk is full.
    pub log_lines_lost: u64,
    /// Whether it no longer accepts connections.
    pub draining: bool,
    /// The servers behind it; one entry for each route that names them.
    pub backends: Vec<BackendStatus>,
}

/// An address that is listened on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// The address.
    pub address: SocketAddr,
    /// What is served there.
    pub role: ListenerRole,
}

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerRole {
    /// The routes, over TLS.
    Https,
    /// Redirects to HTTPS.
    Redirect,
}

/// A server behind the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendStatus {
    /// Its port in the process graph.
    pub port: String,
    /// The prefix of the route that names it.
    pub route: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Requests that it is answering now.
    pub requests_in_flight: usize,
    /// What its health check says.
    pub health: BackendHealthState,
}

/// What a health check says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BackendHealthState {
    /// There is no check.
    Unchecked,
    /// The first check has not ended; requests are passed on.
    Unknown,
    /// The last check was answered as it should be.
    Healthy,
    /// The last check failed; no requests are passed on.
    Unhealthy {
        /// Why.
        reason: String,
    },
}

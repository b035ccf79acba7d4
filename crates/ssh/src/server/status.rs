//! How a server is, for people and programs.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Where it listens; none while it stops.
    pub listening: Option<SocketAddr>,
    /// Connections that are logged in.
    pub connections: Vec<ConnectionStatus>,
    /// Connections that are not logged in yet.
    pub unauthenticated: usize,
    /// Connections that were turned away since the start.
    pub turned_away: u64,
    /// Logins since the start.
    pub logins: u64,
    /// Keys that were refused since the start.
    pub login_failures: u64,
}

/// One connection that is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Whose.
    pub account: String,
    /// From where.
    pub peer: SocketAddr,
    /// Since when.
    pub since: jiff::Timestamp,
    /// The fingerprint of the key that logged in.
    pub key: String,
    /// Forwards that are open, as the client says them, each with how many.
    pub forwards: Vec<(String, usize)>,
    /// The ports of 127.0.0.1 on which it listens.
    pub listens: Vec<u16>,
    /// Bytes from the client.
    pub sent: u64,
    /// Bytes to the client.
    pub received: u64,
}

//! The door to the outside: names, routes, limits.

use crate::PortId;
use serde::{Deserialize, Serialize};

/// A TLS edge: what listens, for whom it answers, where requests go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeSpec {
    /// The names on the certificate; the first is the address shown to people.
    pub domains: Vec<String>,
    /// The HTTPS listener.
    pub https: PortId,
    /// The plain HTTP listener that only redirects, where there is one.
    pub redirect: Option<PortId>,
    /// Longest prefix first.
    pub routes: Vec<Route>,
    /// The lowest TLS version offered.
    pub minimum_tls: TlsVersion,
    /// Client addresses that may connect, as CIDR blocks; empty means every local one.
    pub allow: Vec<String>,
    /// Sizes and times.
    pub limits: EdgeLimits,
}

/// Requests whose path starts with a prefix go to one of the backends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The path prefix, starting with `/`.
    pub prefix: String,
    /// Ports of programs of this deployment.
    pub backends: Vec<PortId>,
    /// How a backend shows that it can be used; unhealthy ones get no requests.
    pub health: Option<BackendHealth>,
    /// Whether a client stays with its backend, by cookie.
    pub sticky: bool,
}

/// How a backend shows that it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendHealth {
    /// The path to ask for.
    pub path: String,
    /// The statuses that count as healthy.
    pub statuses: Vec<u16>,
    /// Seconds between two questions.
    pub interval_seconds: u32,
}

/// TLS versions that are offered at all; older ones never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// Sizes and times of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeLimits {
    /// The largest request body in bytes; more is answered with 413.
    pub request_body_bytes: u64,
    /// Milliseconds for a client to send a request's header (and to finish its TLS handshake).
    pub header_timeout_ms: u64,
    /// Milliseconds without any byte after which a connection is closed; also how long a backend may think.
    pub idle_timeout_ms: u64,
    /// Milliseconds that requests in flight get when the edge stops.
    pub drain_ms: u64,
}

//! A configuration made ready: immutable, replaced as a whole by a reload.

use crate::access_log::AccessLog;
use crate::config::EdgeConfig;
use crate::error::EdgeError;
use crate::routing::RouteTable;
use crate::tls;
use ipnet::IpNet;
use model::process_graph::EdgeLimits;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// A configuration made ready. Requests in flight keep the one that they began with.
pub(crate) struct Settings {
    /// Lower-case names that are answered for.
    domains: Vec<String>,
    /// Blocks of clients that are answered; empty for all.
    allow: Vec<IpNet>,
    pub(crate) routes: RouteTable,
    pub(crate) limits: Limits,
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) log: AccessLog,
    /// The port that clients see.
    pub(crate) https_port: u16,
    /// Whether browsers are told to never use plain HTTP for this name again.
    pub(crate) strict_transport_security: bool,
}

/// Sizes and times in the types that the code uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) request_body: u64,
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

impl From<EdgeLimits> for Limits {
    fn from(limits: EdgeLimits) -> Self {
        Self {
            request_body: limits.request_body_bytes,
            header_timeout: Duration::from_millis(limits.header_timeout_ms.max(1)),
            idle_timeout: Duration::from_millis(limits.idle_timeout_ms.max(1)),
        }
    }
}

impl Settings {
    /// Checks the configuration and makes it ready. Backends that are the same as before keep what is known of them.
    pub(crate) fn new(config: &EdgeConfig, https_port: u16, previous: Option<&Self>) -> Result<Self, EdgeError> {
        let tls = tls::server_config(&config.certificate, config.spec.minimum_tls)?;
        let routes = RouteTable::new(&config.spec.routes, &config.backends, previous.map(|settings| &settings.routes))?;
        let allow = config
            .spec
            .allow
            .iter()
            .map(|block| parse_block(block).ok_or_else(|| EdgeError::AllowedSource(block.clone())))
            .collect::<Result<_, _>>()?;
        let log = match previous {
            Some(settings) if settings.log.path() == config.access_log => settings.log.clone(),
            _ => AccessLog::open(&config.access_log)?,
        };
        let domains: Vec<String> = config.spec.domains.iter().map(|name| canonical(name)).collect();
        let strict_transport_security = https_port == 443 && domains.iter().all(|name| is_public(name));
        let limits = config.spec.limits.into();
        Ok(Self { domains, allow, routes, limits, tls, log, https_port, strict_transport_security })
    }

    /// The name that people know the edge by.
    pub(crate) fn name(&self) -> &str {
        self.domains.first().map_or("localhost", String::as_str)
    }

    /// Whether the edge answers for this host (without port).
    pub(crate) fn serves(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.domains.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Whether the client may talk to the edge at all.
    pub(crate) fn allows(&self, client: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|block| block.contains(&client.to_canonical()))
    }
}

fn parse_block(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether a name may exist in the public DNS; RFC 6761 and RFC 6762 reserve the others.
fn is_public(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let reserved = ["localhost", "local", "test", "example", "invalid", "internal", "home", "lan"];
    name.contains('.')
        && !reserved.contains(&last)
        && name.parse::<Ipv4Addr>().is_err()
        && name.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_public_dns_get_strict_transport_security() {
        for name in ["teams.example.org", "a.b"] {
            assert!(is_public(name), "{name}");
        }
        for name in ["localhost", "tabpy.localhost", "nas.local", "a.test", "127.0.0.1", "[::1]"] {
            assert!(!is_public(name), "{name}");
        }
    }
}

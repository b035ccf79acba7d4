//! Which route a path takes.

use crate::backend::{Backend, BackendGroup};
use crate::error::EdgeError;
use model::PortId;
use model::process_graph::Route;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Routes, the longest prefix first.
pub(crate) struct RouteTable {
    routes: Vec<(String, BackendGroup)>,
}

impl RouteTable {
    pub(crate) fn new(
        routes: &[Route],
        addresses: &BTreeMap<PortId, SocketAddr>,
        previous: Option<&Self>,
    ) -> Result<Self, EdgeError> {
        let mut table: Vec<(String, BackendGroup)> = Vec::with_capacity(routes.len());
        for route in routes {
            let refuse = |reason| Err(EdgeError::Route { prefix: route.prefix.clone(), reason });
            if !route.prefix.starts_with('/') {
                return refuse("does not start with `/`");
            }
            if route.backends.is_empty() {
                return refuse("has no backend");
            }
            if table.iter().any(|(prefix, _)| *prefix == route.prefix) {
                return refuse("exists twice");
            }
            let mut backends = Vec::with_capacity(route.backends.len());
            for port in &route.backends {
                let address = *addresses
                    .get(port)
                    .ok_or_else(|| EdgeError::UnknownBackend { prefix: route.prefix.clone(), port: port.clone() })?;
                let known = previous.and_then(|table| table.known(&route.prefix, port, address, route));
                backends.push(known.unwrap_or_else(|| {
                    Arc::new(Backend::new(&route.prefix, port.clone(), address, route.health.clone()))
                }));
            }
            table.push((route.prefix.clone(), BackendGroup::new(backends, route.sticky)));
        }
        table.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self { routes: table })
    }

    /// The route with the longest prefix that ends at a segment border of the path.
    pub(crate) fn find(&self, path: &str) -> Option<(&str, &BackendGroup)> {
        let (prefix, group) = self.routes.iter().find(|(prefix, _)| covers(prefix, path))?;
        Some((prefix, group))
    }

    /// All backends, one entry for each route that names them.
    pub(crate) fn backends(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.routes.iter().flat_map(|(_, group)| group.backends())
    }

    fn known(&self, prefix: &str, port: &PortId, address: SocketAddr, route: &Route) -> Option<Arc<Backend>> {
        let (_, group) = self.routes.iter().find(|(known, _)| known == prefix)?;
        let mut backends = group.backends().iter();
        backends.find(|backend| backend.is_same(port, address, route.health.as_ref())).cloned()
    }
}

fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn prefixes_end_at_segment_borders() {
        for (prefix, path) in [("/", "/"), ("/", "/a"), ("/api", "/api"), ("/api", "/api/x"), ("/api/", "/api/")] {
            assert!(covers(prefix, path), "{prefix} {path}");
        }
        for (prefix, path) in [("/api", "/apix"), ("/api", "/ap"), ("/api/", "/api"), ("/api", "/API")] {
            assert!(!covers(prefix, path), "{prefix} {path}");
        }
    }
}

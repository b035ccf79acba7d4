//! An edge on this machine: a TLS listener and a plain one that redirects.

use super::promises;
use super::validate::{ValidEdge, ValidRoute};
use crate::context::LocalContext;
use model::process_graph::{BackendHealth, EdgeSpec, NodeSpec, ReadinessCheck, Route};
use model::text::{Atom, Part};
use model::{ComponentName, NodeId, PortId, Text};
use std::collections::BTreeSet;

/// How often several services behind one route are asked how they are.
const USUAL_INTERVAL_SECONDS: u32 = 5;
/// This machine itself, which always may connect.
const THIS_MACHINE: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Adds the edge to the graph.
pub(super) fn realise(valid: &ValidEdge, cx: &mut LocalContext<'_>) {
    let ports_at = valid.at.key("ports");
    let https = cx.port("https", ports_at.key("https"), valid.https_wish());
    let redirect = valid.redirect.then(|| cx.port("http", ports_at.key("http"), valid.http_wish()));
    let routes: Vec<Route> = valid.routes.iter().map(|route| add_route(route, cx)).collect();
    let needs: BTreeSet<NodeId> = targets(valid).flat_map(|name| programs(name, cx)).map(|(id, _)| id).collect();
    let allow = if valid.allow.is_empty() {
        Vec::new()
    } else {
        let said = valid.allow.iter().map(ToString::to_string);
        THIS_MACHINE.iter().map(|&block| block.to_owned()).chain(said).collect()
    };
    let spec = EdgeSpec {
        domains: valid.domains.clone(),
        https: https.clone(),
        redirect: redirect.clone(),
        routes,
        minimum_tls: valid.minimum_tls,
        allow,
        limits: valid.edge_limits(),
    };
    let node = cx.node("edge", valid.at.clone(), needs, NodeSpec::Edge(spec));
    export(valid, &https, redirect.as_ref(), cx);
    promises::edge(valid, &node, &https, redirect.as_ref(), cx);
}

fn targets(valid: &ValidEdge) -> impl Iterator<Item = &ComponentName> {
    valid.routes.iter().flat_map(|route| &route.to).map(|(name, _)| name)
}

/// The programs of a service: their nodes, ports and how they show that they can be used.
fn programs(name: &ComponentName, cx: &LocalContext<'_>) -> Vec<(NodeId, (Option<PortId>, ReadinessCheck))> {
    let nodes = cx.local.graph().nodes.iter().filter(|(_, node)| node.component == *name);
    let programs = nodes.filter_map(|(id, node)| match &node.spec {
        NodeSpec::Program(program) => {
            Some((id.clone(), (program.ports.first().cloned(), program.readiness.check.clone())))
        }
        _ => None,
    });
    programs.collect()
}

fn add_route(valid: &ValidRoute, cx: &LocalContext<'_>) -> Route {
    let targets: Vec<_> =
        valid.to.iter().flat_map(|(name, _)| programs(name, cx)).map(|(_, program)| program).collect();
    let own_health = || {
        let asked = targets.iter().find_map(|(_, check)| match check {
            ReadinessCheck::Http { path, statuses, .. } => Some((path.clone(), statuses.clone())),
            ReadinessCheck::Running | ReadinessCheck::Port { .. } => None,
        });
        let (path, statuses) = asked.filter(|_| targets.len() > 1)?;
        Some(BackendHealth { path, statuses, interval_seconds: USUAL_INTERVAL_SECONDS })
    };
    Route {
        prefix: valid.prefix.clone(),
        health: valid.health.clone().or_else(own_health),
        backends: targets.into_iter().filter_map(|(port, _)| port).collect(),
        sticky: valid.sticky,
    }
}

fn export(valid: &ValidEdge, https: &PortId, redirect: Option<&PortId>, cx: &mut LocalContext<'_>) {
    let domain = &valid.domains[0];
    let port = Text::hole(Atom::Port(https.clone()));
    let start = Part::Literal(format!("https://{domain}:"));
    let url: Text = std::iter::once(start).chain(port.parts().iter().cloned()).collect();
    cx.export("domain", Text::literal(domain));
    cx.export("https-port", port);
    if let Some(redirect) = redirect {
        cx.export("http-port", Text::hole(Atom::Port(redirect.clone())));
    }
    cx.export("url", url.clone());
    cx.output(format!("{}.url", cx.name), "where it is reached", url);
}

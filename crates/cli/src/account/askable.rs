//! Which probes can be asked of a deployment in an account, and why others cannot.

use crate::account::cloud::Cloud;
use model::cfn::{DatabasePlace, Kind};
use model::probe::{Endpoint, HttpRequest, Probe, Question, RequestBody};
use model::process_graph::NodeSpec;
use model::text::SecretPart;
use model::{Atom, NodeId, PortId, Text};
use std::collections::BTreeSet;

/// The databases of a deployment, each with the port by which probes name it.
pub(crate) fn database_ports(cloud: &Cloud) -> impl Iterator<Item = (&PortId, &DatabasePlace)> {
    let contents = cloud.graph.nodes.values().filter_map(|node| match &node.spec {
        NodeSpec::DatabaseContent(content) => Some((&node.component, &content.port)),
        _ => None,
    });
    contents.filter_map(|(component, port)| {
        let place = cloud.deployment.databases.iter().find(|place| place.component == *component)?;
        Some((port, place))
    })
}

/// The port of the database that a probe asks.
pub(crate) fn database_asked(probe: &Probe) -> Option<&PortId> {
    match &probe.question {
        Question::Sql { port, .. } => Some(port),
        _ => None,
    }
}

/// The secrets that texts need.
pub(crate) fn secrets_of<'t>(texts: impl IntoIterator<Item = &'t Text>) -> BTreeSet<NodeId> {
    let atoms = texts.into_iter().flat_map(Text::atoms);
    atoms
        .filter_map(|atom| match atom {
            Atom::Secret(node, SecretPart::Value) => Some(node.clone()),
            _ => None,
        })
        .collect()
}

/// The key pairs whose public halves texts need.
pub(crate) fn key_pairs_of<'t>(texts: impl IntoIterator<Item = &'t Text>) -> BTreeSet<NodeId> {
    let atoms = texts.into_iter().flat_map(Text::atoms);
    atoms
        .filter_map(|atom| match atom {
            Atom::Secret(node, SecretPart::Public) => Some(node.clone()),
            _ => None,
        })
        .collect()
}

/// The texts of a probe whose holes must be filled to ask it.
pub(crate) fn texts_of(probe: &Probe) -> Vec<&Text> {
    fn of_request(request: &HttpRequest) -> Vec<&Text> {
        let basic = request.basic.iter().flat_map(|basic| [&basic.user, &basic.password]);
        request.headers.values().chain(basic).collect()
    }
    match &probe.question {
        Question::Http { request, .. } => of_request(request),
        Question::Sql { login, .. } => vec![&login.user, &login.password],
        _ => Vec::new(),
    }
}

/// Why a probe cannot be asked from here; none when it can.
pub(crate) fn not_checkable(probe: &Probe, cloud: &Cloud) -> Option<String> {
    let is_database = cloud.deployment.databases.iter().any(|place| place.component == probe.component);
    let why = match &probe.question {
        Question::File { .. } => "it looks at a file of the hosts",
        Question::Restart { .. } if is_database => "RDS alone restarts its servers",
        Question::Restart { .. } => "it kills a program on the hosts",
        Question::Sql { port, .. } if database_ports(cloud).any(|(known, _)| known == port) => return None,
        Question::Sql { .. } => "it asks at the far end of the tunnel, which is somebody else's",
        Question::Tunnel { .. } => return None,
        Question::Ssh { .. } => "it asks an SSH server with a key that is kept on this machine alone",
        Question::Tcp { .. } if is_database => {
            "who reaches its port is proved from the templates: `landfall plan` says what was proved"
        }
        Question::Tcp { .. } => "it looks at ports of the hosts, which nothing but the balancer may reach",
        Question::Http { request, .. } if matches!(request.body, RequestBody::Filler { .. }) => {
            "a load balancer of AWS has no limit for bodies; the program has its own"
        }
        Question::Http { request, .. } => return not_reachable(&request.to, probe, cloud),
        Question::Tls { to, .. } => return not_reachable(to, probe, cloud),
    };
    Some(why.to_owned())
}

fn not_reachable(to: &Endpoint, probe: &Probe, cloud: &Cloud) -> Option<String> {
    match to {
        Endpoint::Port { .. } => {
            Some("it asks the program itself, which nothing but the balancer may reach".to_owned())
        }
        Endpoint::Edge { .. } if is_internal(probe, cloud) => {
            Some("the balancer is inside its network; ask from there, with --connect-to where needed".to_owned())
        }
        Endpoint::Edge { .. } => None,
    }
}

/// Whether the edge that a probe asks can be reached from its network only.
fn is_internal(probe: &Probe, cloud: &Cloud) -> bool {
    cloud.deployment.graph.resources.values().any(|resource| {
        resource.kind == "AWS::ElasticLoadBalancingV2::LoadBalancer"
            && resource.component.as_ref() == Some(&probe.component)
            && resource.properties.get("Scheme").is_some_and(|scheme| scheme.kind == Kind::Text("internal".to_owned()))
    })
}

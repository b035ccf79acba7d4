//! Where a service's hosts are registered, so that load balancers send requests to them.

use super::LAYER;
use super::layout::Layout;
use crate::aws_context::{AwsContext, NetworkInAws, object};
use model::PortId;
use model::cfn::types::TargetGroup;
use model::cfn::{Ref, Value};
use model::process_graph::{EdgeSpec, NodeSpec, ProgramSpec, ReadinessCheck, Route};

/// How often a host is asked how it is.
const INTERVAL_SECONDS: u32 = 10;

/// Adds the target group of the port that an edge routes to; nothing when none does.
pub(super) fn add(
    program: &ProgramSpec,
    network: &NetworkInAws,
    layout: &Layout<'_>,
    cx: &mut AwsContext<'_>,
) -> Option<(Ref<TargetGroup>, PortId)> {
    let (edge, route, port) = program.ports.iter().find_map(|port| route_to(port, cx))?;
    let (path, statuses, interval) = health(&route, program);
    let setting = |key: &str, value: Value| object! { "Key": key, "Value": value };
    let mut settings = vec![setting(
        "deregistration_delay.timeout_seconds",
        Value::from(edge.limits.drain_ms.div_ceil(1000).min(3600)),
    )];
    if route.sticky {
        settings.push(setting("stickiness.enabled", true.into()));
        settings.push(setting("stickiness.type", "lb_cookie".into()));
    }
    let at = cx.at.key("health");
    let properties = object! {
        "VpcId": &network.vpc,
        "TargetType": "instance",
        "Protocol": "HTTP",
        "Port": layout.port(&port),
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": path,
        "HealthCheckIntervalSeconds": interval,
        "HealthCheckTimeoutSeconds": 4,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "Matcher": object! { "HttpCode": statuses },
        "TargetGroupAttributes": Value::list(settings),
    };
    Some((cx.add::<TargetGroup>(LAYER, "Targets", &at, properties), port))
}

/// The first route that leads to a port, with its edge.
fn route_to(port: &PortId, cx: &AwsContext<'_>) -> Option<(EdgeSpec, Route, PortId)> {
    cx.processes.nodes.values().find_map(|node| match &node.spec {
        NodeSpec::Edge(edge) => {
            let route = edge.routes.iter().find(|route| route.backends.contains(port))?;
            Some((edge.clone(), route.clone(), port.clone()))
        }
        _ => None,
    })
}

/// What is asked, and which statuses are good.
fn health(route: &Route, program: &ProgramSpec) -> (String, String, u32) {
    let joined = |statuses: &[u16]| statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    match (&route.health, &program.readiness.check) {
        (Some(health), _) => (health.path.clone(), joined(&health.statuses), health.interval_seconds.clamp(5, 300)),
        (None, ReadinessCheck::Http { path, statuses, .. }) => (path.clone(), joined(statuses), INTERVAL_SECONDS),
        // Any answer shows that it listens.
        (None, ReadinessCheck::Port { .. } | ReadinessCheck::Running) => {
            ("/".to_owned(), "200-499".to_owned(), INTERVAL_SECONDS)
        }
    }
}

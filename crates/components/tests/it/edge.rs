use crate::support::{node, validated};
use model::NodeId;
use model::process_graph::{BackendHealth, NodeSpec};

const TWO: &str = r#"
one: { kind: service, command: [app], port: any, health: { path: /h, status: 204 } }
two: { kind: service, command: [app], port: any, health: { path: /h, status: 204 } }
web:
  kind: edge
  domain: shop.example.org
  also: [www.example.org]
  routes: { /: one, /api/: { to: [one, two], sticky: true }, /api/v2: [two] }
  redirect: false
  allow: { sources: [203.0.113.0/24], owner: ann, review-by: "2027-01-31" }
"#;

#[test]
fn the_longest_route_comes_first() {
    let graph = validated(TWO).graph();
    let NodeSpec::Edge(edge) = node(&graph, "web/edge") else { panic!() };
    let prefixes: Vec<&str> = edge.routes.iter().map(|route| route.prefix.as_str()).collect();
    assert_eq!(prefixes, ["/api/v2", "/api", "/"]);
    assert_eq!(edge.routes[1].backends.len(), 2);
    assert!(edge.routes[1].sticky);
}

#[test]
fn several_services_are_asked_how_they_are() {
    let graph = validated(TWO).graph();
    let NodeSpec::Edge(edge) = node(&graph, "web/edge") else { panic!() };
    let health = BackendHealth { path: "/h".into(), statuses: vec![204], interval_seconds: 5 };
    assert_eq!(edge.routes[1].health, Some(health));
    assert_eq!(edge.routes[0].health, None, "one alone gets the requests in any case");
}

#[test]
fn this_machine_always_may_connect() {
    let graph = validated(TWO).graph();
    let NodeSpec::Edge(edge) = node(&graph, "web/edge") else { panic!() };
    assert_eq!(edge.allow, ["127.0.0.0/8", "::1/128", "203.0.113.0/24"]);
}

#[test]
fn an_edge_starts_after_its_services_and_promises_by_its_settings() {
    let graph = validated(TWO).graph();
    let needs = &graph.nodes[&NodeId::new("web/edge")].needs;
    assert_eq!(needs.iter().map(NodeId::as_str).collect::<Vec<_>>(), ["one/program", "two/program"]);
    let probes: Vec<&str> =
        graph.probes.iter().map(|probe| probe.id.as_str()).filter(|id| id.starts_with("web")).collect();
    assert_eq!(
        probes,
        ["web/tls-1.0", "web/tls-1.1", "web/certificate", "web/certificate/www.example.org", "web/large-body"],
        "no redirect is promised when there is none"
    );
}

#[test]
fn an_edge_must_outwait_its_services() {
    let times = |longest: &str, idle: &str| {
        let text = format!(
            "app: {{ kind: service, command: [app], port: any, longest-request: {longest} }}\n\
             web: {{ kind: edge, domain: a.example.org, routes: {{ /: app }}, limits: {{ idle-timeout: {idle} }} }}"
        );
        validated(&text).lines()
    };
    assert_eq!(times("59s", "60s"), "");
    insta::assert_snapshot!(times("60s", "60s"), @"TOG002 a request to app may take 1m, but is cut off after 1m without a byte");
    insta::assert_snapshot!(times("2m", "1m 30s"), @"TOG002 a request to app may take 2m, but is cut off after 1m 30s without a byte");
}

//! Deployments to plan and run: one that looks like a real one, and random ones.

use engine::ports::Clock;
use engine::{Applied, Journal, Options, Request, apply};
use indexmap::IndexMap;
use model::private_access::{SshAccount, SshServerSpec};
use model::process_graph::{
    EdgeLimits, EdgeSpec, FileSpec, Node, NodeSpec, PortRequest, PortWish, ProcessGraph, ProgramSpec,
    PythonEnvironmentSpec, Readiness, ReadinessCheck, RestartPolicy, Route, SecretRecipe, SecretSpec, SourceSpec,
    TlsVersion,
};
use model::text::TemplateValue;
use model::{Atom, ComponentName, DeploymentName, Digest, Fault, ManifestPath, NodeId, PortId, RunEvent, Text};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::FakeTarget;

/// A clock that goes on by a second with each look.
#[derive(Default)]
pub(crate) struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> String {
        let second = self.0.fetch_add(1, Ordering::Relaxed);
        format!("2026-11-20T{:02}:{:02}:{:02}Z", second / 3600 % 24, second / 60 % 60, second % 60)
    }
}

pub(crate) fn id(text: &str) -> NodeId {
    NodeId::new(text)
}

fn node(component: &str, needs: &[&str], spec: NodeSpec) -> Node {
    Node {
        component: ComponentName::new(component).unwrap(),
        origin: ManifestPath::root().key("components").key(component),
        needs: needs.iter().map(|need| id(need)).collect(),
        spec,
    }
}

pub(crate) fn secret() -> NodeSpec {
    NodeSpec::Secret(SecretSpec::Generated {
        recipe: SecretRecipe::Password { length: 32, alphabet: "abc".into() },
        generation: 1,
    })
}

pub(crate) fn file(name: &str, text: &str) -> NodeSpec {
    NodeSpec::File(FileSpec {
        name: name.into(),
        template_name: name.into(),
        template: text.into(),
        context: IndexMap::new(),
        mode: 0o600,
    })
}

fn file_with_port(name: &str, port: &str) -> NodeSpec {
    let NodeSpec::File(mut spec) = file(name, "port = {{ port }}") else { unreachable!() };
    spec.context.insert("port".into(), TemplateValue::Text(Text::hole(Atom::Port(PortId::new(port)))));
    NodeSpec::File(spec)
}

pub(crate) fn program(port: &str, command: &str) -> NodeSpec {
    NodeSpec::Program(ProgramSpec {
        command: vec![Text::literal(command)],
        environment: IndexMap::new(),
        working_directory: None,
        ports: vec![PortId::new(port)],
        readiness: Readiness { check: ReadinessCheck::Running, timeout_seconds: 5 },
        restart: RestartPolicy::Always,
        memory_limit: None,
        stop_grace_seconds: 5,
        refuses_superuser: false,
        stop_signal: model::process_graph::StopSignal::Terminate,
    })
}

pub(crate) fn edge(port: &str, backend: &str) -> NodeSpec {
    NodeSpec::Edge(EdgeSpec {
        domains: vec!["app.localhost".into()],
        https: PortId::new(port),
        redirect: None,
        routes: vec![Route { prefix: "/".into(), backends: vec![PortId::new(backend)], health: None, sticky: false }],
        minimum_tls: TlsVersion::V1_2,
        allow: Vec::new(),
        limits: EdgeLimits { request_body_bytes: 1000, header_timeout_ms: 1000, idle_timeout_ms: 1000, drain_ms: 1000 },
    })
}

pub(crate) fn graph(nodes: Vec<(&str, Node)>, ports: &[(&str, PortWish)]) -> ProcessGraph {
    let request = |port: &str, wish: &PortWish| PortRequest {
        component: ComponentName::new(port.split('/').next().unwrap()).unwrap(),
        origin: ManifestPath::root(),
        wish: *wish,
    };
    ProcessGraph {
        deployment: DeploymentName::new("sample").unwrap(),
        nodes: nodes.into_iter().map(|(name, node)| (id(name), node)).collect(),
        ports: ports.iter().map(|(port, wish)| (PortId::new(*port), request(port, wish))).collect(),
        outputs: Vec::new(),
        probes: Vec::new(),
    }
}

/// A service with everything that a service has, behind an edge; and a worker beside it.
pub(crate) fn sample() -> ProcessGraph {
    let python = NodeSpec::PythonEnvironment(PythonEnvironmentSpec {
        minimum_python: None,
        packages: vec!["tabpy==2.16.0".into()],
        constraints: None,
        imports: Vec::new(),
    });
    let source = NodeSpec::Source(SourceSpec { folder: "app".into(), content: Digest::of_bytes(b"app") });
    graph(
        vec![
            ("app/password", node("app", &[], secret())),
            ("app/python", node("app", &[], python)),
            ("app/users", node("app", &["app/password"], file("users", "{{ password }}"))),
            ("app/config", node("app", &["app/users"], file_with_port("config", "app/http"))),
            ("app/program", node("app", &["app/python", "app/config"], program("app/http", "serve"))),
            ("worker/source", node("worker", &[], source)),
            ("worker/program", node("worker", &["worker/source", "app/program"], program("worker/http", "work"))),
            ("web/edge", node("web", &["app/program"], edge("web/https", "app/http"))),
        ],
        &[
            ("app/http", PortWish::Preferably(9004)),
            ("worker/http", PortWish::Any),
            ("web/https", PortWish::Exactly(8443)),
        ],
    )
}

/// With an SSH server that leads to the application, for these people.
pub(crate) fn with_bastion(mut graph: ProcessGraph, people: &[&str]) -> ProcessGraph {
    let account = SshAccount { keys: Vec::new(), forwards: Vec::new(), listens: Vec::new() };
    let server = SshServerSpec {
        port: PortId::new("jump/ssh"),
        host_key: id("jump/host-key"),
        further_host_keys: Vec::new(),
        accounts: people.iter().map(|name| ((*name).to_owned(), account.clone())).collect(),
        sources: Vec::new(),
    };
    graph.nodes.insert(id("jump/host-key"), node("jump", &[], secret()));
    let needs = ["jump/host-key", "app/program"];
    graph.nodes.insert(id("jump/ssh"), node("jump", &needs, NodeSpec::SshServer(server)));
    graph
}

/// The same, edited: another password file, no worker, another program beside.
pub(crate) fn edited() -> ProcessGraph {
    let mut graph = sample();
    graph.nodes[&id("app/users")].spec = file("users", "changed {{ password }}");
    graph.nodes.shift_remove(&id("worker/program"));
    graph.nodes.shift_remove(&id("worker/source"));
    graph.ports.shift_remove(&PortId::new("worker/http"));
    graph.nodes.insert(id("extra/config"), node("extra", &["app/password"], file("extra", "more")));
    graph
}

/// Runs `up` (or `down` without a graph), journalling in `journal`.
pub(crate) async fn bring(
    desired: Option<&ProcessGraph>,
    target: &FakeTarget,
    journal: &mut Journal,
    sink: &(dyn Fn(&RunEvent) + Send + Sync),
) -> Result<Applied, Fault> {
    let clock = Ticking::default();
    let deployment = DeploymentName::new("sample").unwrap();
    let manifest = Digest::of_bytes(b"manifest");
    let request = Request { deployment: &deployment, environment: "local", manifest: &manifest, desired };
    apply(&request, target, journal, &Options::new(&clock, sink), |_| true).await
}

/// A folder of its own, in memory where that is possible: thousands of journals are synced here.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs a test's future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A random deployment: each node needs some of the earlier ones.
pub(crate) fn any_graph() -> impl Strategy<Value = ProcessGraph> {
    let part = (0..6u8, 0..3u8, proptest::collection::vec(any::<prop::sample::Index>(), 0..4), any::<bool>());
    proptest::collection::vec(part, 1..10).prop_map(|parts| {
        let mut result = graph(Vec::new(), &[]);
        for (index, (kind, variant, needs, present)) in parts.into_iter().enumerate() {
            if !present {
                continue;
            }
            let name = format!("c{index}/n{kind}");
            let port = format!("c{index}/port");
            let earlier: Vec<NodeId> = result.nodes.keys().cloned().collect();
            let needs: BTreeSet<NodeId> =
                needs.iter().filter(|_| !earlier.is_empty()).map(|need| need.get(&earlier).clone()).collect();
            let spec = match kind {
                0 => secret(),
                1 => NodeSpec::Source(SourceSpec { folder: "a".into(), content: Digest::of_bytes(&[variant]) }),
                2 => file(&name, &variant.to_string()),
                3 => file_with_port(&name, &port),
                4 => program(&port, &variant.to_string()),
                _ => edge(&port, &port),
            };
            if kind >= 3 {
                let wish = match variant {
                    0 => PortWish::Any,
                    1 => PortWish::Preferably(9000),
                    _ => PortWish::Preferably(9000 + u16::try_from(index).unwrap()),
                };
                let asked = graph(Vec::new(), &[(&port, wish)]);
                result.ports.extend(asked.ports);
            }
            let component = format!("c{index}");
            let mut node = node(&component, &[], spec);
            node.needs = needs;
            result.nodes.insert(id(&name), node);
        }
        result
    })
}

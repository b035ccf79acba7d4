//! The edge inside the supervisor, and its certificate.

use crate::world::{World, web_server};
use engine::ports::Running as _;
use model::process_graph::{EdgeLimits, EdgeSpec, NodeSpec, PortWish, Route, TlsVersion};
use model::{Action, NodeId, PortId};
use std::fs;

fn edge(backend: &PortId, https: PortId, domain: &str) -> NodeSpec {
    NodeSpec::Edge(EdgeSpec {
        domains: vec![domain.into()],
        https,
        redirect: None,
        routes: vec![Route { prefix: "/".into(), backends: vec![backend.clone()], health: None, sticky: false }],
        minimum_tls: TlsVersion::V1_2,
        allow: Vec::new(),
        limits: EdgeLimits {
            request_body_bytes: 1 << 20,
            header_timeout_ms: 5000,
            idle_timeout_ms: 5000,
            drain_ms: 1000,
        },
    })
}

struct Site {
    it: crate::world::Deployment,
    node: NodeId,
    backend: PortId,
    https: PortId,
}

async fn site(world: &World) -> Site {
    let mut it = world.deployment("site");
    let (backend, https) = (it.port("app/http", PortWish::Any), it.port("web/https", PortWish::Any));
    it.node("app/program", &[], NodeSpec::Program(web_server(&backend)));
    let node = it.node("web/edge", &["app/program"], edge(&backend, https.clone(), "site.localhost"));
    it.up().await.unwrap();
    Site { it, node, backend, https }
}

async fn get(site: &Site, domain: &str) -> reqwest::Result<u16> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let authority = reqwest::Certificate::from_pem(site.it.target.authority().unwrap().as_bytes()).unwrap();
    let port = site.it.ports[&site.https];
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .resolve(domain, ([127, 0, 0, 1], port).into())
        .build()
        .unwrap();
    Ok(client.get(format!("https://{domain}:{port}/")).send().await?.status().as_u16())
}

#[tokio::test]
async fn serves_with_a_certificate_of_the_users_authority() {
    let world = World::new();
    let mut site = site(&world).await;
    assert_eq!(get(&site, "site.localhost").await.unwrap(), 200);
    assert_eq!(site.it.troubles().await, [""; 0]);

    // Another name is another certificate; the listener stays.
    let spec = edge(&site.backend, site.https.clone(), "other.localhost");
    site.it.node("web/edge", &["app/program"], spec);
    site.it.perform(&site.node.clone(), Action::Update).await.unwrap();
    assert_eq!(get(&site, "other.localhost").await.unwrap(), 200);
    assert!(get(&site, "site.localhost").await.is_err());

    let status = site.it.target.status().await.unwrap();
    assert_eq!(status.edges[&site.node].status.listeners.len(), 1);
    let memory = status.supervisor.unwrap().memory_bytes;
    assert!(memory < 40 << 20, "a build without optimisation needs {} MiB", memory >> 20);

    site.it.perform(&site.node.clone(), Action::Delete).await.unwrap();
    assert!(get(&site, "other.localhost").await.is_err());
    assert!(!site.it.target.home().root().join("certificates").exists());
}

#[tokio::test]
async fn a_lost_certificate_or_authority_is_healed() {
    let world = World::new();
    let mut site = site(&world).await;
    let certificate = site.it.target.home().root().join("certificates/web.edge");
    fs::remove_file(certificate.join("chain.pem")).unwrap();
    assert_eq!(site.it.troubles().await, ["web/edge: the certificate is gone"]);
    site.it.heal().await.unwrap();
    assert_eq!(get(&site, "site.localhost").await.unwrap(), 200);

    fs::write(certificate.join("key.pem"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    assert_eq!(site.it.troubles().await, ["web/edge: the certificate and its key do not belong together"]);
    site.it.heal().await.unwrap();

    fs::remove_dir_all(world.folders().authority()).unwrap();
    assert_eq!(site.it.troubles().await, ["web/edge: the authority that signs certificates is gone"]);
    site.it.heal().await.unwrap();
    assert_eq!(site.it.troubles().await, [""; 0]);
    assert_eq!(get(&site, "site.localhost").await.unwrap(), 200);
}

//! An edge before a given backend, for measurements: `edge_bench BACKEND [LISTEN]`.
//!
//! Prints `url=`, `certificate=` (PEM file to trust), `pid=` and then serves until its standard input ends, so that
//! whoever started it also ends it. On the end it prints what it served.

use local_edge::{Certificate, Edge, EdgeConfig};
use model::PortId;
use model::process_graph::{EdgeLimits, EdgeSpec, Route, TlsVersion};
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

const HOST: &str = "localhost";

#[expect(clippy::print_stdout, reason = "the addresses are what the caller waits for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: edge_bench BACKEND-ADDRESS [LISTEN-ADDRESS]";
    let backend: SocketAddr = arguments.next().ok_or(usage)?.parse()?;
    let https: SocketAddr = arguments.next().as_deref().unwrap_or("127.0.0.1:0").parse()?;

    let folder = std::env::temp_dir().join(format!("landfall-edge-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let made = rcgen::generate_simple_self_signed([HOST.to_owned(), "127.0.0.1".to_owned()])?;
    let certificate = folder.join("certificate.pem");
    std::fs::write(&certificate, made.cert.pem())?;
    let port = PortId::new("app/port");
    let config = EdgeConfig {
        https,
        redirect: None,
        certificate: Certificate::Pem {
            chain: made.cert.pem().into_bytes(),
            key: made.signing_key.serialize_pem().into_bytes(),
        },
        spec: EdgeSpec {
            domains: vec![HOST.to_owned(), "127.0.0.1".to_owned()],
            https: PortId::new("web/https"),
            redirect: None,
            routes: vec![Route { prefix: "/".to_owned(), backends: vec![port.clone()], health: None, sticky: false }],
            minimum_tls: TlsVersion::V1_2,
            allow: Vec::new(),
            limits: EdgeLimits {
                request_body_bytes: 100 << 20,
                header_timeout_ms: 10_000,
                idle_timeout_ms: 60_000,
                drain_ms: 10_000,
            },
        },
        backends: [(port, backend)].into(),
        access_log: folder.join("access.log"),
        maximum_connections: EdgeConfig::MAXIMUM_CONNECTIONS,
    };

    // As many threads as the supervisor gives its edge.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let edge = runtime.block_on(Edge::start(config))?;
    println!("url=https://{HOST}:{}", edge.https_address().port());
    println!("certificate={}", certificate.display());
    println!("pid={}", std::process::id());

    std::io::stdin().read_to_end(&mut Vec::new())?;
    let status = edge.status();
    runtime.block_on(edge.drain(Duration::from_secs(1)));
    // Whoever started us may read no longer.
    let _ = writeln!(std::io::stdout(), "requests={} log_lines_lost={}", status.requests, status.log_lines_lost);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

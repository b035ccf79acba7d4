//! A backend that does what its path says, an edge before it, and clients.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use local_edge::{Certificate, Edge, EdgeConfig};
use model::PortId;
use model::process_graph::{EdgeLimits, EdgeSpec, Route, TlsVersion};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

pub(crate) const HOST: &str = "app.localhost";
pub(crate) const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

/// A real HTTP/1.1 server.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    stop: CancellationToken,
}

/// What a backend saw and did.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) sick: std::sync::atomic::AtomicBool,
    pub(crate) lines: Mutex<Vec<String>>,
}

impl Backend {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_at(name, LOCAL).await
    }

    pub(crate) async fn start_at(name: &'static str, address: SocketAddr) -> Self {
        let socket = TcpListener::bind(address).await.unwrap();
        let (address, stop, seen) = (socket.local_addr().unwrap(), CancellationToken::new(), Arc::new(Seen::default()));
        let (stopped, shared) = (stop.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! { a = socket.accept() => a, () = stopped.cancelled() => return };
                let (stream, _) = accepted.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, stopped) = (Arc::clone(&shared), stopped.clone());
                let service = service_fn(move |request| {
                    let seen = Arc::clone(&seen);
                    async move { Ok::<_, Infallible>(respond(name, &seen, request).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(hyper_util::rt::TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    tokio::select! { _ = connection => {}, () = stopped.cancelled() => {} }
                });
            }
        });
        Self { address, seen, stop }
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Closes the port and all connections.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.stop.cancel();
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.address
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn full(status: u16, text: impl Into<Bytes>) -> Answer {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed();
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body).unwrap()
}

async fn respond(name: &'static str, seen: &Arc<Seen>, request: Request<Incoming>) -> Answer {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let uri = request.uri().clone();
    let mut head = format!("{} {uri}\n", request.method());
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    seen.lines.lock().unwrap().push(head.clone());
    let number: usize = uri.query().and_then(|query| query.parse().ok()).unwrap_or(0);
    match uri.path() {
        "/name" => full(200, name),
        "/health" if seen.sick.load(Ordering::SeqCst) => full(500, "sick"),
        "/health" => full(401, "well"),
        "/echo" => Response::new(request.into_body().map_err(std::io::Error::other).boxed()),
        "/sink" => {
            let mut body = request.into_body();
            let mut count = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return full(400, "broken off") };
                count += frame.data_ref().map_or(0, Bytes::len);
                seen.bytes_in.fetch_add(frame.data_ref().map_or(0, Bytes::len) as u64, Ordering::SeqCst);
            }
            seen.lines.lock().unwrap().push("complete".to_owned());
            full(200, count.to_string())
        }
        // Takes `number` bytes of the body, then no more.
        "/stuck" => {
            let mut body = request.into_body();
            let mut count = 0;
            while count < number {
                let Some(Ok(frame)) = body.frame().await else { break };
                count += frame.data_ref().map_or(0, Bytes::len);
            }
            std::future::pending().await
        }
        // `number` pieces of 16 KiB.
        "/blob" => {
            let seen = Arc::clone(seen);
            let pieces = futures_util::stream::iter(0..number).map(move |_| {
                seen.bytes_out.fetch_add(16 * 1024, Ordering::SeqCst);
                Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))
            });
            Response::new(BoxBody::new(StreamBody::new(pieces)))
        }
        // A digit every 100 ms, `number` times.
        "/drip" => {
            let pieces = futures_util::stream::iter(0..number).then(|n| async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(Frame::data(Bytes::from((n % 10).to_string())))
            });
            Response::new(BoxBody::new(StreamBody::new(pieces)))
        }
        // A piece, then silence.
        "/half" => {
            let pieces = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"half")))])
                .chain(futures_util::stream::pending());
            Response::new(BoxBody::new(StreamBody::new(pieces)))
        }
        // A piece, then the connection breaks.
        "/break" => {
            let pieces = futures_util::stream::iter([
                Ok(Frame::data(Bytes::from_static(b"half"))),
                Err(std::io::Error::other("broken")),
            ])
            .then(|frame| async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                frame
            });
            Response::new(BoxBody::new(StreamBody::new(pieces)))
        }
        "/sleep" => {
            tokio::time::sleep(Duration::from_millis(number as u64)).await;
            full(200, "slept")
        }
        "/hops" => {
            let mut answer = full(200, "hops");
            for (name, value) in [("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=5"), ("x-end", "1")]
            {
                answer.headers_mut().append(name, value.parse().unwrap());
            }
            answer
        }
        _ => full(200, head),
    }
}

/// A spec with one route `/`.
pub(crate) fn spec() -> EdgeSpec {
    EdgeSpec {
        domains: vec![HOST.to_owned(), "other.localhost".to_owned()],
        https: PortId::new("web/https"),
        redirect: None,
        routes: vec![route("/", &["app"])],
        minimum_tls: TlsVersion::V1_2,
        allow: Vec::new(),
        limits: EdgeLimits {
            request_body_bytes: 1 << 20,
            header_timeout_ms: 5_000,
            idle_timeout_ms: 10_000,
            drain_ms: 5_000,
        },
    }
}

pub(crate) fn route(prefix: &str, backends: &[&str]) -> Route {
    Route {
        prefix: prefix.to_owned(),
        backends: backends.iter().map(|name| PortId::new(*name)).collect(),
        health: None,
        sticky: false,
    }
}

/// An edge on a free port, with its own certificate and log.
pub(crate) struct Fixture {
    pub(crate) edge: Edge,
    pub(crate) config: EdgeConfig,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

pub(crate) fn certificate(names: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes())
}

impl Fixture {
    pub(crate) async fn start(spec: EdgeSpec, backends: &[(&str, SocketAddr)]) -> Self {
        Self::start_with(spec, backends, |_| {}).await
    }

    pub(crate) async fn start_with(
        spec: EdgeSpec,
        backends: &[(&str, SocketAddr)],
        change: impl FnOnce(&mut EdgeConfig),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = certificate(&[HOST, "other.localhost"]);
        let mut config = EdgeConfig {
            https: LOCAL,
            redirect: Some(LOCAL),
            certificate: Certificate::Pem { chain, key },
            spec,
            backends: backends.iter().map(|(name, address)| (PortId::new(*name), *address)).collect(),
            access_log: folder.path().join("access.log"),
            maximum_connections: EdgeConfig::MAXIMUM_CONNECTIONS,
        };
        change(&mut config);
        let edge = Edge::start(config.clone()).await.unwrap();
        let address = edge.https_address();
        Self { edge, config, address, folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.address.port())
    }

    pub(crate) fn chain(&self) -> Vec<u8> {
        let Certificate::Pem { chain, .. } = &self.config.certificate else { panic!("a certificate from memory") };
        chain.clone()
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// The access log once it has this many lines.
    pub(crate) async fn log(&self, lines: usize) -> Vec<String> {
        for _ in 0..200 {
            let text = std::fs::read_to_string(self.log_path()).unwrap();
            if text.lines().count() >= lines {
                return text.lines().map(str::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the log has fewer than {lines} lines: {:?}", std::fs::read_to_string(self.log_path()));
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        install_provider();
        let mut builder = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&self.chain()).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        for name in [HOST, "other.localhost"] {
            builder = builder.resolve(name, self.address);
        }
        builder
    }

    pub(crate) fn http1(&self) -> reqwest::Client {
        self.builder().http1_only().build().unwrap()
    }

    pub(crate) fn http2(&self) -> reqwest::Client {
        self.builder().http2_prior_knowledge().build().unwrap()
    }

    pub(crate) fn tls_config(&self, alpn: &[&str]) -> rustls::ClientConfig {
        client_config(&self.chain(), alpn, rustls::DEFAULT_VERSIONS)
    }

    /// A TLS connection for hand-made bytes.
    pub(crate) async fn raw(&self, alpn: &[&str]) -> tokio_rustls::client::TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(self.tls_config(alpn)));
        connector.connect(HOST.try_into().unwrap(), stream).await.unwrap()
    }

    /// Sends bytes and returns all that comes until the edge closes; `None` when it does not.
    pub(crate) async fn exchange(&self, bytes: &str) -> Option<String> {
        let mut stream = self.raw(&["http/1.1"]).await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await;
        read.is_ok().then(|| String::from_utf8_lossy(&answer).into_owned())
    }
}

pub(crate) fn client_config(
    chain: &[u8],
    alpn: &[&str],
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ClientConfig {
    use rustls::pki_types::pem::PemObject as _;
    install_provider();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(chain).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub(crate) fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap());
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

//! A deployment to ask: certificates of an authority of its own, servers on loopback ports.

use engine::SystemClock;
use engine::ports::{FileFacts, Running, TunnelFacts};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use indexmap::IndexMap;
use model::probe::{BasicCredentials, Endpoint, HttpExpectation, HttpRequest, Probe, Question, RequestBody, Scheme};
use model::text::{Part, SecretPart};
use model::verification::{ProbeResult, Verdict, VerificationReport};
use model::{Atom, ComponentName, Fault, FaultKind, ManifestPath, NodeId, PortId, ProbeId, Secret, Text};
use prober::{Options, verify};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) const DOMAIN: &str = "app.example.test";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for names, and its key, both PEM.
    pub(crate) fn pair(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// The settings of a server with a certificate for a name that ends in so many days (and a bit).
    pub(crate) fn server(&self, name: &str, days: i64) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let end = match u32::try_from(days) {
            Ok(days) => SystemTime::now() + DAY * days + Duration::from_secs(600),
            Err(_) => SystemTime::now() - DAY * u32::try_from(-days).unwrap(),
        };
        params.not_before = (SystemTime::now() - DAY * 400).into();
        params.not_after = end.into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// What a server answers.
pub(crate) type Answerer = fn(&hyper::http::request::Parts, &[u8]) -> Response<Full<Bytes>>;

/// A server on a loopback port, until it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Does something with each connection.
    pub(crate) async fn raw<F, R>(address: &str, each: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(each(stream));
            }
        });
        Self { port, task }
    }

    pub(crate) async fn plain(answer: Answerer) -> Self {
        Self::raw("127.0.0.1:0", move |stream| speak(stream, answer)).await
    }

    pub(crate) async fn tls(config: ServerConfig, answer: Answerer) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::raw("127.0.0.1:0", move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    speak(stream, answer).await;
                }
            }
        })
        .await
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, answer: Answerer) {
    let service = service_fn(move |request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok::<_, std::convert::Infallible>(answer(&head, &body))
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

pub(crate) fn respond(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}

type Kill = Box<dyn Fn() + Send + Sync>;

/// A deployment as the prober sees it.
pub(crate) struct Deployment {
    pub(crate) ports: BTreeMap<PortId, u16>,
    pub(crate) authority: Option<String>,
    pub(crate) secrets: BTreeMap<NodeId, String>,
    pub(crate) files: BTreeMap<NodeId, FileFacts>,
    pub(crate) tunnel: Option<TunnelFacts>,
    pub(crate) kill: Option<Kill>,
    pub(crate) killed: Mutex<Vec<NodeId>>,
}

impl Deployment {
    pub(crate) fn new(ports: &[(&str, u16)]) -> Self {
        Self {
            ports: ports.iter().map(|(name, number)| (PortId::new(*name), *number)).collect(),
            authority: None,
            secrets: BTreeMap::new(),
            files: BTreeMap::new(),
            tunnel: None,
            kill: None,
            killed: Mutex::default(),
        }
    }

    pub(crate) fn trusting(mut self, authority: &Authority) -> Self {
        self.authority = Some(authority.pem());
        self
    }

    pub(crate) async fn ask(&self, question: Question) -> Verdict {
        self.verify(&[probe("it", question)]).await.results.remove(0).verdict
    }

    pub(crate) async fn verify(&self, probes: &[Probe]) -> VerificationReport {
        verify(probes, self, &Options::new(&SystemClock), &|_: &ProbeResult| {}).await
    }
}

impl Running for Deployment {
    fn fill(&self, text: &Text) -> Result<Secret, Fault> {
        let missing = |what: &str| Fault::new(FaultKind::Permanent, "filling a text", format!("{what} is not known"));
        let mut filled = String::new();
        for part in text.parts() {
            match part {
                Part::Literal(literal) => filled.push_str(literal),
                Part::Hole(Atom::Secret(node, _)) => {
                    filled.push_str(self.secrets.get(node).ok_or_else(|| missing(node.as_str()))?);
                }
                Part::Hole(other) => return Err(missing(&other.to_string())),
            }
        }
        Ok(Secret::new(filled))
    }

    fn port(&self, port: &PortId) -> Result<u16, Fault> {
        let missing = || Fault::new(FaultKind::Permanent, "looking up a port", format!("{port} has no number"));
        self.ports.get(port).copied().ok_or_else(missing)
    }

    fn authority(&self) -> Result<String, Fault> {
        let missing = || Fault::new(FaultKind::Permanent, "reading the authority's certificate", "there is none");
        self.authority.clone().ok_or_else(missing)
    }

    fn file(&self, file: &NodeId) -> Result<FileFacts, Fault> {
        let missing = || Fault::new(FaultKind::Permanent, format!("looking at {file}"), "No such file or directory");
        self.files.get(file).cloned().ok_or_else(missing)
    }

    async fn tunnel(&self, tunnel: &NodeId) -> Result<TunnelFacts, Fault> {
        let missing = || Fault::new(FaultKind::Permanent, format!("looking at {tunnel}"), "no supervisor runs");
        self.tunnel.clone().ok_or_else(missing)
    }

    async fn kill(&self, program: &NodeId) -> Result<(), Fault> {
        self.killed.lock().unwrap().push(program.clone());
        match &self.kill {
            Some(kill) => {
                kill();
                Ok(())
            }
            None => Err(Fault::new(FaultKind::Permanent, format!("killing {program}"), "it does not run")),
        }
    }
}

pub(crate) fn probe(id: &str, question: Question) -> Probe {
    Probe {
        id: ProbeId::new(id),
        component: ComponentName::new("app").unwrap(),
        origin: ManifestPath::root().key("probes").key(id),
        claim: format!("{id} holds"),
        question,
        help: format!("look at {id}"),
        contrast: None,
    }
}

pub(crate) fn edge() -> Endpoint {
    Endpoint::Edge {
        edge: NodeId::new("web/edge"),
        domain: DOMAIN.into(),
        scheme: Scheme::Https,
        port: PortId::new("https"),
    }
}

pub(crate) fn port() -> Endpoint {
    Endpoint::Port { port: PortId::new("http") }
}

pub(crate) fn get(to: Endpoint, path: &str) -> HttpRequest {
    HttpRequest {
        to,
        method: "GET".into(),
        path: path.into(),
        headers: IndexMap::new(),
        basic: None,
        body: RequestBody::Empty,
        timeout_seconds: 5,
    }
}

pub(crate) fn credentials(password: &str) -> BasicCredentials {
    let password = Text::hole(Atom::Secret(NodeId::new(password), SecretPart::Value));
    BasicCredentials { user: Text::literal("alice"), password }
}

pub(crate) fn status(status: u16) -> HttpExpectation {
    HttpExpectation { statuses: vec![status], ..HttpExpectation::default() }
}

pub(crate) fn http(request: HttpRequest, expect: HttpExpectation) -> Question {
    Question::Http { request, expect }
}

/// A verdict in one line, for snapshots.
pub(crate) fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { seen } => format!("passed: {seen}"),
        Verdict::Failed { expected, seen, help } => format!("failed: expected {expected}; seen {seen}; help: {help}"),
        Verdict::Waiting { seen, help } => format!("waits: {seen}; help: {help}"),
    }
}

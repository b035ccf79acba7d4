//! What one request goes through: may it pass, where to, and what is answered.

use crate::access_log::Record;
use crate::activity::Activity;
use crate::backend_stream::Connector;
use crate::download::Download;
use crate::forward::{self, Forwarded};
use crate::headers;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::upgrade::Upgrade;
use crate::upload::{Upload, UploadSource};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The client side of the proxy: HTTP/1.1 with a pool of connections to each backend.
pub(crate) type Client = hyper_util::client::legacy::Client<Connector, Upload>;

/// The largest header of a request and of an answer.
pub(crate) const MAXIMUM_HEADER: usize = 32 * 1024;

/// Shorter than the time after which usual servers close an idle connection.
const POOL_IDLE: Duration = Duration::from_secs(4);
const POOL_SIZE: usize = 32;

/// Name of the cookie that a client stays with its backend by.
const STICKY_COOKIE: &str = "landfall-backend";

/// What all connections of an edge share.
pub(crate) struct Proxy {
    settings: RwLock<Arc<Settings>>,
    pub(crate) client: Client,
    /// Everything that runs for the edge.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the edge drains.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the time to drain is over.
    pub(crate) ended: CancellationToken,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) in_flight: Arc<AtomicUsize>,
    pub(crate) requests: AtomicU64,
}

impl Proxy {
    pub(crate) fn new(settings: Settings) -> Self {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE)
            .http1_max_buf_size(MAXIMUM_HEADER)
            .set_host(false)
            .build(Connector);
        Self {
            settings: RwLock::new(Arc::new(settings)),
            client,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            ended: CancellationToken::new(),
            connections: Arc::default(),
            in_flight: Arc::default(),
            requests: AtomicU64::new(0),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}

/// Who asks, and on which connection.
pub(crate) struct Peer {
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) address: SocketAddr,
    pub(crate) activity: Arc<Activity>,
}

/// A request counted as in flight until it is dropped.
pub(crate) struct Exchange {
    activity: Arc<Activity>,
    in_flight: Arc<AtomicUsize>,
}

impl Exchange {
    fn begin(peer: &Peer) -> Self {
        peer.activity.begin_exchange();
        peer.proxy.requests.fetch_add(1, Ordering::Relaxed);
        peer.proxy.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { activity: Arc::clone(&peer.activity), in_flight: Arc::clone(&peer.proxy.in_flight) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.activity.end_exchange();
    }
}

/// Answers one request.
pub(crate) async fn answer(peer: &Arc<Peer>, request: Request<Incoming>) -> Response<Download> {
    let settings = peer.proxy.settings();
    let mut record = Record::new(&settings.log, peer.address.ip(), &request, Some(Exchange::begin(peer)));
    let (mut parts, body) = request.into_parts();
    let is_http1 = parts.version < Version::HTTP_2;
    let upload = UploadSource::new(body, !is_http1, settings.limits.request_body, Arc::clone(peer));
    record.upload(Arc::clone(&upload));

    let authority = match admit(peer, &settings, &parts, &upload) {
        Ok(authority) => authority,
        Err(problem) => return problem.into_response(record, is_http1 && !upload.is_empty()),
    };
    let Some((prefix, group)) = settings.routes.find(parts.uri.path()) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no-route", "No route of this edge covers the path.");
        return problem.into_response(record, is_http1 && !upload.is_empty());
    };
    let upgrade = Upgrade::of(&mut parts);
    let facts = headers::Facts { client: peer.address.ip(), authority: authority.as_str(), port: settings.https_port };
    let tokens: Vec<String> = headers::cookies(&parts.headers, STICKY_COOKIE).map(str::to_owned).collect();
    headers::prepare_request(&mut parts.headers, &facts);

    let job = forward::Job {
        parts: &parts,
        upload: &upload,
        upgrade: upgrade.as_ref(),
        group,
        tokens: &tokens,
        patience: settings.limits.idle_timeout,
    };
    let Forwarded { mut response, backend, lease } = match forward::forward(&peer.proxy.client, &job).await {
        Ok(forwarded) => forwarded,
        Err((problem, backend)) => {
            if let Some(backend) = backend {
                record.backend(backend.port.as_str());
            }
            return problem.into_response(record, is_http1 && !upload.is_empty());
        }
    };
    record.backend(backend.port.as_str());

    let answers_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let backend_side = answers_upgrade.then(|| hyper::upgrade::on(&mut response));
    let (mut head, body) = response.into_parts();
    headers::remove_hop_by_hop(&mut head.headers);
    head.version = Version::HTTP_11;
    head.extensions.clear();
    if group.is_sticky() && !tokens.contains(&backend.token) {
        let token = &backend.token;
        let cookie = format!("{STICKY_COOKIE}={token}; Path={prefix}; Secure; HttpOnly; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            head.headers.append(header::SET_COOKIE, cookie);
        }
    }
    if settings.strict_transport_security {
        let year = HeaderValue::from_static("max-age=31536000");
        head.headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
    record.status(head.status);
    let unexpected =
        || Problem::new(StatusCode::BAD_GATEWAY, "bad-upgrade", "The backend answered an upgrade wrongly.");
    match (upgrade, backend_side) {
        (Some(upgrade), Some(backend_side)) => {
            upgrade.accept(head, backend_side, lease, record, &peer.proxy, settings.limits.idle_timeout)
        }
        // A success without a switch would tell an HTTP/2 client that the tunnel is there.
        (Some(upgrade), None) if upgrade.is_http2() && head.status.is_success() => {
            unexpected().into_response(record, false)
        }
        (None, Some(_)) => unexpected().into_response(record, false),
        (_, None) => Response::from_parts(head, Download::backend(body, settings.limits.idle_timeout, lease, record)),
    }
}

/// Whether the request may pass; if so, the authority that it is for.
fn admit(
    peer: &Peer,
    settings: &Settings,
    parts: &http::request::Parts,
    upload: &UploadSource,
) -> Result<Authority, Problem> {
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail);
    if !settings.allows(peer.address.ip()) {
        let detail = format!("The address {} is not among those that may connect.", peer.address.ip());
        return Err(Problem::new(StatusCode::FORBIDDEN, "source-not-allowed", detail));
    }
    let authority = authority(&parts.uri, &parts.headers).map_err(bad)?;
    if !settings.serves(authority.host()) {
        let detail = "This edge does not answer for the host of the request.";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown-host", detail));
    }
    let extended = parts.extensions.get::<hyper::ext::Protocol>();
    match parts.method {
        Method::CONNECT if extended.is_some_and(|protocol| protocol.as_str() == "websocket") => {}
        Method::CONNECT | Method::TRACE => {
            let detail = "CONNECT and TRACE are not passed on.";
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "method", detail));
        }
        _ => {}
    }
    if !parts.uri.path().starts_with('/') {
        return Err(bad("The target of the request has no path."));
    }
    match upload.announced() {
        Some(length) if length > upload.limit() => Err(Problem::too_large(upload.limit())),
        _ => Ok(authority),
    }
}

/// The one authority that a request is for: several that differ are how requests are smuggled past a check.
pub(crate) fn authority(uri: &Uri, headers: &HeaderMap) -> Result<Authority, &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err("There is more than one Host header."),
        (Some(host), None) => {
            let host = Authority::try_from(host.as_bytes()).map_err(|_| "The Host header is no host.")?;
            if host.as_str().contains('@') {
                return Err("The Host header is no host.");
            }
            Some(host)
        }
        (None, None) => None,
    };
    match (uri.authority(), host) {
        (Some(target), Some(host)) if *target != host => Err("The target and the Host header name different hosts."),
        (Some(target), _) if target.as_str().contains('@') => Err("The target names a user."),
        (Some(target), _) => Ok(target.clone()),
        (None, Some(host)) => Ok(host),
        (None, None) => Err("There is no Host header."),
    }
}

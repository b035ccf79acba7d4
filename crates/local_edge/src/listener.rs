//! Listens on loopback addresses and starts a task for each connection.

use crate::access_log::Record;
use crate::activity::Activity;
use crate::connection::{self, Counted};
use crate::download::Download;
use crate::error::EdgeError;
use crate::problem::Problem;
use crate::proxy::{self, MAXIMUM_HEADER, Proxy};
use crate::status::{ListenerRole, ListenerStatus};
use crate::stream::Watched;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A pause after the system refused to hand out a connection, as it does without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound address; accepts connections until it is dropped.
pub(crate) struct Listener {
    pub(crate) status: ListenerStatus,
    /// The address as it was configured, which may have had port 0.
    pub(crate) configured: SocketAddr,
    _stop: DropGuard,
}

/// A bound address that accepts nothing yet.
pub(crate) struct Bound {
    socket: TcpListener,
    configured: SocketAddr,
    pub(crate) address: SocketAddr,
}

impl Bound {
    pub(crate) async fn new(configured: SocketAddr) -> Result<Self, EdgeError> {
        if !configured.ip().is_loopback() {
            return Err(EdgeError::NotLoopback(configured));
        }
        let fault = |source: std::io::Error| match source.kind() {
            ErrorKind::AddrInUse => EdgeError::AddressTaken(configured),
            ErrorKind::PermissionDenied => EdgeError::AddressForbidden(configured),
            _ => EdgeError::Listen { address: configured, source },
        };
        let socket = TcpListener::bind(configured).await.map_err(fault)?;
        let address = socket.local_addr().map_err(fault)?;
        Ok(Self { socket, configured, address })
    }

    /// Begins to accept.
    pub(crate) fn accept(self, role: ListenerRole, proxy: &Arc<Proxy>, permits: &Arc<Semaphore>) -> Listener {
        let stop = CancellationToken::new();
        let status = ListenerStatus { address: self.address, role };
        let (proxy, permits) = (Arc::clone(proxy), Arc::clone(permits));
        let tasks = proxy.tasks.clone();
        let stopped = stop.clone();
        tasks.spawn(async move {
            let draining = proxy.draining.clone();
            tokio::select! {
                () = stopped.cancelled() => {}
                () = draining.cancelled() => {}
                () = accept_all(self.socket, role, proxy, permits) => {}
            }
        });
        Listener { status, configured: self.configured, _stop: stop.drop_guard() }
    }
}

async fn accept_all(socket: TcpListener, role: ListenerRole, proxy: Arc<Proxy>, permits: Arc<Semaphore>) {
    loop {
        let (stream, address) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // The others concern one connection that is gone already.
                if !matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        // The accepted one waits here, more in the system's queue.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let counted = Counted::new(&proxy.connections, permit);
        let tasks = &proxy.tasks;
        match role {
            ListenerRole::Https => {
                tasks.spawn(connection::serve_https(Arc::clone(&proxy), stream, address, counted));
            }
            ListenerRole::Redirect => {
                tasks.spawn(serve_redirect(Arc::clone(&proxy), stream, address, counted));
            }
        }
    }
}

/// Sends every request to the same place over HTTPS.
async fn serve_redirect(proxy: Arc<Proxy>, stream: TcpStream, address: SocketAddr, counted: Counted) {
    let activity = Arc::new(Activity::new(true));
    let shared = Arc::clone(&proxy);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity), counted));
    let service = service_fn(move |request| {
        let response = redirect(&shared, address, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(MAXIMUM_HEADER).keep_alive(false);
    let connection = pin!(builder.serve_connection(io, service));
    connection::drive(&proxy, &activity, connection).await;
}

fn redirect(proxy: &Proxy, client: SocketAddr, request: &Request<Incoming>) -> Response<Download> {
    let settings = proxy.settings();
    let mut record = Record::new(&settings.log, client.ip(), request, None);
    let refuse = |record, status, note, detail: &str| Problem::new(status, note, detail).into_response(record, true);
    let authority = match proxy::authority(request.uri(), request.headers()) {
        Ok(authority) if settings.serves(authority.host()) => authority,
        Ok(_) => {
            let detail = "This edge does not answer for the host of the request.";
            return refuse(record, StatusCode::MISDIRECTED_REQUEST, "unknown-host", detail);
        }
        Err(detail) => return refuse(record, StatusCode::BAD_REQUEST, "bad-request", detail),
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let host = authority.host();
    let location = match settings.https_port {
        443 => format!("https://{host}{target}"),
        port => format!("https://{host}:{port}{target}"),
    };
    let Some(location) = HeaderValue::from_str(&location).ok().filter(|_| target.starts_with('/')) else {
        return refuse(record, StatusCode::BAD_REQUEST, "bad-request", "The target of the request has no path.");
    };
    record.status(StatusCode::PERMANENT_REDIRECT);
    let mut response = Response::new(Download::local(Bytes::new(), record));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

//! One client connection: handshake, requests, watchdog, end.

use crate::activity::{Activity, Verdict};
use crate::proxy::{self, MAXIMUM_HEADER, Peer, Proxy};
use crate::redirect;
use crate::stream::Watched;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::rt::{Read, Write};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes that an HTTP/2 stream and connection may send ahead of what backends take.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const SEND_BUFFER: usize = 64 * 1024;
const STREAMS: u32 = 128;
/// How often a draining connection is looked at.
const DRAIN_STEP: Duration = Duration::from_millis(100);

/// A connection counted until the stream is dropped, also beyond an upgrade.
pub(crate) struct Counted {
    connections: Arc<AtomicUsize>,
    _permit: OwnedSemaphorePermit,
}

impl Counted {
    pub(crate) fn new(connections: &Arc<AtomicUsize>, permit: OwnedSemaphorePermit) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self { connections: Arc::clone(connections), _permit: permit }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The first byte of every TLS connection: a handshake record (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;

/// Serves HTTPS on a connection until it ends. Who speaks plain HTTP here by mistake is sent to HTTPS.
pub(crate) async fn serve_https(proxy: Arc<Proxy>, stream: TcpStream, address: SocketAddr, counted: Counted) {
    let opening = tokio::time::timeout(proxy.settings().limits.header_timeout, open(&proxy, stream));
    let stream = match proxy.draining.run_until_cancelled(opening).await {
        Some(Ok(Ok(Opening::Tls(stream)))) => stream,
        Some(Ok(Ok(Opening::Plain(stream)))) => return redirect::serve(proxy.clone(), stream, address, counted).await,
        // Too slow, no TLS that we speak, or no time left.
        _ => return,
    };
    let is_http1 = stream.get_ref().1.alpn_protocol() != Some(b"h2");
    let activity = Arc::new(Activity::new(is_http1));
    let peer = Arc::new(Peer { proxy: Arc::clone(&proxy), address, activity: Arc::clone(&activity) });
    let service = service_fn(move |request| {
        let peer = Arc::clone(&peer);
        async move { Ok::<_, Infallible>(proxy::answer(&peer, request).await) }
    });
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity), counted));
    let builder = protocol(is_http1);
    let connection = pin!(builder.serve_connection_with_upgrades(io, service));
    drive(&proxy, &activity, connection).await;
}

/// What a client begins with.
enum Opening {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

async fn open(proxy: &Proxy, stream: TcpStream) -> io::Result<Opening> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first[0] != HANDSHAKE_RECORD => Ok(Opening::Plain(stream)),
        _ => {
            let acceptor = TlsAcceptor::from(Arc::clone(&proxy.settings().tls));
            Ok(Opening::Tls(Box::new(acceptor.accept(stream).await?)))
        }
    }
}

/// What hyper is told for each connection.
pub(crate) fn protocol(is_http1: bool) -> auto::Builder<TokioExecutor> {
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut builder = if is_http1 { builder.http1_only() } else { builder.http2_only() };
    // The watchdog knows better than hyper's own timer, which takes an idle connection for a slow header.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAXIMUM_HEADER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(MAXIMUM_HEADER as u32)
        .enable_connect_protocol();
    builder
}

/// Polls a connection to its end and ends it when it is idle, stalled or no longer wanted.
pub(crate) async fn drive<I, S, B>(
    proxy: &Proxy,
    activity: &Activity,
    mut connection: Pin<&mut auto::UpgradeableConnection<'_, I, S, TokioExecutor>>,
) where
    I: Read + Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut ending = false;
    loop {
        let verdict = activity.judge(&proxy.settings().limits);
        let pause = match verdict {
            Verdict::Stalled => return,
            Verdict::Idle if ending => return,
            Verdict::Idle => {
                connection.as_mut().graceful_shutdown();
                ending = true;
                DRAIN_STEP
            }
            Verdict::Wait(pause) => pause,
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = proxy.ended.cancelled() => return,
            () = proxy.draining.cancelled(), if !ending => {
                connection.as_mut().graceful_shutdown();
                ending = true;
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

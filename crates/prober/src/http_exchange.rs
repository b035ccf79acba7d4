//! One request, one answer, on a connection of its own: no redirect followed, no proxy. Where a domain of the deployment is
//! connected to, its port [`Running::host`] says.

use crate::ask::Asker;
use crate::patient::Patient;
use bytes::Bytes;
use engine::ports::Running;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use model::Text;
use model::probe::{BasicCredentials, Endpoint, HttpRequest, RequestBody, Scheme};
use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// More of an answer's body is not looked at.
const LONGEST_BODY: usize = 4 * 1024 * 1024;
/// How long filler waits for an early answer. Stands for `Expect: 100-continue`, which few servers
/// that sit behind others understand: who refuses by the header alone has answered by then.
const EARLY_ANSWER: Duration = Duration::from_millis(100);

/// What came back.
pub(crate) struct Exchange {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// In words, when the body ended too early or was too long.
    pub(crate) cut: Option<String>,
}

/// Sends a request and reads the answer; in words why there is none.
pub(crate) async fn exchange<R: Running>(asker: &Asker<'_, R>, request: &HttpRequest) -> Result<Exchange, String> {
    let limit = Duration::from_secs(u64::from(request.timeout_seconds.max(1)));
    let late = || format!("no complete answer within {} s", limit.as_secs());
    tokio::time::timeout(limit, exchange_without_limit(asker, request)).await.map_err(|_| late())?
}

async fn exchange_without_limit<R: Running>(asker: &Asker<'_, R>, request: &HttpRequest) -> Result<Exchange, String> {
    let peer = asker.peer(&request.to).map_err(|fault| fault.to_string())?;
    let message = message(asker.running, request, peer.port)?;
    let tcp = peer.connect().await?;
    match &request.to {
        Endpoint::Edge { scheme: Scheme::Https, domain, .. } => {
            let trust = asker.trust.as_ref().map_err(Clone::clone)?;
            converse(trust.connect(tcp, domain).await?, message).await
        }
        Endpoint::Edge { scheme: Scheme::Http, .. } | Endpoint::Port { .. } => converse(tcp, message).await,
    }
}

type RequestMessage = Request<BoxBody<Bytes, Infallible>>;

/// The request as HTTP has it.
fn message(running: &impl Running, request: &HttpRequest, port: u16) -> Result<RequestMessage, String> {
    let unsendable = |what: &str| format!("the probe cannot be sent: {what}");
    let (host, standard_port) = match &request.to {
        Endpoint::Edge { domain, scheme: Scheme::Https, .. } => (domain.as_str(), 443),
        Endpoint::Edge { domain, scheme: Scheme::Http, .. } => (domain.as_str(), 80),
        Endpoint::Port { .. } => ("127.0.0.1", 80),
    };
    let host = if port == standard_port { host.to_owned() } else { format!("{host}:{port}") };
    let method = Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|_| unsendable(&format!("`{}` is no method", request.method)))?;
    let (body, content_type) = body(&request.body);
    let builder = Request::builder().method(method).uri(request.path.as_str());
    let mut message = builder.body(body).map_err(|_| unsendable(&format!("`{}` is no path", request.path)))?;
    let headers = message.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| unsendable("the host name"))?);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("landfall/", env!("CARGO_PKG_VERSION"))));
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Some(basic) = &request.basic {
        headers.insert(AUTHORIZATION, authorization(running, basic)?);
    }
    for (name, value) in &request.headers {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable(&format!("`{name}` is no header")))?;
        let value = fill(running, value)?;
        let value = HeaderValue::from_str(value.expose());
        headers.insert(key, value.map_err(|_| unsendable(&format!("the value of `{name}` has forbidden characters")))?);
    }
    Ok(message)
}

fn fill(running: &impl Running, text: &Text) -> Result<model::Secret, String> {
    running.fill(text).map_err(|fault| fault.to_string())
}

fn authorization(running: &impl Running, basic: &BasicCredentials) -> Result<HeaderValue, String> {
    use base64::Engine as _;
    let (user, password) = (fill(running, &basic.user)?, fill(running, &basic.password)?);
    let pair = model::Secret::new(format!("{}:{}", user.expose(), password.expose()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose());
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

fn body(body: &RequestBody) -> (BoxBody<Bytes, Infallible>, Option<&'static str>) {
    match body {
        RequestBody::Empty => (Full::default().boxed(), None),
        RequestBody::Json(value) => (Full::from(value.to_string()).boxed(), Some("application/json")),
        RequestBody::Text(text) => (Full::from(text.clone()).boxed(), Some("text/plain; charset=utf-8")),
        RequestBody::Filler { bytes } => {
            let pause = Box::pin(tokio::time::sleep(EARLY_ANSWER));
            (Filler { left: *bytes, pause }.boxed(), Some("application/octet-stream"))
        }
    }
}

/// So many bytes, made as they are sent.
struct Filler {
    left: u64,
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static CHUNK: [u8; 64 * 1024] = [b' '; 64 * 1024];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK.len());
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&CHUNK[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Speaks HTTP/1.1 on a connection.
async fn converse<S>(stream: S, message: RequestMessage) -> Result<Exchange, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = TokioIo::new(Patient::new(stream));
    let broken = |error: &hyper::Error| format!("no answer: {}", chain(error));
    let handshake = hyper::client::conn::http1::Builder::new().handshake(stream);
    let (mut sender, connection) = handshake.await.map_err(|error| broken(&error))?;
    // Ends with this function, so that no rest of a large body is sent after the answer.
    let connection = AbortOnDrop(tokio::spawn(connection));
    let answer = sender.send_request(message).await.map_err(|error| broken(&error))?;
    let (head, body) = answer.into_parts();
    let (body, cut) = read(body).await;
    drop(connection);
    Ok(Exchange { status: head.status, headers: head.headers, body, cut })
}

/// Reads a body as far as it comes and is looked at.
async fn read(mut body: Incoming) -> (Vec<u8>, Option<String>) {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.data_ref().into_iter().flatten()),
            Err(error) => return (bytes, Some(format!("the answer broke off: {}", chain(&error)))),
        }
        if bytes.len() > LONGEST_BODY {
            bytes.truncate(LONGEST_BODY);
            return (bytes, Some(format!("only the first {} MiB were read", LONGEST_BODY >> 20)));
        }
    }
    (bytes, None)
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

//! WebSocket: from HTTP/1.1 by `Upgrade`, from HTTP/2 by extended CONNECT (RFC 8441); to backends always by `Upgrade`.

use crate::access_log::Record;
use crate::activity::Activity;
use crate::backend::Lease;
use crate::download::Download;
use crate::headers;
use crate::proxy::Proxy;
use crate::stream::Watched;
use base64::Engine as _;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// Bytes on their way in each direction.
const BUFFER: usize = 8 * 1024;

/// A client's wish to speak WebSocket.
pub(crate) struct Upgrade {
    client_side: OnUpgrade,
    /// The key for the backend when the client, speaking HTTP/2, has none.
    key: Option<String>,
}

impl Upgrade {
    /// The wish of a request, if it has one. To be called while the headers are still the client's.
    pub(crate) fn of(parts: &mut Parts) -> Option<Self> {
        let is_http2 = parts.method == Method::CONNECT;
        let asks = parts.method == Method::GET
            && parts.version == Version::HTTP_11
            && headers::tokens(&parts.headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
            && headers::tokens(&parts.headers, &header::UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"));
        if !asks && !is_http2 {
            return None;
        }
        let client_side = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { client_side, key: is_http2.then(random_key).flatten() })
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.key.is_some()
    }

    /// Makes the request to the backend ask for it.
    pub(crate) fn ask<B>(&self, request: &mut Request<B>) {
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Some(key) = self.key.as_ref().and_then(|key| HeaderValue::from_str(key).ok()) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
    }

    /// Tells the client that the backend agreed and joins both sides.
    pub(crate) fn accept(
        self,
        mut head: http::response::Parts,
        backend_side: OnUpgrade,
        lease: Lease,
        mut record: Record,
        proxy: &Arc<Proxy>,
        patience: Duration,
    ) -> Response<Download> {
        if self.is_http2() {
            head.status = StatusCode::OK;
            head.headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        } else {
            head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        let client_side = self.client_side;
        let ended = proxy.ended.clone();
        proxy.tasks.spawn(async move {
            let _lease = lease;
            let activity = Arc::new(Activity::new(false));
            let joined = join(client_side, backend_side, patience, &activity);
            match ended.run_until_cancelled(joined).await {
                Some(Ok(_)) => record.complete(),
                Some(Err(error)) if error.kind() == ErrorKind::TimedOut => record.note("idle"),
                Some(Err(_)) => record.note("broken-off"),
                None => record.note("edge-stopped"),
            }
            let (sent, received) = activity.traffic();
            record.sent(sent);
            record.received(received);
        });
        Response::from_parts(head, Download::upgraded())
    }
}

/// Passes bytes both ways until both sides have ended or none says anything for too long.
async fn join(
    client: OnUpgrade,
    backend: OnUpgrade,
    patience: Duration,
    activity: &Arc<Activity>,
) -> std::io::Result<(u64, u64)> {
    let (client, backend) = tokio::try_join!(client, backend).map_err(std::io::Error::other)?;
    let mut client = TokioIo::new(client);
    let mut backend = Watched::new(TokioIo::new(backend), Arc::clone(activity), ());
    let copy = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut backend, BUFFER, BUFFER);
    tokio::select! {
        result = copy => result,
        () = silence(activity, patience) => Err(ErrorKind::TimedOut.into()),
    }
}

/// Returns when no byte came for so long.
async fn silence(activity: &Activity, patience: Duration) {
    loop {
        match patience.checked_sub(activity.quiet()).filter(|left| !left.is_zero()) {
            Some(left) => tokio::time::sleep(left).await,
            None => return,
        }
    }
}

/// 16 random bytes in Base64 (RFC 6455 section 4.1).
fn random_key() -> Option<String> {
    let mut bytes = [0; 16];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes).ok()?;
    Some(base64::engine::general_purpose::STANDARD.encode(bytes))
}

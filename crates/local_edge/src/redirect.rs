//! Plain HTTP: every request is sent to the same place over HTTPS.

use crate::access_log::Record;
use crate::activity::Activity;
use crate::connection::{self, Counted};
use crate::download::Download;
use crate::problem::Problem;
use crate::proxy::{self, Proxy};
use crate::stream::Watched;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Redirects one request and closes the connection.
pub(crate) async fn serve(proxy: Arc<Proxy>, stream: TcpStream, address: SocketAddr, counted: Counted) {
    let activity = Arc::new(Activity::new(true));
    let shared = Arc::clone(&proxy);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity), counted));
    let service = service_fn(move |request| {
        let response = answer(&shared, address, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = connection::protocol(true);
    builder.http1().keep_alive(false);
    let connection = pin!(builder.serve_connection_with_upgrades(io, service));
    connection::drive(&proxy, &activity, connection).await;
}

fn answer(proxy: &Proxy, client: SocketAddr, request: &Request<Incoming>) -> Response<Download> {
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

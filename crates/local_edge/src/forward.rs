//! Passes a request on to a backend, and to another one when the first did not take it.

use crate::backend::{Backend, BackendGroup, Lease};
use crate::problem::Problem;
use crate::proxy::Client;
use crate::upgrade::Upgrade;
use crate::upload::{UploadFault, UploadSource};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Backends that are tried for one request.
const ATTEMPTS: usize = 3;

/// A request to be passed on.
pub(crate) struct Job<'a> {
    /// Headers are those that the backend gets.
    pub(crate) parts: &'a http::request::Parts,
    pub(crate) upload: &'a Arc<UploadSource>,
    pub(crate) upgrade: Option<&'a Upgrade>,
    pub(crate) group: &'a BackendGroup,
    /// Backends that the client was given before.
    pub(crate) tokens: &'a [String],
    /// How long a backend may think.
    pub(crate) patience: Duration,
}

/// What came back.
pub(crate) struct Forwarded {
    pub(crate) response: Response<Incoming>,
    pub(crate) backend: Arc<Backend>,
    pub(crate) lease: Lease,
}

/// A refusal, with the backend that caused it.
type Refusal = (Problem, Option<Arc<Backend>>);

pub(crate) async fn forward(client: &Client, job: &Job<'_>) -> Result<Forwarded, Refusal> {
    let mut tried: Vec<Arc<Backend>> = Vec::new();
    let mut repeated = false;
    let mut failure: Option<Refusal> = None;
    loop {
        let chosen = job.group.choose(|token| job.tokens.iter().any(|known| known == token), &tried);
        let Some(backend) = chosen.cloned() else { return Err(failure.unwrap_or_else(|| none_healthy(job.group))) };
        let lease = backend.lease();
        let (failed, problem) = match attempt(client, job, &backend).await {
            Ok(response) => return Ok(Forwarded { response, backend, lease }),
            Err(failed) => failed,
        };
        let refusal = (problem, Some(Arc::clone(&backend)));
        match failed {
            // Nothing was sent, so every request may be tried elsewhere while its body is whole.
            Failed::NoConnection if job.upload.is_untouched() && tried.len() + 1 < ATTEMPTS => {
                backend.pass_over();
                tried.push(backend);
                failure = Some(refusal);
            }
            Failed::NoConnection => {
                backend.pass_over();
                return Err(refusal);
            }
            // The backend closed a pooled connection just when it was used.
            Failed::Closed if is_repeatable(job) && !repeated => repeated = true,
            Failed::Closed => {
                backend.pass_over();
                return Err(refusal);
            }
            Failed::Otherwise => return Err(refusal),
        }
    }
}

/// How an attempt failed, as far as it matters for another one.
enum Failed {
    NoConnection,
    /// The connection ended before the first byte of an answer.
    Closed,
    Otherwise,
}

async fn attempt(client: &Client, job: &Job<'_>, backend: &Backend) -> Result<Response<Incoming>, (Failed, Problem)> {
    let upload = job.upload;
    let request = request(job, backend).map_err(|problem| (Failed::Otherwise, problem))?;
    let started = std::time::Instant::now();
    let mut response = pin!(client.request(request));
    let result = loop {
        let last_piece = upload.last_piece().max(started);
        tokio::select! {
            result = &mut response => break result,
            () = tokio::time::sleep_until((last_piece + job.patience).into()) => {
                if upload.last_piece() > last_piece {
                    continue;
                }
                let seconds = job.patience.as_secs_f64();
                return Err((Failed::Otherwise, if upload.awaits_client() {
                    let detail = format!("The client sent nothing of its request body for {seconds} s.");
                    Problem::new(StatusCode::REQUEST_TIMEOUT, "client-stalled", detail)
                } else {
                    let detail = format!("The backend did not answer within {seconds} s.");
                    Problem::new(StatusCode::GATEWAY_TIMEOUT, "backend-timeout", detail)
                }));
            }
        }
    };
    result.map_err(|error| match upload.fault() {
        Some(UploadFault::TooLarge) => (Failed::Otherwise, Problem::too_large(upload.limit())),
        Some(UploadFault::BrokenOff) => {
            let detail = "The request body ended before it was complete.";
            (Failed::Otherwise, Problem::new(StatusCode::BAD_REQUEST, "body-broken-off", detail))
        }
        None => backend_failure(&error),
    })
}

fn backend_failure(error: &legacy::Error) -> (Failed, Problem) {
    let bad = |note, detail| Problem::new(StatusCode::BAD_GATEWAY, note, detail);
    if error.is_connect() {
        return (Failed::NoConnection, bad("backend-refused", "The backend does not accept connections."));
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
                return (Failed::Closed, bad("backend-closed", "The backend closed the connection without an answer."));
            }
            if error.is_parse() {
                return (Failed::Otherwise, bad("backend-garbled", "The backend's answer is no HTTP/1.1."));
            }
        }
        if error.downcast_ref::<std::io::Error>().is_some() {
            return (Failed::Closed, bad("backend-closed", "The backend broke the connection without an answer."));
        }
        cause = error.source();
    }
    (Failed::Otherwise, bad("backend-failed", "The backend could not be asked."))
}

fn request(job: &Job<'_>, backend: &Backend) -> Result<Request<crate::upload::Upload>, Problem> {
    let bad = |_| Problem::new(StatusCode::BAD_REQUEST, "bad-request", "The target of the request is not valid.");
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Authority::try_from(backend.address.to_string()).ok();
    uri.path_and_query = job.parts.uri.path_and_query().cloned().or_else(|| Some(PathAndQuery::from_static("/")));
    let upload = job.upload.attempt();
    let mut request = Request::new(upload);
    *request.uri_mut() = Uri::from_parts(uri).map_err(bad)?;
    *request.version_mut() = Version::HTTP_11;
    *request.method_mut() = job.parts.method.clone();
    *request.headers_mut() = job.parts.headers.clone();
    if let Some(upgrade) = job.upgrade {
        upgrade.ask(&mut request);
    } else if !job.upload.is_empty() && job.upload.announced().is_none() {
        // hyper would leave out a body of unknown length with GET.
        request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(request)
}

/// Whether the request may reach a backend twice: it changes nothing and has no body.
fn is_repeatable(job: &Job<'_>) -> bool {
    job.upload.is_empty() && matches!(job.parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn none_healthy(group: &BackendGroup) -> Refusal {
    let interval = group.backends().iter().filter_map(|backend| backend.health.as_ref()).map(|h| h.interval_seconds);
    let problem =
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-healthy-backend", "No backend of this route is healthy.");
    (problem.retry_after(interval.min().unwrap_or(1).max(1)), None)
}

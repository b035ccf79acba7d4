//! The account over HTTP, for real clients: what each service's protocol makes of a call of the port. Signatures are not looked at,
//! but they name the service.
//!
//! A call to which the port gives no answer gets none here: the connection ends.

mod cloudformation;
mod json;
mod query;
mod rds;
mod rest;
mod xml;

use super::FakeAccount;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use stacks::account::{CallError, CallErrorKind};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An account that listens on this machine until it is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// What `AWS_ENDPOINT_URL` is set to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request as the services take it apart.
struct Asked {
    service: String,
    method: Method,
    path: Vec<String>,
    query: BTreeMap<String, String>,
    target: String,
    body: Bytes,
}

/// Status, type, body.
type Answer = Result<(u16, &'static str, String), CallError>;

impl FakeAccount {
    /// Listens on a port of this machine that is free.
    ///
    /// # Errors
    /// When none is.
    pub async fn serve(&self) -> io::Result<Endpoint> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let account = self.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let account = account.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(&account, request));
                    // A connection that ends without an answer is one of the faults.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Endpoint { address, task })
    }
}

async fn answer(account: &FakeAccount, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let header =
        |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    // Credential=AKID/20261121/us-west-2/cloudformation/aws4_request
    let authorization = header("authorization");
    let scope = authorization.split("Credential=").nth(1).and_then(|it| it.split(',').next()).unwrap_or_default();
    let service = scope.split('/').nth(3).unwrap_or("s3").to_owned();
    let target = header("x-amz-target");
    let decoded = |text: &str| decode(text, false);
    let path = request.uri().path().split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let query = form(request.uri().query().unwrap_or_default());
    let method = request.method().clone();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let asked = Asked { service, method, path, query, target, body };
    let is_json = !asked.target.is_empty();
    let answered = if is_json {
        json::answer(account, &asked).await
    } else if matches!(asked.service.as_str(), "route53" | "s3") {
        rest::answer(account, &asked).await
    } else {
        let fields = form(std::str::from_utf8(&asked.body).unwrap_or_default());
        match asked.service.as_str() {
            "cloudformation" => cloudformation::answer(account, &fields).await,
            "rds" => rds::answer(account, fields.get("Action").map(String::as_str).unwrap_or_default(), &fields).await,
            service => query::answer(account, service, &fields).await,
        }
    };
    let (status, kind, body) = match answered {
        Ok(answer) => answer,
        Err(error) if error.kind == CallErrorKind::Unanswered => return Err(io::Error::other(error.message)),
        Err(error) if is_json => {
            let body = serde_json::json!({ "__type": error.code, "message": error.message });
            (400, "application/x-amz-json-1.1", body.to_string())
        }
        Err(error) => {
            let status = if error.code.starts_with("NoSuch") { 404 } else { 400 };
            (status, "text/xml", xml::error(&asked.service, &error.code, &error.message))
        }
    };
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)
}

/// Fields of a form or a query.
fn form(text: &str) -> BTreeMap<String, String> {
    let field = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name, true), decode(value, true))
    };
    text.split('&').filter(|part| !part.is_empty()).map(field).collect()
}

fn decode(text: &str, is_form: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if is_form => b' ',
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&hex).unwrap_or_default();
                u8::from_str_radix(hex, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A list of a form: `Name.member.1` or `Name.1`.
fn members(fields: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    let found = |index: usize| {
        fields.get(&format!("{name}.member.{index}")).or_else(|| fields.get(&format!("{name}.{index}"))).cloned()
    };
    (1..).map_while(found).collect()
}

/// What no service here answers.
fn unknown(service: &str, action: &str) -> CallError {
    super::requests::refusal(
        &format!("{service}:{action}"),
        CallErrorKind::Refused,
        "InvalidAction",
        format!("{service}:{action} is not answered by the account in memory"),
    )
}

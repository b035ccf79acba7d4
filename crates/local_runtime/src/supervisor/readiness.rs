//! Waiting until a program can be used.

use crate::listeners::Listeners;
use crate::processes::Process;
use crate::supervisor::databases;
use crate::supervisor::protocol::{ProgramOrder, ReadyWhen};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits until a program is ready; `seen` is told what the last question showed.
pub(crate) async fn wait(order: &ProgramOrder, group: i32, mut seen: impl FnMut(String)) {
    if matches!(order.readiness, ReadyWhen::Running) {
        sleep(Duration::from_secs(1)).await;
        return;
    }
    let mut pause = Duration::from_millis(25);
    loop {
        match ask(order, group).await {
            Ok(()) => return,
            Err(what) => seen(what),
        }
        sleep(pause).await;
        pause = (pause * 5 / 4).min(Duration::from_millis(250));
    }
}

async fn ask(order: &ProgramOrder, group: i32) -> Result<(), String> {
    let when = &order.readiness;
    let (ReadyWhen::Port(port) | ReadyWhen::Http { port, .. }) = when else { return Ok(()) };
    let connect = timeout(PATIENCE, TcpStream::connect((Ipv4Addr::LOCALHOST, *port))).await;
    let stream = connect
        .map_err(|_| format!("port {port} does not accept a connection within {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("port {port} accepts no connection: {error}"))?;
    if let ReadyWhen::Http { port, path, statuses } = when {
        let question = format!("GET http://127.0.0.1:{port}{path}");
        let status = timeout(PATIENCE, get(stream, *port, path))
            .await
            .map_err(|_| format!("{question} is not answered within {} s", PATIENCE.as_secs()))?
            .map_err(|error| format!("{question} is not answered: {error}"))?;
        if !statuses.contains(&status) {
            let wanted: Vec<String> = statuses.iter().map(u16::to_string).collect();
            return Err(format!("{question} answers {status} instead of {}", wanted.join(" or ")));
        }
    }
    check_owner(*port, group)?;
    match &order.database {
        // It listens before it lets anybody in: first it reads what it had written before it was killed.
        Some(served) => databases::lets_in(served).await,
        None => Ok(()),
    }
}

/// The status with which a page answers.
pub(super) async fn get(stream: TcpStream, port: u16, path: &str) -> Result<u16, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = http::Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = path.parse().unwrap_or_else(|_| http::Uri::from_static("/"));
    let headers = request.headers_mut();
    if let Ok(host) = http::HeaderValue::from_str(&format!("127.0.0.1:{port}")) {
        headers.insert(http::header::HOST, host);
    }
    headers.insert(http::header::USER_AGENT, http::HeaderValue::from_static("landfall-readiness"));
    headers.insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
    let answer = sender.send_request(request).await;
    connection.abort();
    Ok(answer?.status().as_u16())
}

/// An answer proves something only when it comes from the program itself: somebody else may have
/// taken its port while it was down.
fn check_owner(port: u16, group: i32) -> Result<(), String> {
    let owners = Listeners::now().owners(port);
    let session = Process::find(group).map(|leader| leader.session);
    let is_ours = |pid: &i32| {
        Process::find(*pid).is_some_and(|process| process.group == group || Some(process.session) == session)
    };
    match owners.iter().find(|pid| !is_ours(pid)) {
        Some(stranger) if !owners.iter().any(is_ours) => Err(format!(
            "port {port} is answered by process {stranger} ({}), not by this program",
            Process::command(*stranger)
        )),
        _ => Ok(()),
    }
}

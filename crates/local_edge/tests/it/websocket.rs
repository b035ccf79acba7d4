//! Web sockets from both protocols.

use crate::support::{Backend, Fixture, HOST, LOCAL, eventually, route, spec};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A server that sends every message back.
async fn echo_server() -> SocketAddr {
    let socket = TcpListener::bind(LOCAL).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if !message.is_close() && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn fixture(idle_ms: u64) -> (Backend, Fixture) {
    let backend = Backend::start("1").await;
    let mut spec = spec();
    spec.limits.idle_timeout_ms = idle_ms;
    spec.routes = vec![route("/", &["app"]), route("/socket", &["socket"])];
    let fixture = Fixture::start(spec, &[("app", backend.address), ("socket", echo_server().await)]).await;
    (backend, fixture)
}

async fn talk<S>(socket: &mut WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    for text in ["hello".to_owned(), "x".repeat(300_000)] {
        socket.send(Message::text(text.clone())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap().as_str(), text);
    }
}

#[tokio::test]
async fn over_http1() {
    let (_backend, fixture) = fixture(10_000).await;
    let stream = fixture.raw(&["http/1.1"]).await;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("wss://{HOST}/socket"), stream).await.unwrap();
    talk(&mut socket).await;
    assert_eq!(fixture.edge.status().connections, 1);
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    drop(socket);
    let line = fixture.log(1).await.remove(0);
    assert!(line.contains("\"GET /socket HTTP/1.1\" 101 in=300") && line.ends_with("to=socket"), "{line}");
    eventually("the connection is gone", || fixture.edge.status().connections == 0).await;
}

#[tokio::test]
async fn over_http2() {
    let (_backend, fixture) = fixture(10_000).await;
    let io = TokioIo::new(fixture.raw(&["h2"]).await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, String>(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    // The server's settings, which allow extended CONNECT, come with the first answer at the latest.
    let request = http::Request::get(format!("https://{HOST}/name")).body(String::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    let mut request = http::Request::connect(format!("https://{HOST}/socket"))
        .header("sec-websocket-version", "13")
        .extension(hyper::ext::Protocol::from_static("websocket"))
        .body(String::new())
        .unwrap();
    *request.version_mut() = http::Version::HTTP_2;
    let mut response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let upgraded = hyper::upgrade::on(&mut response).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await;
    talk(&mut socket).await;
    // Another request on the same connection.
    let request = http::Request::get(format!("https://{HOST}/name")).body(String::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_backend_that_refuses_is_heard() {
    let (_backend, fixture) = fixture(10_000).await;
    let stream = fixture.raw(&["http/1.1"]).await;
    let error = tokio_tungstenite::client_async(format!("wss://{HOST}/name"), stream).await.unwrap_err();
    assert!(error.to_string().contains("200"), "{error}");
}

#[tokio::test]
async fn a_silent_socket_ends_after_the_idle_time_and_a_busy_one_does_not() {
    let (_backend, fixture) = fixture(700).await;
    let stream = fixture.raw(&["http/1.1"]).await;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("wss://{HOST}/socket"), stream).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        talk(&mut socket).await;
    }
    let begun = Instant::now();
    assert!(!matches!(socket.next().await, Some(Ok(_))));
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(500) && took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn draining_ends_open_sockets_at_the_end_of_the_grace() {
    let (_backend, fixture) = fixture(10_000).await;
    let stream = fixture.raw(&["http/1.1"]).await;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("wss://{HOST}/socket"), stream).await.unwrap();
    talk(&mut socket).await;
    let begun = Instant::now();
    assert!(!fixture.edge.drain(Duration::from_millis(400)).await);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(!matches!(socket.next().await, Some(Ok(_))));
    assert!(std::fs::read_to_string(fixture.log_path()).unwrap().ends_with("edge-stopped\n"));
}

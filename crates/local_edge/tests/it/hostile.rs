//! Requests that are made to be read in two ways.

use crate::support::{Backend, Fixture, HOST, spec};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let h = format!("Host: {HOST}");
    for request in [
        format!("POST / HTTP/1.1\r\n{h}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        format!("POST / HTTP/1.1\r\n{h}\r\nContent-Length: 1, 2\r\n\r\nab"),
        format!("POST / HTTP/1.1\r\n{h}\r\nContent-Length: +1\r\n\r\na"),
        format!("POST / HTTP/1.1\r\n{h}\r\nContent-Length: -1\r\n\r\na"),
        format!("POST / HTTP/1.1\r\n{h}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.0\r\n{h}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{h}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}\r\nX-A: 1\r\n folded: 2\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}\r\nX-A: a\0b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}\r\n{h}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{h}\r\nHost: evil.test\r\n\r\n"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: user@{HOST}\r\n\r\n"),
        format!("GET http://evil.test/ HTTP/1.1\r\n{h}\r\n\r\n"),
        format!("GET * HTTP/1.1\r\n{h}\r\n\r\n"),
        format!("GET /a b HTTP/1.1\r\n{h}\r\n\r\n"),
        format!("CONNECT {HOST}:443 HTTP/1.1\r\n{h}:443\r\n\r\n"),
        format!("TRACE / HTTP/1.1\r\n{h}\r\n\r\n"),
        "\x16\x03\x01\r\n\r\n".to_owned(),
    ] {
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let answer = fixture.exchange(&request).await.unwrap_or_else(|| panic!("no end: {request}"));
        let status = answer.get(9..12).unwrap_or_default();
        assert!(["400", "405", "501"].contains(&status), "{request}\n{answer}");
    }
    assert_eq!(backend.requests(), 0);
}

/// Read as chunked, passed on as chunked alone, and nothing after it is believed.
#[tokio::test]
async fn both_kinds_of_length_cannot_smuggle_a_request() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nContent-Length: 500",
    ] {
        let request = format!("POST /front HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n\r\n0\r\n\r\n{smuggled}");
        let answer = fixture.exchange(&request).await.expect("the edge closes");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    let lines = backend.seen.lines.lock().unwrap().clone();
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert!(line.starts_with("POST /front") && !line.contains("content-length"), "{line}");
    }
}

#[tokio::test]
async fn other_upgrades_than_websocket_do_not_pass() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    );
    let answer = fixture.exchange(&request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    assert!(!body.contains("upgrade") && !body.contains("http2-settings"), "{body}");
}

#[tokio::test]
async fn garbage_instead_of_tls_harms_nobody() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b"\x16\x03\x01\xff\xff"] {
        let mut stream = tokio::net::TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!(fixture.http2().get(fixture.url("/name")).send().await.unwrap().status(), 200);
    assert_eq!(backend.seen.requests.load(Ordering::SeqCst), 1);
}

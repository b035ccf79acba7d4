//! Sizes and times.

use crate::support::{Backend, Fixture, HOST, LOCAL, eventually, spec};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const MIB: usize = 1 << 20;

fn pieces(count: usize) -> reqwest::Body {
    let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 * 1024]));
    reqwest::Body::wrap_stream(futures_util::stream::iter(0..count).map(move |_| piece()))
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_the_backend_sees_it() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for client in [fixture.http1(), fixture.http2()] {
        let answer = client.post(fixture.url("/sink")).body(vec![b'x'; MIB]).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "1048576"));
        let before = backend.requests();
        let answer = client.post(fixture.url("/sink")).body(vec![b'x'; MIB + 1]).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], 413);
        assert_eq!(problem["detail"], "The request body is larger than 1048576 bytes, the limit of this edge.");
        assert_eq!(backend.requests(), before);
    }
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_refused_in_mid_stream() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for client in [fixture.http1(), fixture.http2()] {
        let answer = client.post(fixture.url("/sink")).body(pieces(64)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "1048576"));
        let answer = client.post(fixture.url("/sink")).body(pieces(300)).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        assert!(answer.text().await.unwrap().contains("1048576 bytes"));
    }
}

/// Clients that send all of a body before they read see the refusal too: it is not lost to a reset.
#[tokio::test]
async fn a_client_that_writes_first_and_reads_later_gets_the_refusal() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let mut stream = fixture.raw(&["http/1.1"]).await;
    let length = 20 * MIB;
    let head = format!("POST /sink HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..length / (64 * 1024) {
        stream.write_all(&[b'x'; 64 * 1024]).await.unwrap();
    }
    stream.flush().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("connection: close"), "{text}");
}

/// The same over HTTP/2: the stream is not reset while the client is still sending.
#[tokio::test]
async fn an_http2_stream_lingers_after_a_refusal() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let io = hyper_util::rt::TokioIo::new(fixture.raw(&["h2"]).await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let (pieces, body) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body = futures_util::stream::unfold(body, |mut body| async {
        Some((Ok::<_, std::io::Error>(hyper::body::Frame::data(body.recv().await?)), body))
    });
    let request = http::Request::post(format!("https://{HOST}/sink"))
        .header("content-length", 3 * MIB)
        .body(http_body_util::StreamBody::new(Box::pin(body)))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 413);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        pieces.send(Bytes::from(vec![b'x'; MIB])).await.expect("the stream is still open");
    }
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn a_refused_body_is_not_asked_for_with_100_continue() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let head = |length| {
        format!(
            "POST /sink HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let text = fixture.exchange(&head(MIB + 1)).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    let mut stream = fixture.raw(&["http/1.1"]).await;
    stream.write_all(head(3).as_bytes()).await.unwrap();
    let mut space = [0; 64];
    let count = stream.read(&mut space).await.unwrap();
    assert_eq!(&space[..count], b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with('3'), "{text}");
}

#[tokio::test]
async fn a_slow_handshake_and_a_slow_header_are_cut_off() {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    spec.limits.header_timeout_ms = 400;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;

    let begun = Instant::now();
    let mut silent = TcpStream::connect(fixture.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());

    // One byte after the other never completes a header, at the start as little as after a good request.
    for first in ["", "GET /name HTTP/1.1\r\nHost: app.localhost\r\n\r\n"] {
        let mut stream = fixture.raw(&["http/1.1"]).await;
        stream.write_all(first.as_bytes()).await.unwrap();
        if !first.is_empty() {
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let begun = Instant::now();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let writing = tokio::spawn(async move {
            for byte in "GET / HTTP/1.1\r\nHost: app.localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".bytes() {
                if writer.write_all(&[byte]).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(3), reader.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "still open");
        let took = begun.elapsed();
        assert!(took > Duration::from_millis(350) && took < Duration::from_secs(2), "{took:?}");
        writing.abort();
    }
}

#[tokio::test]
async fn an_http2_connection_without_a_request_is_cut_off() {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    spec.limits.header_timeout_ms = 400;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    let mut stream = fixture.raw(&["h2"]).await;
    // The preface, empty settings and the beginning of a HEADERS frame that never ends.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\xff\x01\0\0\0\0\x01ab").await.unwrap();
    let begun = Instant::now();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_time_and_ends_after_the_idle_time() {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    (spec.limits.header_timeout_ms, spec.limits.idle_timeout_ms) = (300, 1200);
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    let request = format!("GET /name HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut stream = fixture.raw(&["http/1.1"]).await;
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    let begun = Instant::now();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert!(begun.elapsed() < Duration::from_secs(2));
    eventually("no connection", || fixture.edge.status().connections == 0).await;
}

#[tokio::test]
async fn a_backend_that_thinks_too_long_is_504_and_one_that_is_gone_502() {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    spec.limits.idle_timeout_ms = 400;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    for client in [fixture.http1(), fixture.http2()] {
        let begun = Instant::now();
        let answer = client.get(fixture.url("/sleep?60000")).send().await.unwrap();
        assert_eq!(answer.status(), 504);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert!(answer.text().await.unwrap().contains("within 0.4 s"));
    }
    backend.stop().await;
    let answer = fixture.http1().post(fixture.url("/name")).body("x").send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let lines = fixture.log(3).await;
    assert!(lines[0].ends_with(" to=app backend-timeout"), "{}", lines[0]);
    assert!(lines[2].ends_with(" to=app backend-refused"), "{}", lines[2]);
}

#[tokio::test]
async fn a_backend_that_stops_in_the_middle_breaks_the_answer_off() {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    spec.limits.idle_timeout_ms = 400;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    for path in ["/half", "/break"] {
        for client in [fixture.http1(), fixture.http2()] {
            let answer = client.get(fixture.url(path)).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.bytes().await.is_err(), "{path}");
        }
    }
    let lines = fixture.log(4).await;
    assert!(lines[0].ends_with("backend-stalled") && lines[3].ends_with("broken-off-by-backend"), "{lines:?}");
}

#[tokio::test]
async fn a_client_that_stops_in_its_body_gets_408() {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    spec.limits.idle_timeout_ms = 400;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    let head = format!("POST /sink HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nabc");
    let text = fixture.exchange(&head).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

/// A backend may refuse a body that it has not read and close: its answer counts, not the broken connection.
#[tokio::test]
async fn an_early_answer_of_the_backend_arrives() {
    let socket = TcpListener::bind(LOCAL).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            stream
                .write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
                .await
                .unwrap();
        }
    });
    let fixture = Fixture::start(spec(), &[("app", address)]).await;
    for round in 0..20 {
        let client = if round % 2 == 0 { fixture.http1() } else { fixture.http2() };
        let answer = client.post(fixture.url("/")).body(vec![b'x'; 1000 * 1000]).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{round}");
    }
}

#[tokio::test]
async fn garbled_answers_are_502() {
    let socket = TcpListener::bind(LOCAL).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in ["SSH-2.0-OpenSSH\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"]
        {
            let (mut stream, _) = socket.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let fixture = Fixture::start(spec(), &[("app", address)]).await;
    for _ in 0..3 {
        let answer = fixture.http2().post(fixture.url("/")).body("x").send().await.unwrap();
        assert_eq!(answer.status(), 502);
    }
}

#[tokio::test]
async fn a_header_over_the_limit_is_431() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let long = "a".repeat(40_000);
    let text = fixture.exchange(&format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Long: {long}\r\n\r\n")).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let text = fixture.exchange(&format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{many}\r\n")).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    let answer = fixture.http2().get(fixture.url("/")).header("x-long", long).send().await;
    assert!(answer.is_err() || answer.unwrap().status() == 431);
    assert_eq!(backend.requests(), 0);
    let fine = fixture.http2().get(fixture.url("/")).header("x-long", "a".repeat(8_000)).send().await.unwrap();
    assert_eq!(fine.status(), 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start_with(spec(), &[("app", backend.address)], |c| c.maximum_connections = 2).await;
    let (first, second) = (fixture.raw(&["http/1.1"]).await, fixture.raw(&["http/1.1"]).await);
    let request = fixture.http1().get(fixture.url("/name"));
    let third = tokio::spawn(async move { request.send().await.unwrap().status().as_u16() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!third.is_finished());
    assert_eq!(fixture.edge.status().connections, 2);
    drop(first);
    assert_eq!(third.await.unwrap(), 200);
    drop(second);
}

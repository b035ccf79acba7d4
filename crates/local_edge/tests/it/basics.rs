//! Requests, headers, routes, redirect, log.

use crate::support::{Backend, Fixture, HOST, route, spec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn both_protocols_reach_the_backend() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for (client, version) in [(fixture.http1(), http::Version::HTTP_11), (fixture.http2(), http::Version::HTTP_2)] {
        let answer = client.post(fixture.url("/echo")).body("hello").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        assert_eq!(answer.text().await.unwrap(), "hello");
    }
    assert_eq!(backend.requests(), 2);
}

#[tokio::test]
async fn the_backend_sees_who_asked_and_nothing_forged() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for client in [fixture.http1(), fixture.http2()] {
        let text = client
            .get(fixture.url("/show?token=1"))
            .header("x-forwarded-for", "6.6.6.6")
            .header("x_forwarded_for", "6.6.6.6")
            .header("forwarded", "for=6.6.6.6")
            .header("x-real-ip", "6.6.6.6")
            .header("authorization", "Basic abc")
            .header("cookie", "a=1")
            .header("te", "trailers")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let port = fixture.address.port();
        for line in [
            "GET /show?token=1".to_owned(),
            format!("host: {HOST}:{port}"),
            "x-forwarded-for: 127.0.0.1".to_owned(),
            "x-forwarded-proto: https".to_owned(),
            format!("x-forwarded-host: {HOST}:{port}"),
            format!("x-forwarded-port: {port}"),
            "authorization: Basic abc".to_owned(),
            "cookie: a=1".to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        for absent in ["6.6.6.6", "te:", "connection:", "transfer-encoding:"] {
            assert!(!text.contains(absent), "{absent} in\n{text}");
        }
    }
}

#[tokio::test]
async fn headers_of_one_connection_stay_on_it() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let answer = fixture.http1().get(fixture.url("/hops")).send().await.unwrap();
    assert!(answer.headers().get("x-end").is_some());
    for name in ["x-hop", "keep-alive", "connection"] {
        assert!(answer.headers().get(name).is_none(), "{name}");
    }
    let text = fixture
        .exchange(&format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close, X-Drop, Authorization\r\nX-Drop: 1\r\nAuthorization: a\r\n\r\n"
        ))
        .await
        .unwrap();
    assert!(!text.contains("x-drop"), "{text}");
    assert!(text.contains("authorization: a"), "{text}");
}

#[tokio::test]
async fn the_longest_prefix_wins_and_unknown_paths_are_404() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let mut spec = spec();
    spec.routes = vec![route("/app", &["one"]), route("/app/deep", &["two"])];
    let fixture = Fixture::start(spec, &[("one", one.address), ("two", two.address)]).await;
    let client = fixture.http2();
    for (path, status) in [("/app", 200), ("/app/deeper", 200), ("/app/deep/x", 200), ("/apple", 404), ("/", 404)] {
        assert_eq!(client.get(fixture.url(path)).send().await.unwrap().status(), status, "{path}");
    }
    assert_eq!((one.requests(), two.requests()), (2, 1));
}

#[tokio::test]
async fn only_its_own_names_are_answered_for() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for (host, status) in [
        (HOST, "200"),
        ("APP.localhost.:99", "200"),
        ("other.localhost", "200"),
        ("evil.test", "421"),
        ("127.0.0.1", "421"),
    ] {
        let answer =
            fixture.exchange(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
    assert_eq!(backend.requests(), 3);
}

#[tokio::test]
async fn plain_http_is_redirected_and_keeps_path_and_query() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let redirect = fixture.edge.status().listeners[1].address;
    let ask = |request: String| async move {
        let mut stream = tokio::net::TcpStream::connect(redirect).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let port = fixture.address.port();
    let text = ask(format!("POST /a/b?c=%20d HTTP/1.1\r\nHost: {HOST}:80\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(text.starts_with("HTTP/1.1 308 "), "{text}");
    assert!(text.contains(&format!("location: https://{HOST}:{port}/a/b?c=%20d\r\n")), "{text}");
    let text = ask("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n".to_owned()).await;
    assert!(text.starts_with("HTTP/1.1 421 "), "{text}");
    let text = ask(format!("GET http://{HOST}/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(text.contains(&format!("location: https://{HOST}:{port}/x\r\n")), "{text}");
    let text = ask("GET / HTTP/1.0\r\n\r\n".to_owned()).await;
    assert!(text.starts_with("HTTP/1.0 400 "), "{text}");
    // Also where only HTTPS is spoken.
    let mut stream = tokio::net::TcpStream::connect(fixture.address).await.unwrap();
    stream.write_all(format!("GET /x HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains(&format!("location: https://{HOST}:{port}/x\r\n")), "{text}");
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn each_request_is_one_line_without_query_or_credentials() {
    let backend = Backend::start("one").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let client = fixture.http2();
    let url = fixture.url("/echo?token=geheim");
    client.post(url).basic_auth("alice", Some("geheim")).body("hello").send().await.unwrap().bytes().await.unwrap();
    client.get(fixture.url("/nowhere\"quote")).send().await.unwrap().bytes().await.unwrap();
    let lines = fixture.log(2).await;
    assert!(lines[0].contains("Z 127.0.0.1 \"POST /echo?... HTTP/2.0\" 200 in=5 out=5 ms="), "{}", lines[0]);
    assert!(lines[0].ends_with(" to=app"), "{}", lines[0]);
    assert!(lines[1].contains("\"GET /nowhere%22quote HTTP/2.0\" 200"), "{}", lines[1]);
    assert!(!lines.concat().contains("geheim"));
}

#[tokio::test]
async fn clients_outside_the_allowed_blocks_are_refused() {
    let backend = Backend::start("one").await;
    for (block, status) in [("10.0.0.0/8", 403), ("127.0.0.0/8", 200), ("127.0.0.1", 200)] {
        let mut spec = spec();
        spec.allow = vec![block.to_owned()];
        let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
        assert_eq!(fixture.http1().get(fixture.url("/name")).send().await.unwrap().status(), status, "{block}");
    }
}

//! Requests and answers.

use crate::deployment::{
    Authority, DOMAIN, Deployment, Server, credentials, edge, get, http, line, port, respond, status,
};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, http::request::Parts};
use model::probe::{Endpoint, HttpExpectation, RequestBody, Scheme};
use model::text::SecretPart;
use model::{Atom, NodeId, PortId, Text};
use serde_json::json;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn application(head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    match (head.method.as_str(), head.uri.path()) {
        ("GET", "/info") => respond(200, r#"{"name":"app","features":{"auth":{"required":true}},"n":2.0}"#),
        ("GET", "/host") => respond(200, head.headers["host"].as_bytes().to_vec()),
        ("GET", "/moved") => {
            let mut answer = respond(301, "");
            answer.headers_mut().insert("location", "https://app.example.test/".parse().unwrap());
            answer
        }
        ("GET", "/leak") => respond(500, format!("{:?}", head.headers.get("authorization"))),
        ("POST", "/double") => {
            let numbers: Vec<f64> = serde_json::from_slice(body).unwrap_or_default();
            respond(200, serde_json::to_vec(&numbers.iter().map(|n| n * 2.0).collect::<Vec<_>>()).unwrap())
        }
        ("POST", "/length") => respond(200, body.len().to_string()),
        _ => respond(404, "<html>\n  <b>not here</b>\n</html>"),
    }
}

async fn deployment() -> (Server, Server, Deployment) {
    let authority = Authority::new();
    let secure = Server::tls(authority.server(DOMAIN, 100), application).await;
    let plain = Server::plain(application).await;
    let deployment = Deployment::new(&[("https", secure.port), ("http", plain.port)]).trusting(&authority);
    (secure, plain, deployment)
}

#[tokio::test]
async fn the_right_answer_passes_on_both_ways() {
    let (_secure, _plain, deployment) = deployment().await;
    let expect = HttpExpectation {
        statuses: vec![200, 401],
        json: [("/features/auth/required".into(), json!(true)), ("/n".into(), json!(2))].into_iter().collect(),
        json_absent: vec!["/features/oauth".into()],
        contains: vec!["\"app\"".into()],
        ..HttpExpectation::default()
    };
    for to in [edge(), port()] {
        let verdict = deployment.ask(http(get(to, "/info"), expect.clone())).await;
        assert_eq!(line(&verdict), "passed: status 200");
    }
    let mut request = get(edge(), "/double");
    request.method = "POST".into();
    request.body = RequestBody::Json(json!([1, 2]));
    let expect = HttpExpectation { json: [(String::new(), json!([2, 4]))].into_iter().collect(), ..status(200) };
    assert_eq!(line(&deployment.ask(http(request, expect)).await), "passed: status 200");
}

#[tokio::test]
async fn a_wrong_answer_says_what_is_wrong() {
    let (_secure, _plain, deployment) = deployment().await;
    let ask = |path: &str, expect| {
        let question = http(get(edge(), path), expect);
        async { line(&deployment.ask(question).await) }
    };
    insta::assert_snapshot!(ask("/nosuch", status(200)).await, @"failed: expected status 200; seen status 404; body: <html> <b>not here</b> </html>; help: look at it");
    let expect = HttpExpectation {
        json: [("/name".into(), json!("other")), ("/missing".into(), json!(1))].into_iter().collect(),
        json_absent: vec!["/n".into()],
        contains: vec!["flag".into()],
        ..status(200)
    };
    insta::assert_snapshot!(ask("/info", expect).await, @r#"failed: expected status 200, JSON at /name equal to "other", JSON at /missing equal to 1, no JSON at /n, a body containing "flag"; seen status 200; JSON at /name: "app"; no JSON at /missing; JSON at /n: 2.0; a body without "flag"; body: {"name":"app","features":{"auth":{"required":true}},"n":2.0}; help: look at it"#);
    let expect = HttpExpectation { json: [(String::new(), json!(1))].into_iter().collect(), ..status(404) };
    insta::assert_snapshot!(ask("/nosuch", expect).await, @"failed: expected status 404, JSON document equal to 1; seen status 404; a body that is no JSON; body: <html> <b>not here</b> </html>; help: look at it");
    let header = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into_iter().collect();
    let expect = HttpExpectation { headers: header("location", "~https://other"), ..status(301) };
    insta::assert_snapshot!(ask("/moved", expect).await, @r#"failed: expected status 301, header location containing "https://other"; seen status 301; header location: https://app.example.test/; help: look at it"#);
    let expect = HttpExpectation { headers: header("x-frame-options", "DENY"), ..status(301) };
    insta::assert_snapshot!(ask("/moved", expect).await, @r#"failed: expected status 301, header x-frame-options equal to "DENY"; seen status 301; no header x-frame-options; help: look at it"#);
}

#[tokio::test]
async fn redirects_are_looked_at_and_not_followed() {
    let (_secure, _plain, deployment) = deployment().await;
    let headers = [("location".to_owned(), "~https://app.example.test".to_owned())].into_iter().collect();
    let verdict = deployment.ask(http(get(edge(), "/moved"), HttpExpectation { headers, ..status(301) })).await;
    assert_eq!(line(&verdict), "passed: status 301");
}

#[tokio::test]
async fn the_public_name_is_asked_for() {
    let (secure, plain, deployment) = deployment().await;
    let contains = |text: String| HttpExpectation { contains: vec![text], ..status(200) };
    let verdict = deployment.ask(http(get(edge(), "/host"), contains(format!("{DOMAIN}:{}", secure.port)))).await;
    assert_eq!(line(&verdict), "passed: status 200");
    let to = Endpoint::Edge {
        edge: NodeId::new("web/edge"),
        domain: DOMAIN.into(),
        scheme: Scheme::Http,
        port: PortId::new("http"),
    };
    let verdict = deployment.ask(http(get(to, "/host"), contains(format!("{DOMAIN}:{}", plain.port)))).await;
    assert_eq!(line(&verdict), "passed: status 200");
}

/// Secrets that a server sends back are never shown, in whatever form, whole or cut.
#[tokio::test]
async fn no_secret_is_shown() {
    let canary = "c4nary-\"quoted\"-and-rather-long-so-that-an-excerpt-may-cut-it";
    let echo = |head: &Parts, _: &[u8]| {
        let filler = "x".repeat(120);
        let token = head.headers.get("x-token").map(|value| value.to_str().unwrap_or_default()).unwrap_or_default();
        let basic = head.headers.get("authorization").map(|value| value.to_str().unwrap_or_default());
        let mut answer = respond(500, format!("{token} {basic:?} {token:?} {filler} {token}"));
        answer.headers_mut().insert("x-echo", head.headers["x-token"].clone());
        answer
    };
    let server = Server::plain(echo).await;
    let mut deployment = Deployment::new(&[("http", server.port)]);
    deployment.secrets.insert(NodeId::new("app/password"), canary.into());
    let mut request = get(port(), "/");
    request.basic = Some(credentials("app/password"));
    let token = Text::hole(Atom::Secret(NodeId::new("app/password"), SecretPart::Value));
    request.headers.insert("x-token".into(), token);
    let headers = [("x-echo".to_owned(), "something".to_owned())].into_iter().collect();
    let verdict = line(&deployment.ask(http(request, HttpExpectation { headers, ..status(200) })).await);
    assert!(!verdict.contains("c4nary"), "{verdict}");
    assert!(!verdict.contains("YWxpY2U6YzR"), "{verdict}");
    assert!(verdict.contains("[redacted]"), "{verdict}");
}

#[tokio::test]
async fn a_large_body_is_refused_early_and_the_refusal_is_heard() {
    // Reads the header only, answers and closes with the body unread: the kernel then resets.
    let server = Server::raw("127.0.0.1:0", |mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let length = "content-length: 104857601";
        let status = if String::from_utf8_lossy(&head).contains(length) { "413 Content Too Large" } else { "400 Bad" };
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nlarge");
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    // Reads a part of the body, then answers and closes: the writer fails in the middle.
    let late = Server::raw("127.0.0.1:0", |mut stream| async move {
        let mut buffer = vec![0; 300_000];
        stream.read_exact(&mut buffer).await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    // The same under TLS, closed without a word of TLS.
    let authority = Authority::new();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(authority.server(DOMAIN, 100)));
    let secure = Server::raw("127.0.0.1:0", move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut buffer = vec![0; 300_000];
            stream.read_exact(&mut buffer).await.unwrap();
            stream.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            stream.flush().await.unwrap();
        }
    })
    .await;
    let ports = [("http", server.port), ("late", late.port), ("https", secure.port)];
    let deployment = Deployment::new(&ports).trusting(&authority);
    let plain = |name: &str| Endpoint::Port { port: PortId::new(name) };
    for (name, to) in [("http", plain("http")), ("late", plain("late")), ("https", edge())] {
        for _ in 0..10 {
            let mut request = get(to.clone(), "/");
            request.method = "POST".into();
            request.body = RequestBody::Filler { bytes: 100 * 1024 * 1024 + 1 };
            let begun = Instant::now();
            assert_eq!(line(&deployment.ask(http(request, status(413))).await), "passed: status 413", "{name}");
            assert!(begun.elapsed().as_secs() < 3);
        }
    }
}

#[tokio::test]
async fn a_large_body_that_is_taken_arrives_whole() {
    let (_secure, _plain, deployment) = deployment().await;
    for to in [edge(), port()] {
        let mut request = get(to, "/length");
        request.method = "POST".into();
        request.body = RequestBody::Filler { bytes: 3_000_001 };
        let expect = HttpExpectation { contains: vec!["3000001".into()], ..status(200) };
        assert_eq!(line(&deployment.ask(http(request, expect)).await), "passed: status 200");
    }
}

#[tokio::test]
async fn no_answer_is_told_apart() {
    let silent = Server::raw("127.0.0.1:0", |_stream| std::future::pending()).await;
    // Each reads the request first: closing with unread data would be a reset, which may win any race.
    let closing = Server::raw("127.0.0.1:0", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let foreign = Server::raw("127.0.0.1:0", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let stopping = Server::raw("127.0.0.1:0", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ports = [("silent", silent.port), ("closing", closing.port), ("foreign", foreign.port)];
    let mut deployment = Deployment::new(&ports);
    deployment.ports.extend([(PortId::new("stopping"), stopping.port), (PortId::new("free"), free)]);
    let mut told = String::new();
    for name in ["silent", "closing", "foreign", "stopping", "free", "unknown"] {
        let mut request = get(Endpoint::Port { port: PortId::new(name) }, "/");
        request.timeout_seconds = 1;
        let expect = HttpExpectation { contains: vec!["whole".into()], ..status(200) };
        told.push_str(&format!("{name} {}\n", line(&deployment.ask(http(request, expect)).await)));
    }
    let told = told.replace(&format!(":{free}"), ":[port]");
    insta::assert_snapshot!(told, @r#"
    silent failed: expected status 200, a body containing "whole"; seen no answer: connection closed before message completed; help: look at it
    closing failed: expected status 200, a body containing "whole"; seen no answer: connection closed before message completed; help: look at it
    foreign failed: expected status 200, a body containing "whole"; seen no answer: invalid HTTP version parsed; help: look at it
    stopping failed: expected status 200, a body containing "whole"; seen status 200; a body without "whole"; the answer broke off: error reading a body from connection: end of file before message length reached; body: half; help: look at it
    free failed: expected status 200, a body containing "whole"; seen nothing listens on 127.0.0.1:[port]; help: look at it
    unknown failed: expected status 200, a body containing "whole"; seen looking up a port: unknown has no number; help: look at it
    "#);
}

#[tokio::test]
async fn a_probe_that_cannot_be_sent_says_why() {
    let deployment = Deployment::new(&[("http", 1)]);
    let mut told = String::new();
    for (method, path, header) in [("GE T", "/", "x-a"), ("GET", "no path", "x-a"), ("GET", "/", "x a")] {
        let mut request = get(port(), path);
        request.method = method.into();
        request.headers.insert(header.into(), Text::literal("value"));
        told.push_str(&line(&deployment.ask(http(request, status(200))).await));
        told.push('\n');
    }
    let mut request = get(port(), "/");
    request.basic = Some(credentials("app/no-such-secret"));
    told.push_str(&line(&deployment.ask(http(request, status(200))).await));
    insta::assert_snapshot!(told, @r"
    failed: expected status 200; seen the probe cannot be sent: `GE T` is no method; help: look at it
    failed: expected status 200; seen the probe cannot be sent: `no path` is no path; help: look at it
    failed: expected status 200; seen the probe cannot be sent: `x a` is no header; help: look at it
    failed: expected status 200; seen filling a text: app/no-such-secret is not known; help: look at it
    ");
}

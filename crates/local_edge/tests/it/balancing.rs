//! Several backends: turns, health, stickiness, retries.

use crate::support::{Backend, Fixture, LOCAL, eventually, route, spec};
use local_edge::BackendHealthState;
use model::process_graph::{BackendHealth, EdgeSpec};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn pair(sticky: bool, health: bool) -> EdgeSpec {
    let mut spec = spec();
    let mut route = route("/", &["one", "two"]);
    route.sticky = sticky;
    route.health =
        health.then(|| BackendHealth { path: "/health".to_owned(), statuses: vec![401], interval_seconds: 1 });
    spec.routes = vec![route];
    spec
}

async fn names(fixture: &Fixture, count: usize) -> String {
    let mut names = String::new();
    let client = fixture.http2();
    for _ in 0..count {
        let answer = client.get(fixture.url("/name")).send().await.unwrap();
        names.push_str(&answer.text().await.unwrap()[..1]);
    }
    names
}

#[tokio::test]
async fn requests_take_turns_and_a_dead_backend_is_not_noticed_by_clients() {
    let (one, two) = (Backend::start("1").await, Backend::start("2").await);
    let fixture = Fixture::start(pair(false, false), &[("one", one.address), ("two", two.address)]).await;
    assert_eq!(names(&fixture, 4).await, "1212");
    two.stop().await;
    assert_eq!(names(&fixture, 6).await, "111111");
    // Also requests that change something: nothing of them was sent.
    for _ in 0..4 {
        let answer = fixture.http1().post(fixture.url("/echo")).body("x").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "x");
    }
}

#[tokio::test]
async fn sick_backends_get_no_requests_until_they_are_well() {
    let (one, two) = (Backend::start("1").await, Backend::start("2").await);
    let fixture = Fixture::start(pair(false, true), &[("one", one.address), ("two", two.address)]).await;
    let states = || fixture.edge.status().backends.into_iter().map(|b| b.health).collect::<Vec<_>>();
    eventually("both well", || states() == [BackendHealthState::Healthy, BackendHealthState::Healthy]).await;
    assert!(one.seen.lines.lock().unwrap()[0].contains("\nhost: app.localhost\n"));
    one.seen.sick.store(true, Ordering::SeqCst);
    let reason = "GET /health was answered with 500".to_owned();
    eventually("one sick", || states()[0] == BackendHealthState::Unhealthy { reason: reason.clone() }).await;
    assert_eq!(names(&fixture, 3).await, "222");
    let address = two.stop().await;
    eventually("two gone", || matches!(states()[1], BackendHealthState::Unhealthy { .. })).await;
    let answer = fixture.http1().get(fixture.url("/name")).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    let _two = Backend::start_at("2", address).await;
    eventually("two is back", || states()[1] == BackendHealthState::Healthy).await;
    assert_eq!(names(&fixture, 2).await, "22");
}

#[tokio::test]
async fn a_client_stays_with_its_backend_and_survives_its_death() {
    let (one, two) = (Backend::start("1").await, Backend::start("2").await);
    let fixture = Fixture::start(pair(true, false), &[("one", one.address), ("two", two.address)]).await;
    let client = fixture.http2();
    let ask = |cookie: Option<String>| {
        let mut request = client.get(fixture.url("/name"));
        if let Some(cookie) = cookie {
            request = request.header("cookie", format!("other=1; {cookie}"));
        }
        async move {
            let answer = request.send().await.unwrap();
            let set = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
            (answer.text().await.unwrap(), set)
        }
    };
    let (name, set) = ask(None).await;
    assert_eq!(name, "1");
    let set = set.unwrap();
    let (cookie, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
    for _ in 0..4 {
        assert_eq!(ask(Some(cookie.to_owned())).await, ("1".to_owned(), None));
    }
    one.stop().await;
    let (name, set) = ask(Some(cookie.to_owned())).await;
    assert_eq!(name, "2");
    let moved = set.unwrap();
    assert_ne!(moved, cookie);
    assert_eq!(ask(Some(moved.split(';').next().unwrap().to_owned())).await, ("2".to_owned(), None));
    // A cookie that nobody gave out is no way in.
    assert_eq!(ask(Some("landfall-backend=127.0.0.1:22".to_owned())).await.0, "2");
}

#[tokio::test]
async fn connections_to_backends_are_used_again() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    names(&fixture, 20).await;
    assert!(backend.seen.connections.load(Ordering::SeqCst) <= 2);
}

/// A server that answers one request on each connection and closes the connection when the next one comes.
async fn forgetful() -> (std::net::SocketAddr, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let socket = tokio::net::TcpListener::bind(LOCAL).await.unwrap();
    let address = socket.local_addr().unwrap();
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.unwrap();
            let counter = std::sync::Arc::clone(&counter);
            tokio::spawn(async move {
                let mut space = [0; 4096];
                let _ = stream.read(&mut space).await;
                counter.fetch_add(1, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                let _ = stream.read(&mut space).await;
                counter.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (address, requests)
}

#[tokio::test]
async fn only_harmless_requests_are_repeated_when_a_kept_connection_breaks() {
    let (address, requests) = forgetful().await;
    let fixture = Fixture::start(spec(), &[("app", address)]).await;
    let client = fixture.http1();
    for expected in [1, 3, 5] {
        let answer = client.get(fixture.url("/")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), requests.load(Ordering::SeqCst)), (200, expected));
        answer.bytes().await.unwrap();
    }
    let answer = client.post(fixture.url("/")).body("once").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), requests.load(Ordering::SeqCst)), (502, 6));
}

#[tokio::test]
async fn a_busy_backend_is_spared() {
    let (one, two) = (Backend::start("1").await, Backend::start("2").await);
    let fixture = Fixture::start(pair(false, false), &[("one", one.address), ("two", two.address)]).await;
    let slow = fixture.http2().get(fixture.url("/sleep?1500")).send();
    let begun = Instant::now();
    let slow = tokio::spawn(slow);
    eventually("one is busy", || one.requests() == 1).await;
    assert_eq!(names(&fixture, 4).await, "2222");
    assert!(begun.elapsed() < Duration::from_millis(1400));
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
}

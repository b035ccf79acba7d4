//! Start, reload, drain.

use crate::support::{Backend, Fixture, LOCAL, certificate, eventually, route, spec};
use local_edge::{Certificate, Edge, EdgeError};
use model::PortId;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

#[tokio::test]
async fn what_cannot_start_says_why() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let start = |change: &dyn Fn(&mut local_edge::EdgeConfig)| {
        let mut config = fixture.config.clone();
        change(&mut config);
        async move { Edge::start(config).await.err().expect("does not start") }
    };
    let taken = TcpListener::bind(LOCAL).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = start(&|config| config.https = address).await;
    assert_eq!(error.to_string(), format!("{address} is taken by another program"));
    assert!(error.help().unwrap().contains(&address.port().to_string()));
    let error = start(&|config| config.redirect = Some(address)).await;
    assert!(matches!(error, EdgeError::AddressTaken(_)), "{error}");
    let error = start(&|config| config.https = ([0, 0, 0, 0], 0).into()).await;
    assert!(matches!(error, EdgeError::NotLoopback(_)), "{error}");
    let error = start(&|config| {
        let (chain, _) = certificate(&["a.localhost"]);
        let (_, key) = certificate(&["b.localhost"]);
        config.certificate = Certificate::Pem { chain, key };
    })
    .await;
    assert!(error.to_string().starts_with("the certificate cannot be used: "), "{error}");
    let error = start(&|config| {
        config.certificate = Certificate::Files { chain: "/nonexistent/chain".into(), key: "/nonexistent/key".into() };
    })
    .await;
    assert!(error.to_string().starts_with("cannot read /nonexistent/chain: "), "{error}");
    let error = start(&|config| config.spec.routes = vec![route("/", &["nobody"])]).await;
    assert_eq!(error.to_string(), "the route / names the port nobody, which has no address");
    let error = start(&|config| config.access_log = "/nonexistent/access.log".into()).await;
    assert!(matches!(error, EdgeError::AccessLog { .. }), "{error}");
    let error = start(&|config| config.spec.allow = vec!["300.0.0.0/8".to_owned()]).await;
    assert_eq!(error.to_string(), "\"300.0.0.0/8\" is no block of addresses");
}

#[tokio::test]
async fn a_reload_changes_everything_and_breaks_nothing() {
    let (one, two) = (Backend::start("1").await, Backend::start("2").await);
    let fixture = Fixture::start(spec(), &[("app", one.address)]).await;
    for client in [fixture.http1(), fixture.http2()] {
        let mut config = fixture.config.clone();
        fixture.edge.reload(config.clone()).await.unwrap();
        let mut download = client.get(fixture.url("/drip?10")).send().await.unwrap();
        assert_eq!(download.chunk().await.unwrap().unwrap(), "0");

        config.spec.routes = vec![route("/", &["other"])];
        config.backends = [(PortId::new("other"), two.address)].into();
        config.spec.limits.request_body_bytes = 2;
        fixture.edge.reload(config).await.unwrap();
        // The same connection (for HTTP/2), the new route and limit.
        assert_eq!(client.get(fixture.url("/name")).send().await.unwrap().text().await.unwrap(), "2");
        assert_eq!(client.post(fixture.url("/echo")).body("abc").send().await.unwrap().status(), 413);
        assert_eq!(download.text().await.unwrap(), "123456789");
    }
}

#[tokio::test]
async fn a_reload_brings_a_new_certificate_and_new_ports() {
    let backend = Backend::start("1").await;
    let mut fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let (old_client, old_address) = (fixture.http1(), fixture.address);
    let (chain, key) = certificate(&[crate::support::HOST]);
    fixture.config.certificate = Certificate::Pem { chain, key };
    fixture.edge.reload(fixture.config.clone()).await.unwrap();
    assert_eq!(fixture.http1().get(fixture.url("/name")).send().await.unwrap().status(), 200);
    assert!(old_client.get(fixture.url("/name")).send().await.is_err());

    let mut probe = TcpListener::bind(LOCAL).await.unwrap().local_addr().unwrap();
    probe.set_ip([127, 0, 0, 1].into());
    fixture.config.https = probe;
    fixture.config.redirect = None;
    fixture.edge.reload(fixture.config.clone()).await.unwrap();
    fixture.address = fixture.edge.https_address();
    assert_eq!(fixture.address, probe);
    assert_eq!(fixture.edge.status().listeners.len(), 1);
    assert_eq!(fixture.http2().get(fixture.url("/name")).send().await.unwrap().status(), 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(tokio::net::TcpStream::connect(old_address).await.is_err());
}

#[tokio::test]
async fn a_refused_reload_changes_nothing() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let mut config = fixture.config.clone();
    config.spec.routes = vec![route("/", &["nobody"])];
    assert!(fixture.edge.reload(config).await.is_err());
    assert_eq!(fixture.http2().get(fixture.url("/name")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_takes_nothing_new() {
    let backend = Backend::start("1").await;
    for http2 in [false, true] {
        let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
        let client = if http2 { fixture.http2() } else { fixture.http1() };
        let idle = fixture.http1();
        idle.get(fixture.url("/name")).send().await.unwrap().bytes().await.unwrap();
        let _silent = tokio::net::TcpStream::connect(fixture.address).await.unwrap();
        let _unused = fixture.raw(&["http/1.1"]).await;
        let mut download = client.get(fixture.url("/drip?8")).send().await.unwrap();
        download.chunk().await.unwrap().unwrap();
        let begun = Instant::now();
        let (clean, rest) = tokio::join!(fixture.edge.drain(Duration::from_secs(5)), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(tokio::net::TcpStream::connect(fixture.address).await.is_err(), "still accepts");
            download.text().await.unwrap()
        });
        assert_eq!((clean, rest.as_str()), (true, "1234567"));
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        let status = fixture.edge.status();
        assert_eq!((status.connections, status.requests_in_flight, status.listeners.len()), (0, 0, 0));
        assert_eq!(std::fs::read_to_string(fixture.log_path()).unwrap().lines().count(), 2);
    }
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let request = fixture.http2().get(fixture.url("/sleep?60000"));
    let sleeping = tokio::spawn(request.send());
    eventually("the request is there", || backend.requests() == 1).await;
    let begun = Instant::now();
    assert!(!fixture.edge.drain(Duration::from_millis(300)).await);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(sleeping.await.unwrap().is_err());
}

#[tokio::test]
async fn a_dropped_edge_frees_its_port() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let (address, mut config) = (fixture.address, fixture.config.clone());
    config.https = address;
    config.redirect = None;
    config.access_log = std::env::temp_dir().join(format!("access-{}.log", address.port()));
    drop(fixture);
    let mut again = None;
    for _ in 0..100 {
        match Edge::start(config.clone()).await {
            Ok(edge) => {
                again = Some(edge);
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    std::fs::remove_file(&config.access_log).unwrap();
    assert_eq!(again.expect("the port is free again").https_address(), address);
}

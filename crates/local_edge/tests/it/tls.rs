//! Versions, ALPN, names.

use crate::support::{Backend, Fixture, HOST, client_config, spec};
use model::process_graph::TlsVersion;
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

async fn version(
    fixture: &Fixture,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Option<rustls::ProtocolVersion> {
    let config = client_config(&fixture.chain(), &["h2"], versions);
    let stream = TcpStream::connect(fixture.address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(HOST.try_into().unwrap(), stream).await.ok()?;
    stream.get_ref().1.protocol_version()
}

#[tokio::test]
async fn the_floor_is_kept() {
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    let backend = Backend::start("1").await;
    let mut spec = spec();
    let fixture = Fixture::start(spec.clone(), &[("app", backend.address)]).await;
    assert_eq!(version(&fixture, &[&TLS12]).await, Some(TLSv1_2));
    assert_eq!(version(&fixture, &[&TLS13, &TLS12]).await, Some(TLSv1_3));
    spec.minimum_tls = TlsVersion::V1_3;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    assert_eq!(version(&fixture, &[&TLS12]).await, None);
    assert_eq!(version(&fixture, &[&TLS13]).await, Some(TLSv1_3));
}

#[tokio::test]
async fn the_protocol_is_the_one_agreed_on() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    for (offered, agreed) in
        [(&["h2", "http/1.1"][..], Some(&b"h2"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let stream = fixture.raw(offered).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
    }
}

#[tokio::test]
async fn strict_transport_security_is_not_sent_for_local_names() {
    let backend = Backend::start("1").await;
    let fixture = Fixture::start(spec(), &[("app", backend.address)]).await;
    let answer = fixture.http2().get(fixture.url("/name")).send().await.unwrap();
    assert!(answer.headers().get("strict-transport-security").is_none());
}

//! Sessions that do not begin, or end, and what is said of it.

use crate::support::{Calls, World, echo, opening, options};
use session_manager::{End, Options, Proxy, Session, Trust};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use testkit::gateway::{Behaviour, Gateway, Ticket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn refused(behaviour: Behaviour, options: Options) -> (Gateway, Arc<End>) {
    let gateway = Gateway::start(behaviour).await.unwrap();
    let target: SocketAddr = ([127, 0, 0, 1], 1).into();
    let calls = Arc::new(Calls { gateway: gateway.clone(), target, troubles: AtomicUsize::new(0) });
    let ticket = opening(gateway.open("127.0.0.1", 1));
    let end = Session::open(ticket, calls, options).await.unwrap_err();
    (gateway, end)
}

async fn at(url: &str, options: Options) -> String {
    let gateway = Gateway::start(Behaviour::default()).await.unwrap();
    let target: SocketAddr = ([127, 0, 0, 1], 1).into();
    let calls = Arc::new(Calls { gateway, target, troubles: AtomicUsize::new(0) });
    let ticket = Ticket { session: "s".to_owned(), stream_url: url.to_owned(), token: "hunter2".to_owned() };
    let end = Session::open(opening(ticket), calls, options).await.unwrap_err();
    let said = format!("{end} {end:?}");
    assert!(!said.contains("hunter2"), "{said}");
    end.to_string()
}

#[tokio::test]
async fn a_token_that_is_refused_is_named() {
    let (_, end) = refused(Behaviour { refuses_tokens: true, ..Behaviour::default() }, options()).await;
    insta::assert_snapshot!(end, @"AWS refused the session's channel: it closed the channel (1008) the token is not valid");
}

#[tokio::test]
async fn an_account_that_wants_its_own_encryption_is_told_why_not() {
    let behaviour = Behaviour { kms_key: Some("arn:aws:kms:eu-west-1:1:key/k".to_owned()), ..Behaviour::default() };
    let (gateway, end) = refused(behaviour, options()).await;
    assert_eq!(*end, End::Encrypted { key: "arn:aws:kms:eu-west-1:1:key/k".to_owned() });
    // The agent learns it too, so that its log says why.
    let (session, _) = gateway.started().remove(0);
    let seen = gateway.until(&session, |seen| seen.handshake.is_some()).await;
    let response = seen.handshake.unwrap();
    assert_eq!(response["ProcessedClientActions"][1]["ActionStatus"], 2);
    let help = end.fault("opening").help.unwrap();
    assert!(help.contains("SSM-SessionManagerRunShell") && help.contains("kmsKeyId"), "{help}");
}

#[tokio::test]
async fn a_shell_is_no_way_to_a_port() {
    let (_, end) =
        refused(Behaviour { session_type: "Standard_Stream".to_owned(), ..Behaviour::default() }, options()).await;
    assert_eq!(end.to_string(), "the session is of the type Standard_Stream, not one that forwards a port");
}

#[tokio::test]
async fn an_agent_that_does_not_begin_is_given_up() {
    let options = Options { handshake: Duration::from_millis(300), ..options() };
    let (_, end) = refused(Behaviour { is_silent: true, ..Behaviour::default() }, options).await;
    assert!(matches!(*end, End::NoAgent(_)), "{end}");
}

#[tokio::test]
async fn a_host_that_cannot_connect_refuses_the_one_connection_and_keeps_the_others() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    let world = World::new(Behaviour::default(), target).await;
    let mut good = world.session.connect().unwrap();
    let (mut tcp, _) = listener.accept().await.unwrap();
    drop(listener);
    let mut bad = world.session.connect().unwrap();
    let error = bad.read_u8().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::ConnectionRefused, "the host could not connect to the port")
    );
    tcp.write_all(b"!").await.unwrap();
    assert_eq!(good.read_u8().await.unwrap(), b'!');
    assert_eq!(world.session.status().refused, 1);
}

#[tokio::test]
async fn a_session_that_aws_ends_says_why() {
    let world = World::new(Behaviour::default(), echo().await).await;
    let mut connection = world.session.connect().unwrap();
    world.gateway.expire(world.session.id(), "Session has timed out due to inactivity.\n").await;
    let end = world.session.over().await;
    assert_eq!(end.to_string(), "the session was ended: Session has timed out due to inactivity.");
    let error = connection.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(error.to_string(), end.to_string());
    assert_eq!(world.session.connect().unwrap_err(), end);
}

#[tokio::test]
async fn addresses_that_are_none_and_places_where_nobody_is_are_named() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for (url, said) in [
        ("", "the channel's address cannot be used: no URL in ``"),
        (
            "https://x.example/?token=1",
            "the channel's address cannot be used: neither wss:// nor ws:// in `https://x.example/`",
        ),
    ] {
        assert_eq!(at(url, options()).await, said);
    }
    let said = at(&format!("ws://127.0.0.1:{port}/x"), options()).await;
    assert!(said.starts_with(&format!("the way to AWS is gone: 127.0.0.1:{port} cannot be reached: ")), "{said}");
}

#[tokio::test]
async fn what_is_no_websocket_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut request = [0; 2000];
            let _ = tcp.read(&mut request).await;
            let _ = tcp.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!").await;
        }
    });
    let said = at(&format!("ws://127.0.0.1:{port}/x"), options()).await;
    insta::assert_snapshot!(said, @"AWS refused the session's channel: HTTP status 403 Forbidden no!");
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_refused() {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    // TLS in front of the gateway, as AWS has it.
    let gateway = Gateway::start(Behaviour::default()).await.unwrap();
    let target = echo().await;
    let ticket = gateway.open("127.0.0.1", target.port());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (behind, path) = ticket.stream_url.trim_start_matches("ws://").split_once('/').unwrap();
    let behind: SocketAddr = behind.parse().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut secured) = acceptor.accept(tcp).await else { return };
                let mut tcp = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut secured, &mut tcp).await;
            });
        }
    });
    let url = format!("wss://localhost:{port}/{path}");
    let said = at(&url, options()).await;
    assert!(said.starts_with("localhost cannot be trusted: "), "{said}");
    let trust = Trust::Pem(b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n".to_vec());
    let said = at(&url, Options { trust, ..options() }).await;
    assert!(said.starts_with("localhost cannot be trusted: an authority cannot be used"), "{said}");
    // With its own authority it is the same as without TLS.
    let trust = Trust::Pem(made.cert.pem().into_bytes());
    let calls = Arc::new(Calls { gateway, target, troubles: AtomicUsize::new(0) });
    let ticket = opening(Ticket { stream_url: url, ..ticket });
    let session = Session::open(ticket, calls, Options { trust, ..options() }).await.unwrap();
    let mut connection = session.connect().unwrap();
    connection.write_all(b"tls").await.unwrap();
    let mut back = [0; 3];
    connection.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"tls");
}

#[tokio::test]
async fn a_proxy_is_gone_through_or_named() {
    let proxy = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = proxy.local_addr().unwrap();
    let gateway = Gateway::start(Behaviour::default()).await.unwrap();
    let target = echo().await;
    let ticket = gateway.open("127.0.0.1", target.port());
    let asked = tokio::spawn(async move {
        let mut seen = Vec::new();
        for status in ["407 Proxy Authentication Required", "200 Connection established"] {
            let (mut tcp, _) = proxy.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(tcp.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            tcp.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
            if status.starts_with('2') {
                let to = request.split(' ').nth(1).unwrap().to_owned();
                tokio::spawn(async move {
                    let mut behind = tokio::net::TcpStream::connect(to).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tcp, &mut behind).await;
                });
            }
            seen.push(request);
        }
        seen
    });
    let with = |proxy: String| Options { proxy: Proxy::At(proxy), ..options() };
    let said = at(&ticket.stream_url, with(format!("http://{address}"))).await;
    assert_eq!(
        said,
        "AWS refused the session's channel: the proxy 127.0.0.1 answers `HTTP/1.1 407 Proxy Authentication Required`"
    );
    let calls = Arc::new(Calls { gateway, target, troubles: AtomicUsize::new(0) });
    let session = Session::open(opening(ticket), calls, with(format!("http://me:a%20b@{address}"))).await.unwrap();
    let mut connection = session.connect().unwrap();
    connection.write_all(b"?").await.unwrap();
    assert_eq!(connection.read_u8().await.unwrap(), b'?');
    let seen = asked.await.unwrap();
    assert!(seen[1].contains("Proxy-Authorization: Basic bWU6YSBi\r\n"), "{}", seen[1]);
}

//! Certificates and versions.

use crate::deployment::{Authority, DOMAIN, Deployment, Server, edge, get, http, line, respond, status};
use model::probe::{OldTlsVersion, Question, TlsExpectation};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn trusted(minimum_days_left: u32) -> Question {
    let expect = TlsExpectation::Trusted { minimum_days_left };
    Question::Tls { to: edge(), server_name: DOMAIN.into(), expect }
}

fn refuses(version: OldTlsVersion) -> Question {
    let expect = TlsExpectation::RefusesVersion { version };
    Question::Tls { to: edge(), server_name: DOMAIN.into(), expect }
}

#[tokio::test]
async fn a_good_certificate_passes_and_each_bad_one_is_named() {
    let (ours, other) = (Authority::new(), Authority::new());
    let cases = [
        ("good", ours.server(DOMAIN, 100)),
        ("expired", ours.server(DOMAIN, -3)),
        ("wrong name", ours.server("other.example.test", 100)),
        ("other authority", other.server(DOMAIN, 100)),
        ("soon over", ours.server(DOMAIN, 3)),
    ];
    let mut told = String::new();
    for (name, config) in cases {
        let server = Server::tls(config, |_, _| respond(200, "fine")).await;
        let deployment = Deployment::new(&[("https", server.port)]).trusting(&ours);
        told.push_str(&format!("{name}: {}\n", line(&deployment.ask(trusted(7)).await)));
        // Nothing is sent to a server that is not trusted, however right its answer would be.
        let request = line(&deployment.ask(http(get(edge(), "/"), status(200))).await);
        assert_eq!(request == "passed: status 200", ["good", "soon over"].contains(&name), "{name}: {request}");
    }
    let year = &told[told.find("expired at ").unwrap() + 11..][..20];
    insta::assert_snapshot!(told.replace(year, "[time]"), @r"
    good: passed: TLS 1.3, certificate for app.example.test, 100 days left
    expired: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 7 more days; seen the certificate expired at [time]; help: look at it
    wrong name: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 7 more days; seen the certificate is for other.example.test; help: look at it
    other authority: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 7 more days; seen the certificate was signed by another authority (CN=Test authority); help: look at it
    soon over: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 7 more days; seen TLS 1.3, certificate for app.example.test, 3 days left; help: look at it
    ");
}

#[tokio::test]
async fn what_is_no_tls_is_told_apart() {
    let authority = Authority::new();
    let plain = Server::plain(|_, _| respond(200, "plain")).await;
    let closing = Server::raw("127.0.0.1:0", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut told = String::new();
    for (name, port) in [("plain", plain.port), ("closing", closing.port), ("free", free)] {
        let deployment = Deployment::new(&[("https", port)]).trusting(&authority);
        for question in [trusted(1), refuses(OldTlsVersion::V1_1)] {
            told.push_str(&format!("{name}: {}\n", line(&deployment.ask(question).await)));
        }
    }
    let mut deployment = Deployment::new(&[("https", plain.port)]);
    told.push_str(&format!("no authority: {}\n", line(&deployment.ask(trusted(1)).await)));
    deployment.authority = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
    told.push_str(&format!("broken authority: {}\n", line(&deployment.ask(trusted(1)).await)));
    insta::assert_snapshot!(told.replace(&format!(":{free}"), ":[port]"), @r"
    plain: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 1 more days; seen it does not speak TLS on this port; help: look at it
    plain: failed: expected a client that offers at most TLS 1.1 is refused, a modern one is not; seen a modern client is refused too: it does not speak TLS on this port; help: look at it
    closing: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 1 more days; seen it closed the connection during the TLS handshake; help: look at it
    closing: failed: expected a client that offers at most TLS 1.1 is refused, a modern one is not; seen a modern client is refused too: it closed the connection during the TLS handshake; help: look at it
    free: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 1 more days; seen nothing listens on 127.0.0.1:[port]; help: look at it
    free: failed: expected a client that offers at most TLS 1.1 is refused, a modern one is not; seen nothing listens on 127.0.0.1:[port]; help: look at it
    no authority: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 1 more days; seen reading the authority's certificate: there is none; help: look at it
    broken authority: failed: expected a TLS handshake with a certificate for app.example.test from the deployment's authority, valid for 1 more days; seen the certificate of the deployment's authority cannot be used: invalid peer certificate: BadEncoding; help: look at it
    ");
}

#[tokio::test]
async fn a_modern_server_refuses_old_clients() {
    let authority = Authority::new();
    let server = Server::tls(authority.server(DOMAIN, 100), |_, _| respond(200, "")).await;
    let deployment = Deployment::new(&[("https", server.port)]).trusting(&authority);
    insta::assert_snapshot!(line(&deployment.ask(refuses(OldTlsVersion::V1_0)).await), @"passed: TLS 1.0 refused with alert protocol_version");
    insta::assert_snapshot!(line(&deployment.ask(refuses(OldTlsVersion::V1_1)).await), @"passed: TLS 1.1 refused with alert protocol_version");
}

#[tokio::test]
async fn silence_is_no_refusal() {
    let server = Server::raw("127.0.0.1:0", |mut stream| async move {
        let mut buffer = [0; 1000];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let deployment = Deployment::new(&[("https", server.port)]);
    let told = line(&deployment.ask(refuses(OldTlsVersion::V1_1)).await);
    assert!(told.starts_with("failed"), "{told}");
}

#[tokio::test]
async fn an_alert_about_something_else_is_no_refusal() {
    let authority = Authority::new();
    let config = std::sync::Arc::new(authority.server(DOMAIN, 100));
    let server = Server::raw("127.0.0.1:0", move |mut stream| {
        let acceptor = tokio_rustls::TlsAcceptor::from(config.clone());
        async move {
            let mut first = [0; 64];
            stream.peek(&mut first).await.unwrap();
            // Old clients say 3,1 or 3,2 in their hello, new ones 3,3.
            if first[10] < 3 {
                stream.write_all(&[21, 3, 1, 0, 2, 2, 112]).await.unwrap();
                let _ = stream.read(&mut first).await;
            } else {
                let _ = acceptor.accept(stream).await;
            }
        }
    })
    .await;
    let deployment = Deployment::new(&[("https", server.port)]);
    insta::assert_snapshot!(line(&deployment.ask(refuses(OldTlsVersion::V1_1)).await), @"failed: expected a client that offers at most TLS 1.1 is refused, a modern one is not; seen alert unrecognized_name, which does not tell whether TLS 1.1 is refused; help: look at it");
}

/// A real server that still speaks TLS 1.0 and 1.1: OpenSSL, where the machine has it.
#[tokio::test]
async fn an_old_server_is_found_out() {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        println!("not tested: no openssl on this machine");
        return;
    }
    let folder = std::env::temp_dir().join(format!("landfall-prober-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec![DOMAIN.into()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("openssl")
        .args(["s_server", "-quiet", "-min_protocol", "TLSv1", "-cipher", "ALL@SECLEVEL=0", "-accept"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("-cert")
        .arg(&certificate)
        .arg("-key")
        .arg(&key)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deployment = Deployment::new(&[("https", port)]);
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let old = line(&deployment.ask(refuses(OldTlsVersion::V1_0)).await);
    let less_old = line(&deployment.ask(refuses(OldTlsVersion::V1_1)).await);
    server.kill().unwrap();
    server.wait().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(old.contains("accepted: a ServerHello of version TLS 1.0"), "{old}");
    assert!(less_old.contains("accepted: a ServerHello of version TLS 1.1"), "{less_old}");
}

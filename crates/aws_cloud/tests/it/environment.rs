//! What the environment says: credentials, profiles, addresses, proxies, authorities.
//!
//! Variables belong to a process, so that each case is this test program, run again with variables of its own.

use crate::support::{Reply, Scripted, json, xml};
use aws_cloud::{CloudAccount, ConnectOptions};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use stacks::account::{Account, CallErrorKind};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
/// Set in the program that is run again.
const CASE: &str = "LANDFALL_TEST_PROFILE";
const MARK: &str = "ANSWER ";

/// Not a test of its own: what the program does that is run again.
#[tokio::test]
async fn child() {
    let Ok(profile) = std::env::var(CASE) else { return };
    let options = ConnectOptions {
        region: "us-west-2".to_owned(),
        profile: Some(profile).filter(|profile| !profile.is_empty()),
        ..ConnectOptions::default()
    };
    let said = match CloudAccount::connect(options).await {
        Err(error) => serde_json::json!({ "connect": error.to_string() }),
        Ok(account) => match account.identity().await {
            Ok(identity) => serde_json::json!({ "account": identity.account }),
            Err(error) => serde_json::json!({ "kind": format!("{:?}", error.kind), "message": error.message }),
        },
    };
    println!("{MARK}{said}");
}

/// A person's home, in which a profile may be.
struct Home(TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), config).unwrap();
        Self(folder)
    }

    /// Asks who calls, with these variables and no others.
    fn identity(&self, profile: &str, variables: &[(&str, &str)]) -> Value {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "environment::child", "--nocapture", "--test-threads=1"])
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env(CASE, profile)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = text.split_once(MARK).and_then(|(_, rest)| rest.lines().next());
        serde_json::from_str(said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))))
            .unwrap()
    }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAVARIABLES"), ("AWS_SECRET_ACCESS_KEY", "not-a-secret")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    KEYS.iter().chain(more).copied().collect()
}

fn kind(kind: &CallErrorKind) -> String {
    format!("{kind:?}")
}

#[test]
fn variables_name_keys_and_addresses() {
    let server = Scripted::new(vec![xml(200, IDENTITY)]);
    let home = Home::new("");
    let said = home.identity("", &with(&[("AWS_ENDPOINT_URL", &server.url)]));
    assert_eq!(said["account"], "123456789012");
    let of_service = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_STS", server.url.as_str())];
    assert_eq!(home.identity("", &with(&of_service))["account"], "123456789012");
    assert!(server.requests().iter().all(|request| request.contains("Credential=AKIAVARIABLES/")));
}

#[test]
fn a_profile_that_is_named_wins_over_variables() {
    let server = Scripted::new(vec![xml(200, IDENTITY)]);
    let home = Home::new(&format!(
        "[profile work]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\nendpoint_url = {}\n",
        server.url
    ));
    assert_eq!(home.identity("work", &with(&[]))["account"], "123456789012");
    assert!(server.requests()[0].contains("Credential=AKIAPROFILE/"));
    let said = home.identity("no-such", &with(&[("AWS_ENDPOINT_URL", &server.url)]));
    assert_eq!(said["kind"], kind(&CallErrorKind::Credentials));
    assert!(said["message"].as_str().unwrap().contains("no-such"), "{said}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_role_is_assumed_and_a_program_is_asked() {
    let assumed = xml(
        200,
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
         <SecretAccessKey>y</SecretAccessKey><SessionToken>token-of-the-role</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>i</AssumedRoleId></AssumedRoleUser>\
         </AssumeRoleResult></AssumeRoleResponse>",
    );
    let server = Scripted::new(vec![assumed, xml(200, IDENTITY)]);
    let home = Home::new(
        "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = x\n\
         [profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n\
         [profile program]\ncredential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROGRAM\", \"SecretAccessKey\": \"z\"}'\n\
         [profile broken]\ncredential_process = false\n",
    );
    let variables = [("AWS_ENDPOINT_URL", server.url.as_str())];
    assert_eq!(home.identity("role", &variables)["account"], "123456789012");
    assert_eq!(home.identity("program", &variables)["account"], "123456789012");
    let requests = server.requests();
    assert!(requests[0].contains("Action=AssumeRole") && requests[0].contains("Credential=AKIABASE/"));
    assert!(
        requests[1].contains("Credential=ASIAROLE/") && requests[1].contains("x-amz-security-token: token-of-the-role")
    );
    assert!(requests[2].contains("Credential=AKIAPROGRAM/"));
    assert_eq!(home.identity("broken", &variables)["kind"], kind(&CallErrorKind::Credentials));
}

#[test]
fn without_credentials_or_with_old_ones_it_says_so() {
    let home = Home::new(
        "[profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n\
         [sso-session s]\nsso_region = us-west-2\nsso_start_url = https://example.awsapps.com/start\n",
    );
    let said = home.identity("", &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
    assert_eq!(said["kind"], kind(&CallErrorKind::Credentials));
    assert!(said["message"].as_str().unwrap().starts_with("no AWS credentials were found"), "{said}");
    let said = home.identity("sso", &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
    assert_eq!(said["kind"], kind(&CallErrorKind::Credentials), "{said}");
    let server = Scripted::new(vec![json(
        400,
        r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#,
    )]);
    let said = home.identity("", &with(&[("AWS_ENDPOINT_URL", &server.url)]));
    assert_eq!(said["kind"], kind(&CallErrorKind::Credentials));
    assert_eq!(said["message"], "The security token included in the request is expired");
}

#[test]
fn proxies_are_used_but_not_for_what_is_left_out() {
    let proxy = Scripted::new(vec![xml(200, IDENTITY)]);
    let home = Home::new("");
    let through = with(&[("AWS_ENDPOINT_URL", "http://sts.invalid"), ("HTTP_PROXY", &proxy.url)]);
    assert_eq!(home.identity("", &through)["account"], "123456789012");
    assert!(proxy.requests()[0].starts_with("POST http://sts.invalid/ HTTP/1.1"), "{}", proxy.requests()[0]);

    let server = Scripted::new(vec![xml(200, IDENTITY)]);
    let around = [("AWS_ENDPOINT_URL", server.url.as_str()), ("HTTP_PROXY", &proxy.url), ("NO_PROXY", "127.0.0.1")];
    assert_eq!(home.identity("", &with(&around))["account"], "123456789012");
    assert_eq!((proxy.requests().len(), server.requests().len()), (1, 1));

    let closed = Scripted::new(vec![Reply::Says(407, "proxy-authenticate: Basic\r\n", String::new())]);
    let said = home.identity("", &with(&[("HTTPS_PROXY", &closed.url)]));
    assert!(closed.requests()[0].starts_with("CONNECT sts.us-west-2.amazonaws.com:443"), "{}", closed.requests()[0]);
    assert_eq!(said["kind"], kind(&CallErrorKind::Refused), "{said}");
    assert!(said["message"].as_str().unwrap().contains("HTTPS_PROXY"), "{said}");
}

/// A server with a certificate that only its own authority trusts; returns its address.
async fn with_own_certificate(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("bundle.pem"), cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 8192]).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", IDENTITY.len());
            let _ = stream.write_all(format!("{head}{IDENTITY}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_of_ones_own_are_trusted_when_they_are_named() {
    let home = Home::new("");
    let url = with_own_certificate(home.0.path()).await;
    let bundle = home.0.path().join("bundle.pem").display().to_string();
    let said = home.identity("", &with(&[("AWS_ENDPOINT_URL", &url), ("AWS_CA_BUNDLE", &bundle)]));
    assert_eq!(said["account"], "123456789012", "{said}");
    let said = home.identity("", &with(&[("AWS_ENDPOINT_URL", &url)]));
    assert_eq!(said["kind"], kind(&CallErrorKind::Refused), "{said}");
    assert!(said["message"].as_str().unwrap().contains("AWS_CA_BUNDLE"), "{said}");
    let said = home.identity("", &with(&[("AWS_CA_BUNDLE", "/nonexistent/bundle.pem")]));
    assert!(said["connect"].as_str().unwrap().starts_with("cannot read /nonexistent/bundle.pem"), "{said}");
}

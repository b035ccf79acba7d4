//! What an SSH server grants and refuses, and servers that are not the right one.

use crate::deployment::{Deployment, line};
use ::ssh::{Account, Forward, PrivateKey, Server, ServerConfig};
use model::probe::{Question, SshRequest};
use model::{NodeId, PortId, Text};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::TcpListener;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBERERERERERERERERERERERERERERERERERERERERER\n-----END PRIVATE KEY-----\n";

struct Bastion {
    deployment: Deployment,
    server: Server,
    target: TcpListener,
}

/// A server with one account, whose key leads to one target.
async fn bastion() -> Bastion {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host_key = PrivateKey::generate().unwrap();
    let key = PrivateKey::from_text(&model::Secret::new(KEY), None, "the key").unwrap();
    let mut config = ServerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)), host_key.clone());
    let forward = Forward { name: "db".into(), said_port: Some(5432), address: target.local_addr().unwrap() };
    let account = Account { keys: vec![key.public()], forwards: vec![forward], listens: Vec::new() };
    config.accounts = BTreeMap::from([("alice".to_owned(), account)]);
    let server = Server::start(config).await.unwrap();
    let mut deployment = Deployment::new(&[("ssh", server.address().port())]);
    deployment.secrets.insert(NodeId::new("jump/host-key"), host_key.public().to_string());
    deployment.secrets.insert(NodeId::new("jump/key"), KEY.to_owned());
    Bastion { deployment, server, target }
}

fn question(key: Option<&str>, request: SshRequest, granted: bool) -> Question {
    Question::Ssh {
        port: PortId::new("ssh"),
        host_key: NodeId::new("jump/host-key"),
        user: "alice".into(),
        key: key.map(NodeId::new),
        request,
        granted,
    }
}

fn forward(port: u16) -> SshRequest {
    SshRequest::Forward { host: "db".into(), port: Text::literal(port.to_string()) }
}

#[tokio::test]
async fn what_a_server_grants_is_seen() {
    let bastion = bastion().await;
    let cases = [
        (Some("jump/key"), SshRequest::Login, true, "login granted"),
        (None, SshRequest::Login, false, "login refused"),
        (Some("jump/key"), SshRequest::Shell, false, "shell refused"),
        (Some("jump/key"), SshRequest::Command, false, "command refused"),
        (Some("jump/key"), forward(5432), true, "forward to db:5432 granted"),
        (Some("jump/key"), forward(22), false, "forward to db:22 refused"),
        (Some("jump/key"), SshRequest::Listen { port: Text::literal("0") }, false, "listening on any port refused"),
    ];
    for (key, request, granted, seen) in cases {
        let told = line(&bastion.deployment.ask(question(key, request.clone(), granted)).await);
        assert_eq!(told, format!("passed: {seen}"));
        let told = line(&bastion.deployment.ask(question(key, request, !granted)).await);
        assert!(told.starts_with("failed: expected ") && told.contains(&format!("seen {seen}")), "{told}");
    }
    // Allowed by the rules is not refused, even when nothing is there to answer.
    drop(bastion.target);
    let told = line(&bastion.deployment.ask(question(Some("jump/key"), forward(5432), false)).await);
    assert!(told.contains("cannot reach db:5432"), "{told}");
    bastion.server.stop().await;
    let told = line(&bastion.deployment.ask(question(None, SshRequest::Login, false)).await);
    assert!(told.starts_with("failed: ") && told.contains("no connection to"), "{told}");
}

/// A refusal by a server that is not ours proves nothing.
#[tokio::test]
async fn a_server_with_another_key_is_not_asked() {
    let mut bastion = bastion().await;
    let other = PrivateKey::generate().unwrap().public().to_string();
    bastion.deployment.secrets.insert(NodeId::new("jump/host-key"), other);
    let told = line(&bastion.deployment.ask(question(None, SshRequest::Login, false)).await);
    assert!(told.starts_with("failed: ") && told.contains("is another one"), "{told}");
}

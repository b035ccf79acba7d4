//! Ports on this machine's addresses; files.

use crate::deployment::{Deployment, Server, line};
use engine::ports::FileFacts;
use model::probe::{Addresses, Question};
use model::{NodeId, PortId};

fn tcp(on: Addresses, open: bool) -> Question {
    Question::Tcp { port: PortId::new("http"), on, open }
}

#[tokio::test]
async fn a_port_on_loopback_alone_is_closed_elsewhere() {
    let server = Server::raw("127.0.0.1:0", |_| async {}).await;
    let deployment = Deployment::new(&[("http", server.port)]);
    assert_eq!(line(&deployment.ask(tcp(Addresses::Loopback, true)).await), "passed: open on 127.0.0.1");
    let closed = line(&deployment.ask(tcp(Addresses::EveryOther, false)).await);
    assert!(closed.starts_with("passed: closed on 127.0.0.2"), "{closed}");
    assert!(!closed.contains("127.0.0.1"), "{closed}");
    let loopback = line(&deployment.ask(tcp(Addresses::Loopback, false)).await);
    assert_eq!(
        loopback,
        format!("failed: expected port {} closed on 127.0.0.1; seen open on 127.0.0.1; help: look at it", server.port)
    );
}

#[tokio::test]
async fn a_port_on_every_address_is_found_out() {
    for address in ["0.0.0.0:0", "[::]:0", "127.0.0.2:0", "[::1]:0"] {
        let Ok(probe) = std::net::TcpListener::bind(address) else {
            println!("not tested: no {address} on this machine");
            continue;
        };
        drop(probe);
        let server = Server::raw(address, |_| async {}).await;
        let deployment = Deployment::new(&[("http", server.port)]);
        let told = line(&deployment.ask(tcp(Addresses::EveryOther, false)).await);
        assert!(told.starts_with("failed"), "{address}: {told}");
        let open = if address.starts_with("[::1]") { "seen open on ::1" } else { "seen open on 127.0.0.2" };
        assert!(told.contains(open), "{address}: {told}");
        if address.starts_with("[::]") {
            // Also the addresses that exist on one interface only can be reached, by their scope.
            let told = line(&deployment.ask(tcp(Addresses::EveryOther, true)).await);
            assert!(told.starts_with("passed: open on 127.0.0.2, "), "{told}");
        }
    }
}

#[tokio::test]
async fn a_file_has_its_mode_and_owner() {
    let mut deployment = Deployment::new(&[]);
    let id = NodeId::new("app/users");
    let question = Question::File { file: id.clone(), mode: 0o600 };
    let mut told = line(&deployment.ask(question.clone()).await);
    for (mode, owned_by_us) in [(0o100_600, true), (0o644, true), (0o600, false)] {
        deployment.files.insert(id.clone(), FileFacts { mode, owned_by_us });
        told.push('\n');
        told.push_str(&line(&deployment.ask(question.clone()).await));
    }
    insta::assert_snapshot!(told, @r"
    failed: expected mode 0600, owned by the user of the deployment; seen looking at app/users: No such file or directory; help: look at it
    passed: mode 0600, owned by the user of the deployment
    failed: expected mode 0600, owned by the user of the deployment; seen mode 0644, owned by the user of the deployment; help: look at it
    failed: expected mode 0600, owned by the user of the deployment; seen mode 0600, owned by another user; help: look at it
    ");
}

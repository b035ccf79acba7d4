//! Killed programs.

use crate::deployment::{Deployment, Server, get, http, line, port, probe, respond, status};
use engine::SystemClock;
use model::NodeId;
use model::probe::{Endpoint, Question};
use model::{PortId, probe::Probe};
use prober::{Options, verify};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

fn restart(within_seconds: u32) -> Question {
    let alive = Box::new(http(get(port(), "/"), status(200)));
    Question::Restart { program: NodeId::new("app/program"), within_seconds, alive }
}

/// A program whose killing closes its port, and that listens again after a while (never without one).
async fn program(pause: Option<Duration>) -> (Deployment, Arc<Mutex<Option<Server>>>) {
    let server = Server::plain(|_, _| respond(200, "alive")).await;
    let number = server.port;
    let slot = Arc::new(Mutex::new(Some(server)));
    let mut deployment = Deployment::new(&[("http", number)]);
    let kept = Arc::clone(&slot);
    deployment.kill = Some(Box::new(move || {
        drop(kept.lock().unwrap().take());
        let kept = Arc::clone(&kept);
        tokio::spawn(async move {
            let Some(pause) = pause else { return };
            tokio::time::sleep(pause).await;
            let listener = loop {
                match TcpListener::bind(("127.0.0.1", number)).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            };
            drop(listener);
            let again = Server::raw(&format!("127.0.0.1:{number}"), |stream| async {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut stream = stream;
                let _ = stream.read(&mut [0; 1000]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            })
            .await;
            *kept.lock().unwrap() = Some(again);
        });
    }));
    (deployment, slot)
}

#[tokio::test]
async fn a_program_that_comes_back_passes_with_its_time() {
    let (deployment, _slot) = program(Some(Duration::from_millis(300))).await;
    let told = line(&deployment.ask(restart(10)).await);
    assert!(told.starts_with("passed: answers again after 0."), "{told}");
    assert_eq!(*deployment.killed.lock().unwrap(), [NodeId::new("app/program")]);
}

#[tokio::test]
async fn a_program_that_stays_dead_fails_in_time() {
    let (deployment, _slot) = program(None).await;
    let told = line(&deployment.ask(restart(1)).await);
    assert!(told.contains("seen after 1 s: nothing listens on 127.0.0.1:"), "{told}");
}

#[tokio::test]
async fn what_is_dead_already_is_not_killed() {
    let (deployment, slot) = program(None).await;
    drop(slot.lock().unwrap().take());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let told = line(&deployment.ask(restart(5)).await);
    assert!(told.contains("not killed, since it did not answer before either: nothing listens on"), "{told}");
    assert!(deployment.killed.lock().unwrap().is_empty());
}

/// The restarted program answers at once, but what depends on it comes back later, or never.
async fn with_dependant(pause: Option<Duration>) -> (Deployment, Vec<Probe>, Arc<Mutex<Option<Server>>>) {
    let (mut deployment, slot) = program(pause).await;
    let front = PortId::new("front");
    deployment.ports.insert(front.clone(), deployment.ports[&PortId::new("http")]);
    let steady = Server::plain(|_, _| respond(200, "alive")).await;
    deployment.ports.insert(PortId::new("http"), steady.port);
    std::mem::forget(steady);
    let through = http(get(Endpoint::Port { port: front }, "/"), status(200));
    (deployment, vec![probe("restart", restart(5)), probe("front", through)], slot)
}

#[tokio::test]
async fn what_depends_on_it_is_waited_for() {
    let (deployment, probes, _slot) = with_dependant(Some(Duration::from_millis(500))).await;
    let report = deployment.verify(&probes).await;
    assert!(report.is_proved(), "{report:?}");
    assert!(report.results[0].duration_ms >= 400, "{report:?}");
    assert_eq!(report.results[0].probe.as_str(), "restart", "in the order of declaration");
}

#[tokio::test]
async fn what_depends_on_it_and_stays_away_fails_it() {
    let (deployment, probes, _slot) = with_dependant(None).await;
    let options = Options { settle: Duration::from_millis(200), ..Options::new(&SystemClock) };
    let report = verify(&probes, &deployment, &options, &|_| {}).await;
    let told = line(&report.results[0].verdict);
    assert!(told.contains("but \"front holds\" no longer holds: nothing listens on 127.0.0.1:"), "{told}");
    assert_eq!(line(&report.results[1].verdict), "passed: status 200", "it was asked before");
}

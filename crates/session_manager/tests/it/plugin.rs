//! Amazon's own client at the gateway of the testkit: that this side of the tests speaks the protocol as the other implementation of it does.
//!
//! The program is `session-manager-plugin` in `PATH`, or what `LANDFALL_SESSION_MANAGER_PLUGIN` names; where it is not, the test says so.

use crate::support::{PATIENCE, echo, pattern, round_trip};
use std::path::PathBuf;
use std::process::Stdio;
use testkit::gateway::{Behaviour, Gateway};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn plugin() -> Option<PathBuf> {
    let named = std::env::var_os("LANDFALL_SESSION_MANAGER_PLUGIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        std::env::split_paths(&path).map(|folder| folder.join("session-manager-plugin")).find(|file| file.is_file())
    });
    if found.is_none() {
        eprintln!("skipped: session-manager-plugin is not installed");
    }
    found
}

async fn carries(behaviour: Behaviour, connections: u8) {
    let Some(plugin) = plugin() else { return };
    let target = echo().await;
    let gateway = Gateway::start(behaviour).await.unwrap();
    let ticket = gateway.open("127.0.0.1", target.port());
    let response = serde_json::json!({
        "SessionId": ticket.session, "StreamUrl": ticket.stream_url, "TokenValue": ticket.token,
    });
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(plugin)
        .args([&response.to_string(), "us-west-2", "StartSession", "", "{\"Target\":\"i-0\"}", "http://127.0.0.1:9"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        // It puts a socket there, under a name that it makes of the session's.
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // `Port 34567 opened for sessionId tester-1.`
    let port: u16 = loop {
        let line = lines.next_line().await.unwrap().expect("a port");
        let mut words = line.split(' ').skip_while(|word| *word != "Port");
        if let Some(port) = words.nth(1).and_then(|word| word.parse().ok()) {
            break port;
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let mut all = tokio::task::JoinSet::new();
    for number in 0..connections {
        all.spawn(async move {
            let tcp = TcpStream::connect(("localhost", port)).await.unwrap();
            let sent = pattern(60_000, number);
            assert!(round_trip(tcp, &sent).await == sent, "connection {number}");
        });
    }
    let done = async {
        while let Some(done) = all.join_next().await {
            done.unwrap();
        }
    };
    let is_done = tokio::time::timeout(PATIENCE, done).await;
    assert!(is_done.is_ok(), "{:?}", gateway.seen(&ticket.session));
    assert_eq!(gateway.complaints(), Vec::<String>::new());
    child.kill().await.unwrap();
}

#[tokio::test]
async fn the_gateway_serves_amazons_own_client() {
    carries(Behaviour::default(), 5).await;
}

#[tokio::test]
async fn the_gateway_serves_amazons_own_client_without_multiplexing() {
    carries(Behaviour { version: "2.3.1205.0".to_owned(), ..Behaviour::default() }, 1).await;
}

#[tokio::test]
async fn the_gateway_serves_amazons_own_client_while_messages_get_lost() {
    carries(Behaviour { loses_to_client: 80, repeats_after: 20, ..Behaviour::default() }, 3).await;
}

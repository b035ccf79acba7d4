//! Servers that say anything at all.

use crate::deployment::{Authority, DOMAIN, Deployment, Server, edge, get, http, port, status};
use model::PortId;
use model::probe::{OldTlsVersion, Question, TlsExpectation};
use model::verification::Verdict;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The beginnings of what each reader believes for a while.
const BEGINNINGS: [&[u8]; 8] = [
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\n\r\n",
    &[22, 3, 3, 0, 50, 2, 0, 0],
    &[22, 3, 3, 0xFF, 0xFF],
    &[21, 3, 3, 0, 0],
];

/// Bytes that look random and are the same in every run.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..next() % 300).map(|_| next().to_le_bytes()[0]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_proves_nothing_and_disturbs_nobody() {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let server = Server::raw("127.0.0.1:0", |mut stream| async move {
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        let _ = stream.read(&mut [0; 4096]).await;
        let beginning = BEGINNINGS[usize::try_from(seed).unwrap() % BEGINNINGS.len()];
        let _ = stream.write_all(beginning).await;
        let _ = stream.write_all(&noise(seed)).await;
    })
    .await;
    let mut deployment = Deployment::new(&[("http", server.port), ("https", server.port)]).trusting(&Authority::new());
    deployment.ports.insert(PortId::new("other"), server.port);
    let tls = |expect| Question::Tls { to: edge(), server_name: DOMAIN.into(), expect };
    let begun = Instant::now();
    for round in 0..60 {
        for question in [
            http(get(port(), "/"), status(299)),
            http(get(edge(), "/"), status(299)),
            tls(TlsExpectation::Trusted { minimum_days_left: 0 }),
            tls(TlsExpectation::RefusesVersion { version: OldTlsVersion::V1_1 }),
        ] {
            let verdict = deployment.ask(question).await;
            assert!(matches!(verdict, Verdict::Failed { .. }), "round {round}: {verdict:?}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "nothing hangs");
}

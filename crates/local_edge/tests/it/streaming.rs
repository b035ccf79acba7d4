//! Bodies pass as they come, in flat memory, at the pace of the slower side.

use crate::support::{Backend, Fixture, HOST, eventually, spec};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MIB: u64 = 1 << 20;
const PIECE: u64 = 16 * 1024;

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A body of pieces, with the number of bytes that were taken from it.
fn counted_body(pieces: u64) -> (reqwest::Body, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    let stream = futures_util::stream::iter(0..pieces).map(move |_| {
        counter.fetch_add(PIECE, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; PIECE as usize]))
    });
    (reqwest::Body::wrap_stream(stream), taken)
}

async fn large() -> (Backend, Fixture) {
    let backend = Backend::start("one").await;
    let mut spec = spec();
    spec.limits.request_body_bytes = 100 * MIB;
    let fixture = Fixture::start(spec, &[("app", backend.address)]).await;
    (backend, fixture)
}

/// Measured in a process of its own: other tests' memory is not the edge's.
#[test]
fn seventy_megabytes_pass_in_flat_memory() {
    const ALONE: &str = "LANDFALL_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(pass_seventy_megabytes());
    }
    let test = std::env::current_exe().unwrap();
    let arguments = ["--exact", "streaming::seventy_megabytes_pass_in_flat_memory", "--nocapture"];
    let output = std::process::Command::new(test).args(arguments).env(ALONE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("resident memory grew by").count(), 2, "{text}");
}

#[expect(clippy::print_stdout, reason = "the test above counts the lines")]
async fn pass_seventy_megabytes() {
    let (_backend, fixture) = large().await;
    for client in [fixture.http1(), fixture.http2()] {
        client.get(fixture.url("/name")).send().await.unwrap();
        let before = resident();
        let mut peak = before;
        let (body, _) = counted_body(70 * MIB / PIECE);
        let request = client.post(fixture.url("/sink")).body(body).send();
        let mut request = std::pin::pin!(request);
        let answer = loop {
            tokio::select! {
                answer = &mut request => break answer.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(5)) => peak = peak.max(resident()),
            }
        };
        assert_eq!(answer.text().await.unwrap(), (70 * MIB).to_string());
        let mut body = client.get(fixture.url("/blob?4480")).send().await.unwrap().bytes_stream();
        let mut count = 0;
        while let Some(piece) = body.next().await {
            count += piece.unwrap().len() as u64;
            peak = peak.max(resident());
        }
        assert_eq!(count, 70 * MIB);
        let grown = (peak - before) / 1024;
        println!("70 MiB up and down: resident memory grew by {grown} KiB");
        assert!(grown < 20 * 1024, "{grown} KiB");
    }
}

#[tokio::test]
async fn an_answer_arrives_piece_by_piece_while_the_request_is_still_being_sent() {
    let (_backend, fixture) = large().await;
    for client in [fixture.http1(), fixture.http2()] {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
            let piece = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(piece), receiver))
        });
        sender.send(Bytes::from_static(b"ping")).await.unwrap();
        let request = client.post(fixture.url("/echo")).body(reqwest::Body::wrap_stream(stream)).send();
        let mut answer = tokio::time::timeout(Duration::from_secs(3), request).await.unwrap().unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "ping");
        sender.send(Bytes::from_static(b"pong")).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "pong");
        drop(sender);
        assert_eq!(answer.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_reader_that_pauses_stops_the_backend() {
    let (backend, fixture) = large().await;
    for client in [fixture.http1(), fixture.http2()] {
        backend.seen.bytes_out.store(0, Ordering::SeqCst);
        let answer = client.get(fixture.url("/blob?6400")).send().await.unwrap();
        // What the kernel's buffers and the client's own window take is a few megabytes; 100 MiB were asked for.
        tokio::time::sleep(Duration::from_millis(800)).await;
        let first = backend.seen.bytes_out.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(400)).await;
        let second = backend.seen.bytes_out.load(Ordering::SeqCst);
        assert_eq!(first, second);
        assert!(second < 40 * MIB, "{} MiB", second / MIB);
        assert_eq!(answer.bytes().await.unwrap().len() as u64, 100 * MIB);
    }
}

#[tokio::test]
async fn a_backend_that_pauses_stops_the_sender() {
    let (_backend, fixture) = large().await;
    for client in [fixture.http1(), fixture.http2()] {
        let (body, taken) = counted_body(90 * MIB / PIECE);
        let request = client.post(fixture.url("/stuck?1000")).body(body);
        let sending = tokio::spawn(request.send());
        tokio::time::sleep(Duration::from_millis(800)).await;
        let first = taken.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(first, taken.load(Ordering::SeqCst));
        assert!(first > 0 && first < 40 * MIB, "{} MiB", first / MIB);
        sending.abort();
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_backend() {
    let (_backend, fixture) = large().await;
    for client in [fixture.http1(), fixture.http2()] {
        let answer = client.get(fixture.url("/half")).send().await.unwrap();
        assert_eq!(fixture.edge.status().backends[0].requests_in_flight, 1);
        drop(answer);
        drop(client);
        eventually("the request has ended", || fixture.edge.status().backends[0].requests_in_flight == 0).await;
    }
    assert!(fixture.log(2).await[0].ends_with("broken-off-by-client"));
}

#[tokio::test]
async fn a_body_that_the_client_breaks_off_never_looks_complete() {
    let (backend, fixture) = large().await;
    for round in 0..10 {
        let client = if round % 2 == 0 { fixture.http1() } else { fixture.http2() };
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"half"))])
            .chain(futures_util::stream::pending());
        let request = client.post(fixture.url("/sink")).body(reqwest::Body::wrap_stream(stream));
        let sending = tokio::spawn(request.send());
        eventually("the backend reads", || backend.seen.bytes_in.load(Ordering::SeqCst) == 4 * (round + 1)).await;
        sending.abort();
        eventually("the request has ended", || fixture.edge.status().requests_in_flight == 0).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lines = backend.seen.lines.lock().unwrap();
    assert_eq!((lines.len(), lines.iter().filter(|line| *line == "complete").count()), (10, 0));
}

#[tokio::test]
async fn a_get_with_a_body_and_head_keep_their_shape() {
    let (backend, fixture) = large().await;
    let client = fixture.http1();
    let head = format!("GET /sink HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nTransfer-Encoding: chunked");
    let answer = fixture.exchange(&format!("{head}\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")).await.unwrap();
    assert!(answer.ends_with('5'), "{answer}");
    let answer = client.head(fixture.url("/name")).send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], "3");
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
    assert_eq!(backend.requests(), 2);
}

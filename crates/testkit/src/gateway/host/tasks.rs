//! What a host does beside answering: copying, cutting the stream into messages, sending again.

use super::Host;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{Notify, mpsc};

/// Reads until the end, or until the connection is closed from the other side.
pub(super) async fn copy<F: Future<Output = bool>>(
    (mut from, closed): (OwnedReadHalf, Arc<Notify>),
    mut to: impl FnMut(Vec<u8>) -> F,
) {
    let mut buffer = vec![0; 32_768];
    loop {
        tokio::select! {
            biased;
            () = closed.notified() => return,
            read = from.read(&mut buffer) => match read {
                Ok(length) if length > 0 => {
                    if !to(buffer[..length].to_vec()).await {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

/// Cuts the stream of frames into messages, wherever that falls.
pub(super) async fn pump(host: Weak<Host>, mut frames: mpsc::Receiver<Vec<u8>>) {
    let mut buffer = Vec::new();
    while let Some(frame) = frames.recv().await {
        let Some(host) = host.upgrade() else { return };
        buffer.extend(frame);
        while !buffer.is_empty() {
            // The real one sends on whatever happens; here nothing more is sent than can be kept.
            while host.state().unacknowledged.len() >= 500 {
                let changed = host.changed.notified();
                let _ = tokio::time::timeout(Duration::from_millis(20), changed).await;
            }
            let rest = buffer.split_off(buffer.len().min(host.behaviour.payload));
            let piece = std::mem::replace(&mut buffer, rest);
            host.send(1, &piece).await;
        }
    }
}

/// Sends the oldest message again that nobody acknowledged.
pub(super) async fn repeat(host: Weak<Host>) {
    loop {
        let Some(host) = host.upgrade() else { return };
        let pause = Duration::from_millis(host.behaviour.repeats_after);
        let due = {
            let mut state = host.state();
            let oldest = state.unacknowledged.values_mut().next().filter(|(_, at)| at.elapsed() > pause);
            oldest.map(|(bytes, at)| {
                *at = Instant::now();
                bytes.clone()
            })
        };
        if let Some(bytes) = due {
            host.write(bytes).await;
        }
        drop(host);
        tokio::time::sleep(pause / 4).await;
    }
}

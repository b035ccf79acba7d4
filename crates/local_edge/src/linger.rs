//! Reads on, for a while, what a client sends after it was refused.
//!
//! Many clients send all of a body before they read the answer, and lose the answer when the
//! connection (HTTP/1.1) or the stream (HTTP/2) is reset meanwhile.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long to wait for the next piece.
pub(crate) const PIECE: Duration = Duration::from_secs(2);
/// How long to read in all.
pub(crate) const WHOLE: Duration = Duration::from_secs(30);

/// Reads and forgets the rest of a body; ends early when the client does.
pub(crate) async fn read_away(mut body: Incoming) {
    let reading = async { while let Ok(Some(Ok(_))) = timeout(PIECE, body.frame()).await {} };
    let _ = timeout_at(Instant::now() + WHOLE, reading).await;
}

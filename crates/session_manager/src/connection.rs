//! A connection through a session.

use crate::streams::Streams;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to the port, through the session and its host.
///
/// Closing its writing side leaves the reading side open as long as something comes (see [`crate::Options::linger`]); dropping it closes both.
#[derive(Debug)]
pub struct Connection {
    streams: Arc<Streams>,
    id: u32,
}

impl Connection {
    pub(crate) fn new(streams: Arc<Streams>, id: u32) -> Self {
        Self { streams, id }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.streams.poll_read(self.id, context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.streams.poll_write(self.id, context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.streams.poll_flush(self.id, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.streams.half_close(self.id);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.streams.leave(self.id);
    }
}

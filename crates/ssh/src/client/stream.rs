//! One forwarded connection as a stream, for a program's own client.

use super::handler::Shared;
use crate::pump::{End, Traffic, carry};
use russh::Channel;
use russh::client::Msg;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// How much waits on each side of the stream.
const BUFFER: usize = 64 * 1024;

/// A connection through an SSH server, read and written as any other. When the SSH connection goes away under it, reading
/// gives an error and not an end: a part is not the whole.
pub struct ForwardStream {
    near: DuplexStream,
    lost: Arc<AtomicBool>,
}

impl ForwardStream {
    pub(super) fn new(channel: Channel<Msg>, shared: Arc<Shared>) -> Self {
        let (near, far) = tokio::io::duplex(BUFFER);
        let lost = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&lost);
        tokio::spawn(async move {
            let (from_channel, to_channel) = channel.split();
            let traffic = Traffic::default();
            let mut far = far;
            let (from_near, to_near) = tokio::io::split(&mut far);
            let end = carry(from_near, to_near, from_channel, &to_channel, &shared.backlog, &[&traffic]).await;
            // The flag is up before `far` is dropped and the other half sees the end.
            flag.store(end == End::Cut, Ordering::Release);
        });
        Self { near, lost }
    }
}

impl AsyncRead for ForwardStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.near).poll_read(cx, buffer))?;
        if buffer.filled().len() == before && buffer.remaining() > 0 && self.lost.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the SSH connection under it went away",
            )));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ForwardStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.near).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_shutdown(cx)
    }
}

//! A byte stream that notes its activity and is closed so that the peer gets the last answer.

use crate::activity::Activity;
use crate::linger;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A byte stream that notes its activity. `H` is kept as long as the stream, also beyond an upgrade.
pub(crate) struct Watched<S, H> {
    inner: S,
    activity: Arc<Activity>,
    lingering: Option<Lingering>,
    _held: H,
}

struct Lingering {
    piece: Pin<Box<Sleep>>,
    end: Instant,
}

impl<S, H> Watched<S, H> {
    pub(crate) fn new(inner: S, activity: Arc<Activity>, held: H) -> Self {
        Self { inner, activity, lingering: None, _held: held }
    }
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for Watched<S, H> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        let count = buf.filled().len() - before;
        if count > 0 {
            self.activity.bytes_read(count);
        }
        Poll::Ready(match result {
            // Many clients leave TLS without saying so. HTTP knows by itself whether a message is complete.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            other => other,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Unpin> AsyncWrite for Watched<S, H> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.activity.bytes_written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs))?;
        self.activity.bytes_written(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// Closes the writing half; when the client is still sending a body that was refused, also lingers.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            if !this.activity.left_upload_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering = this.lingering.get_or_insert_with(|| Lingering {
            piece: Box::pin(tokio::time::sleep(linger::PIECE)),
            end: Instant::now() + linger::WHOLE,
        });
        let mut space = [0; 8192];
        loop {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(&mut this.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() && Instant::now() < lingering.end => {
                    lingering.piece.as_mut().reset(Instant::now() + linger::PIECE);
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.piece.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

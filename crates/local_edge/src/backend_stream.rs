//! Connections to backends.

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to the socket address that a URI names.
#[derive(Clone)]
pub(crate) struct Connector;

impl tower_service::Service<Uri> for Connector {
    type Response = BackendStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<BackendStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let address: Option<SocketAddr> = uri.authority().and_then(|authority| authority.as_str().parse().ok());
            let address = address.ok_or(ErrorKind::AddrNotAvailable)?;
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??;
            stream.set_nodelay(true)?;
            Ok(BackendStream { inner: TokioIo::new(stream), writes: Writes::Taken })
        })
    }
}

/// A connection to a backend. When the backend stops to read, what is left of the request is forgotten instead of
/// reported as an error: the answer that explains it ("401", "413") is on its way or in the buffer already, and when
/// there is none, reading says so.
pub(crate) struct BackendStream {
    inner: TokioIo<TcpStream>,
    writes: Writes,
}

#[derive(PartialEq)]
enum Writes {
    Taken,
    Forgotten,
}

impl BackendStream {
    fn forgive(&mut self, length: usize, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.writes = Writes::Forgotten;
                Poll::Ready(Ok(length))
            }
            other => other,
        }
    }
}

impl Connection for BackendStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for BackendStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl Write for BackendStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.writes == Writes::Forgotten {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.forgive(buf.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if self.writes == Writes::Forgotten {
            return Poll::Ready(Ok(length));
        }
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.forgive(length, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

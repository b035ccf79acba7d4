//! Carries bytes between a socket and an SSH channel: both ways at once, each way ending on its own, and never more in
//! memory than a few blocks, since each way reads only what the other end has taken.

use bytes::BytesMut;
use russh::{ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How much is read from a socket at once.
const BLOCK: usize = 64 * 1024;

/// How many bytes went which way, of all connections that share it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// From the socket into the channel.
    pub(crate) sent: AtomicU64,
    /// From the channel to the socket.
    pub(crate) received: AtomicU64,
}

impl Traffic {
    pub(crate) fn total(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }
}

/// How a carried connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides said that they are done.
    Complete,
    /// One of them went away before: a socket that broke, a channel that was closed, the SSH connection under it. What was
    /// received is not all there was.
    Cut,
}

/// Carries until both ends are done or one is gone. After [`End::Cut`] the caller must reset the socket, so that nobody takes a
/// part for the whole.
pub(crate) async fn carry<R, W, M>(
    mut from_socket: R,
    mut to_socket: W,
    mut from_channel: ChannelReadHalf,
    to_channel: &ChannelWriteHalf<M>,
    traffic: &[&Traffic],
) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    M: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let outbound = async {
        let mut buffer = BytesMut::with_capacity(BLOCK);
        loop {
            if buffer.capacity() < BLOCK / 4 {
                buffer.reserve(BLOCK);
            }
            let count = from_socket.read_buf(&mut buffer).await?;
            if count == 0 {
                break;
            }
            to_channel.data_bytes(buffer.split().freeze()).await.map_err(io::Error::other)?;
            for traffic in traffic {
                traffic.sent.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
        to_channel.eof().await.map_err(io::Error::other)
    };
    let inbound = async {
        loop {
            match from_channel.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    to_socket.write_all(&data).await?;
                    for traffic in traffic {
                        traffic.received.fetch_add(data.len() as u64, Ordering::Relaxed);
                    }
                }
                Some(ChannelMsg::Eof) => {
                    // A socket whose peer is gone already cannot be told.
                    let _ = to_socket.shutdown().await;
                    return Ok::<_, io::Error>(None);
                }
                Some(ChannelMsg::Close) => return Ok(Some(End::Cut)),
                Some(_) => {}
                None => return Ok(Some(End::Cut)),
            }
        }
    };
    let mut outbound = std::pin::pin!(outbound);
    let (sent, received) = {
        let mut inbound = std::pin::pin!(inbound);
        tokio::select! {
            sent = &mut outbound => match sent {
                Ok(()) => (true, inbound.await.unwrap_or(Some(End::Cut))),
                Err(_) => (true, Some(End::Cut)),
            },
            received = &mut inbound => (false, received.unwrap_or(Some(End::Cut))),
        }
    };
    let end = match received {
        Some(end) => end,
        None if sent => End::Complete,
        // The other end has said all; this one goes on until it has, or nobody listens any more.
        None => tokio::select! {
            sent = &mut outbound => if sent.is_ok() { End::Complete } else { End::Cut },
            end = closing(&mut from_channel) => end,
        },
    };
    // Nothing is sent when the channel is closed on both sides already.
    let _ = to_channel.close().await;
    end
}

/// Waits until the other end closes the channel.
async fn closing(from_channel: &mut ChannelReadHalf) -> End {
    loop {
        match from_channel.wait().await {
            Some(ChannelMsg::Close) => return End::Cut,
            Some(_) => {}
            None => return End::Cut,
        }
    }
}

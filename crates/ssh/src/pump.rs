//! Carries bytes between a socket and an SSH channel: both ways at once, each way ending on its own, and never more in
//! memory than a few blocks, since each way reads only what the other end has taken.

use crate::backlog::{Backlog, STALL};
use bytes::{Buf as _, Bytes, BytesMut};
use russh::{ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

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
    backlog: &Backlog,
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
    let inbound = receive(&mut to_socket, &mut from_channel, backlog, traffic);
    let mut outbound = std::pin::pin!(outbound);
    let (sent, received) = {
        let mut inbound = std::pin::pin!(inbound);
        tokio::select! {
            sent = &mut outbound => match sent {
                Ok(()) => (true, inbound.await),
                Err(_) => (true, Err(())),
            },
            received = &mut inbound => (false, received),
        }
    };
    let end = match received {
        Err(()) => End::Cut,
        Ok(()) if sent => End::Complete,
        // The other end has said all; this one goes on until it has, or nobody listens any more.
        Ok(()) => tokio::select! {
            sent = &mut outbound => if sent.is_ok() { End::Complete } else { End::Cut },
            end = closing(&mut from_channel) => end,
        },
    };
    // Nothing is sent when the channel is closed on both sides already.
    let _ = to_channel.close().await;
    end
}

/// Hands to the socket what comes, until the other end has said all; an error when one of them is gone.
async fn receive<W: AsyncWrite + Unpin>(
    to_socket: &mut W,
    from_channel: &mut ChannelReadHalf,
    backlog: &Backlog,
    traffic: &[&Traffic],
) -> Result<(), ()> {
    let mut share = backlog.channel();
    let mut waiting: VecDeque<Bytes> = VecDeque::new();
    let mut ended = false;
    let mut progress = Instant::now();
    loop {
        if let Some(front) = waiting.front_mut() {
            let room = !ended && share.has_room();
            tokio::select! {
                biased;
                written = to_socket.write(front) => {
                    let count = written.map_err(drop)?;
                    if count == 0 {
                        return Err(());
                    }
                    front.advance(count);
                    if front.is_empty() {
                        waiting.pop_front();
                    }
                    share.taken(count);
                    progress = Instant::now();
                    for traffic in traffic {
                        traffic.received.fetch_add(count as u64, Ordering::Relaxed);
                    }
                }
                message = from_channel.wait(), if room => match message {
                    Some(ChannelMsg::Data { data }) if !data.is_empty() => {
                        share.keep(data.len());
                        waiting.push_back(data);
                    }
                    Some(ChannelMsg::Eof) => ended = true,
                    Some(ChannelMsg::Close) | None => return Err(()),
                    Some(_) => {}
                },
                () = tokio::time::sleep_until(progress + STALL), if !room && !ended && share.others_wait() => return Err(()),
            }
        } else if ended {
            // A socket whose peer is gone already cannot be told.
            let _ = to_socket.shutdown().await;
            return Ok(());
        } else {
            match from_channel.wait().await {
                Some(ChannelMsg::Data { data }) if !data.is_empty() => {
                    share.keep(data.len());
                    waiting.push_back(data);
                    progress = Instant::now();
                }
                Some(ChannelMsg::Eof) => ended = true,
                Some(ChannelMsg::Close) | None => return Err(()),
                Some(_) => {}
            }
        }
    }
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

//! Carries bytes between a socket and an SSH channel: both ways at once, each way ending on its own. Towards the channel
//! never more is in memory than a few blocks, since only as much is read as the other end has room for; towards the socket
//! the backlog has its bounds.

use crate::backlog::{Backlog, Room, Share};
use bytes::BytesMut;
use russh::{ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

/// How much is read from a socket at once.
const BLOCK: usize = 64 * 1024;
/// How often one is looked at whose patience is over.
const AGAIN: Duration = Duration::from_secs(1);

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
    let mut ended = false;
    loop {
        let room = if ended { Room::Now } else { share.room() };
        let others_wait = share.others_wait();
        let Some(front) = share.front().await.map_err(drop)? else {
            if ended {
                // A socket whose peer is gone already cannot be told.
                let _ = to_socket.shutdown().await;
                return Ok(());
            }
            ended = take_in(from_channel.wait().await, &mut share).await?;
            continue;
        };
        tokio::select! {
            biased;
            written = to_socket.write(front) => {
                let count = written.map_err(drop)?;
                if count == 0 {
                    return Err(());
                }
                share.taken(count);
                for traffic in traffic {
                    traffic.received.fetch_add(count as u64, Ordering::Relaxed);
                }
            }
            message = from_channel.wait(), if !ended && room == Room::Now => {
                ended = take_in(message, &mut share).await?;
            }
            over = wait_for(room) => {
                if over && others_wait {
                    return Err(());
                }
            }
        }
    }
}

/// Keeps what came; returns whether it was the end.
async fn take_in(message: Option<ChannelMsg>, share: &mut Share<'_>) -> Result<bool, ()> {
    match message {
        Some(ChannelMsg::Data { data }) if !data.is_empty() => share.keep(data).await,
        Some(ChannelMsg::Eof) => return Ok(true),
        Some(ChannelMsg::Close) | None => return Err(()),
        Some(_) => {}
    }
    Ok(false)
}

/// Waits until it has to be looked again whether there is room; returns whether the patience is over.
async fn wait_for(room: Room) -> bool {
    match room {
        Room::Now => std::future::pending().await,
        Room::From(then) => {
            tokio::time::sleep_until(then).await;
            false
        }
        Room::Unless(then) => {
            // Others may come later, so this one is looked at again.
            tokio::time::sleep_until(then.max(Instant::now() + AGAIN)).await;
            true
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

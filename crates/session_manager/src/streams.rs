//! The connections of a session: what their two sides share.
//!
//! Programs put bytes in and take bytes out; the channel takes what is to be sent, in turns, and puts in what came. Everything is behind
//! one lock, which is held for moments only.

mod line;
mod shared;

use self::line::{Line, Program};
use self::shared::Shared;
use crate::error::End;
use crate::frame::{BadFrame, Event, FIRST_CONNECTION, Frames};
use crate::payload;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::ReadBuf;
use tokio::sync::Notify;

/// How much a program may write ahead of what is sent.
const AHEAD: usize = 64 << 10;

/// How connections share the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// By frames of smux.
    Multiplexed,
    /// Not at all.
    Single,
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) connections: usize,
    pub(crate) connections_ever: u64,
    pub(crate) refused: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) unread: usize,
}

/// The connections of a session.
#[derive(Debug)]
pub(crate) struct Streams {
    shared: Mutex<Shared>,
    /// There is something for the channel to do.
    pub(crate) work: Notify,
    most_unread: usize,
    linger: Duration,
}

impl Streams {
    pub(crate) fn new(most_unread: usize, linger: Duration) -> Self {
        let shared = Shared {
            sharing: None,
            agent: String::new(),
            lines: BTreeMap::new(),
            turn: VecDeque::new(),
            next: FIRST_CONNECTION,
            frames: Frames::default(),
            unread: 0,
            not_connected: 0,
            over: None,
            counts: Counts::default(),
        };
        Self { shared: Mutex::new(shared), work: Notify::new(), most_unread, linger }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // -- for the channel

    /// The agent is ready.
    pub(crate) fn begin(&self, sharing: Sharing, agent: &str) {
        let mut shared = self.shared();
        shared.sharing = Some(sharing);
        agent.clone_into(&mut shared.agent);
        if sharing == Sharing::Single {
            // The host's side is there before anybody connects here, and may speak first.
            let line = Line { open_sent: true, ..Line::new(Instant::now()) };
            shared.lines.insert(FIRST_CONNECTION, line);
        }
    }

    /// The session is over.
    pub(crate) fn finish(&self, end: Arc<End>) {
        let mut shared = self.shared();
        shared.over.get_or_insert(end);
        shared.lines.values_mut().for_each(Line::wake);
    }

    pub(crate) fn counts(&self) -> Counts {
        let shared = self.shared();
        let connections = shared.lines.values().filter(|line| line.program != Program::Left).count();
        let waits = usize::from(shared.sharing == Some(Sharing::Single) && shared.next == FIRST_CONNECTION);
        Counts { connections: connections.saturating_sub(waits), unread: shared.unread, ..shared.counts }
    }

    /// Whether more may be taken from the host.
    pub(crate) fn has_room(&self) -> bool {
        self.shared().unread < self.most_unread
    }

    /// Whether the one connection of an agent that carries no more is closed.
    pub(crate) fn is_spent(&self) -> bool {
        let shared = self.shared();
        shared.sharing == Some(Sharing::Single) && shared.lines.is_empty()
    }

    /// Whether there is something to send.
    pub(crate) fn has_work(&self) -> bool {
        !self.shared().turn.is_empty()
    }

    /// The next payload to be sent and its type, at most so long.
    pub(crate) fn next_payload(&self, most: usize) -> Option<(u32, Bytes)> {
        let mut shared = self.shared();
        match shared.sharing? {
            Sharing::Multiplexed => shared.frames_to_send(most).map(|frames| (payload::OUTPUT, frames)),
            Sharing::Single => shared.bytes_to_send(most),
        }
    }

    /// Bytes of the stream came.
    pub(crate) fn arrived(&self, piece: Bytes, now: Instant) -> Result<(), BadFrame> {
        let mut shared = self.shared();
        if shared.sharing != Some(Sharing::Multiplexed) {
            shared.data(FIRST_CONNECTION, piece, now);
            return Ok(());
        }
        for event in shared.frames.take(piece)? {
            match event {
                Event::Data(connection, bytes) => shared.data(connection, bytes, now),
                Event::End(connection) => {
                    shared.end(connection);
                    self.work.notify_one();
                }
            }
        }
        Ok(())
    }

    /// The host could not connect: the connection that ends next without a byte is the one.
    pub(crate) fn not_connected(&self) {
        let mut shared = self.shared();
        shared.not_connected += 1;
        shared.counts.refused += 1;
    }

    /// Ends the host's side of connections whose program has ended its own and to which nothing came for a while. Returns when the
    /// next one may be due.
    pub(crate) fn linger(&self, now: Instant) -> Option<Instant> {
        let mut shared = self.shared();
        let mut next: Option<Instant> = None;
        let mut due = Vec::new();
        for (id, line) in &shared.lines {
            if line.program == Program::Listens && !line.is_ending && line.to_send.is_empty() {
                let end = line.heard + self.linger;
                if end <= now {
                    due.push(*id);
                } else {
                    next = Some(next.map_or(end, |next| next.min(end)));
                }
            }
        }
        for id in due {
            shared.end_here(id);
        }
        next
    }

    // -- for programs

    /// A new connection.
    pub(crate) fn connect(&self) -> Result<u32, Arc<End>> {
        let mut shared = self.shared();
        if let Some(end) = &shared.over {
            return Err(Arc::clone(end));
        }
        let id = shared.next;
        match shared.sharing {
            Some(Sharing::Single) if id > FIRST_CONNECTION => {
                return Err(Arc::new(End::OneOnly(shared.agent.clone())));
            }
            Some(Sharing::Single) => {}
            // A session that has had two thousand million connections is done.
            _ if id > u32::MAX - 2 => return Err(Arc::new(End::Used)),
            _ => {
                shared.lines.insert(id, Line::new(Instant::now()));
                shared.queue(id);
                self.work.notify_one();
            }
        }
        shared.next += 2;
        shared.counts.connections_ever += 1;
        Ok(id)
    }

    pub(crate) fn poll_read(
        &self,
        id: u32,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut guard = self.shared();
        let shared = &mut *guard;
        let Some(line) = shared.lines.get_mut(&id) else { return Poll::Ready(Ok(())) };
        if !line.arrived.is_empty() {
            let was_full = shared.unread >= self.most_unread;
            while let Some(first) = line.arrived.front_mut() {
                let now = first.len().min(buffer.remaining());
                buffer.put_slice(&first.split_to(now));
                shared.unread -= now;
                if !first.is_empty() {
                    break;
                }
                line.arrived.pop_front();
            }
            if was_full && shared.unread < self.most_unread {
                self.work.notify_one();
            }
            return Poll::Ready(Ok(()));
        }
        if line.is_refused {
            let words = "the host could not connect to the port";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, words)));
        }
        if line.is_ended {
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = &shared.over {
            return Poll::Ready(Err(end.io()));
        }
        line.reader = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn poll_write(&self, id: u32, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut guard = self.shared();
        let shared = &mut *guard;
        if let Some(end) = &shared.over {
            return Poll::Ready(Err(end.io()));
        }
        let line = match shared.lines.get_mut(&id) {
            Some(line) if !line.is_ended && !line.is_ending && line.program == Program::Uses => line,
            _ => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        let room = AHEAD.saturating_sub(line.to_send.len());
        if room == 0 {
            line.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let now = bytes.len().min(room);
        line.to_send.extend_from_slice(&bytes[..now]);
        shared.queue(id);
        self.work.notify_one();
        Poll::Ready(Ok(now))
    }

    /// Waits until everything that was written is on its way.
    pub(crate) fn poll_flush(&self, id: u32, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.shared();
        let over = shared.over.clone();
        match (shared.lines.get_mut(&id), over) {
            (Some(line), _) if line.to_send.is_empty() => Poll::Ready(Ok(())),
            (_, Some(end)) => Poll::Ready(Err(end.io())),
            (Some(line), None) => {
                line.writer = Some(context.waker().clone());
                Poll::Pending
            }
            (None, None) => Poll::Ready(Ok(())),
        }
    }

    /// The program writes no more.
    pub(crate) fn half_close(&self, id: u32) {
        let mut shared = self.shared();
        if let Some(line) = shared.lines.get_mut(&id)
            && line.program == Program::Uses
        {
            line.program = Program::Listens;
            line.heard = Instant::now();
            self.work.notify_one();
        }
    }

    /// The program is done with it.
    pub(crate) fn leave(&self, id: u32) {
        let mut shared = self.shared();
        let Some(line) = shared.lines.get_mut(&id) else { return };
        line.program = Program::Left;
        let unread: usize = line.arrived.drain(..).map(|piece| piece.len()).sum();
        shared.unread -= unread;
        shared.end_here(id);
        self.work.notify_one();
    }
}

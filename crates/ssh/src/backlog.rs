//! What has come over an SSH connection and was not taken by its sockets yet.
//!
//! The library lets the peer send on as soon as something has arrived, and holds up the whole connection when one channel's
//! receiver is full: a single client that does not read would stop all others, and the answers to keep-alives. So what
//! arrives is kept here. A little is kept in memory; a reader that is slow while others wait on the same connection gets a
//! file as well. Only when that is used up the connection is held up, and when then somebody takes nothing at all while
//! others wait, that one is cut.

use crate::spool::Spool;
use bytes::{Buf as _, Bytes};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What one channel may keep in memory when there are few.
const EACH: usize = 1 << 20;
/// What one may keep however many there are.
const LEAST: usize = 64 << 10;
/// What all channels of a connection share.
const ALL: usize = 16 << 20;
/// How long one may be full while others are open, before the file is used. A reader that is about as fast as the
/// connection never needs it.
const GRACE: Duration = Duration::from_millis(100);
/// How long the only one may take nothing, before the file is used: somebody else may want in.
const ALONE: Duration = Duration::from_secs(1);
/// How long one may take nothing while it holds up others and has no room anywhere.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// The backlog of one SSH connection.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    channels: AtomicUsize,
    blocked: AtomicUsize,
    /// Bytes in files.
    spooled: AtomicUsize,
}

impl Backlog {
    /// Whether the connection is held up by somebody on this side.
    pub(crate) fn holds_up(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) > 0
    }

    /// Somebody is on the connection, or about to be: who is slow must make way.
    pub(crate) fn guest(&self) -> Guest<'_> {
        self.channels.fetch_add(1, Ordering::Relaxed);
        Guest(self)
    }

    pub(crate) fn channel(&self) -> Share<'_> {
        Share {
            guest: self.guest(),
            memory: VecDeque::new(),
            kept: 0,
            spool: None,
            blocked: false,
            full_since: None,
            progress: Instant::now(),
        }
    }
}

/// One who uses the connection.
pub(crate) struct Guest<'a>(&'a Backlog);

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.channels.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether more may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// It may.
    Now,
    /// Not before then.
    From(Instant),
    /// Not before something was taken; after that time others have waited long enough.
    Unless(Instant),
}

/// What one channel keeps, in the order in which it came.
pub(crate) struct Share<'a> {
    guest: Guest<'a>,
    /// The oldest.
    memory: VecDeque<Bytes>,
    /// Bytes in `memory`.
    kept: usize,
    /// What came later, while there is such.
    spool: Option<Spool<'a>>,
    blocked: bool,
    /// Since when there was hardly ever room.
    full_since: Option<Instant>,
    /// When something was last taken, or had to be for the first time.
    progress: Instant,
}

impl Share<'_> {
    /// The oldest bytes, none when nothing is kept.
    pub(crate) async fn front(&mut self) -> std::io::Result<Option<&mut Bytes>> {
        if self.memory.is_empty()
            && let Some(spool) = &mut self.spool
        {
            let block = spool.read().await?;
            if spool.is_empty() {
                self.spool = None;
            }
            self.kept += block.len();
            self.memory.push_back(block);
        }
        Ok(self.memory.front_mut())
    }

    /// Takes in what came.
    pub(crate) async fn keep(&mut self, data: Bytes) {
        if self.memory.is_empty() && self.spool.is_none() {
            self.progress = Instant::now();
        }
        if self.spool.is_none() && self.kept >= self.in_memory() {
            // Without a file it stays in memory, and nothing more comes until there is room.
            self.spool = Spool::new(&self.guest.0.spooled);
        }
        match &mut self.spool {
            Some(spool) => spool.write(data).await,
            None => {
                self.kept += data.len();
                self.memory.push_back(data);
            }
        }
    }

    /// So many of the oldest bytes were taken.
    pub(crate) fn taken(&mut self, bytes: usize) {
        self.progress = Instant::now();
        self.kept -= bytes;
        if let Some(front) = self.memory.front_mut() {
            front.advance(bytes);
            if front.is_empty() {
                self.memory.pop_front();
            }
        }
    }

    /// Whether more may come now; notes it when not.
    pub(crate) fn room(&mut self) -> Room {
        let room = self.look();
        let blocked = room != Room::Now;
        if blocked != self.blocked {
            self.blocked = blocked;
            if blocked {
                self.guest.0.blocked.fetch_add(1, Ordering::Relaxed);
            } else {
                self.guest.0.blocked.fetch_sub(1, Ordering::Relaxed);
            }
        }
        room
    }

    fn look(&mut self) -> Room {
        if let Some(spool) = &self.spool {
            return if spool.has_room() { Room::Now } else { self.at_the_end() };
        }
        let bound = self.in_memory();
        if self.kept < bound {
            if self.kept < bound / 2 {
                self.full_since = None;
            }
            return Room::Now;
        }
        if !Spool::is_possible(&self.guest.0.spooled) {
            return self.at_the_end();
        }
        let now = Instant::now();
        let since = *self.full_since.get_or_insert(now);
        let from = if self.others_wait() { since + GRACE } else { self.progress + ALONE };
        if from <= now { Room::Now } else { Room::From(from.min(now + GRACE)) }
    }

    fn at_the_end(&self) -> Room {
        Room::Unless(self.progress + STALL)
    }

    pub(crate) fn others_wait(&self) -> bool {
        self.guest.0.channels.load(Ordering::Relaxed) > 1
    }

    fn in_memory(&self) -> usize {
        (ALL / self.guest.0.channels.load(Ordering::Relaxed).max(1)).clamp(LEAST, EACH)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.blocked {
            self.guest.0.blocked.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

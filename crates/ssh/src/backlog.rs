//! What has come over an SSH connection and was not taken by its sockets yet.
//!
//! The library lets the peer send on as soon as something has arrived, and holds up the whole connection when one channel's
//! receiver is full: a single client that does not read would stop all others, and the answers to keep-alives. So what
//! arrives is kept here, up to a bound that all channels of a connection share. Only when that is used up the connection
//! is held up, and when then somebody takes nothing at all while others wait, that one is cut.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What each channel may keep, whatever the others do.
const EACH: usize = 256 << 10;
/// What all channels of a connection may keep together.
const ALL: usize = 16 << 20;
/// How long one may take nothing while it holds up others.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// The backlog of one SSH connection.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    kept: AtomicUsize,
    channels: AtomicUsize,
    blocked: AtomicUsize,
}

impl Backlog {
    /// Whether the connection is held up by somebody on this side.
    pub(crate) fn holds_up(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn channel(&self) -> Share<'_> {
        self.channels.fetch_add(1, Ordering::Relaxed);
        Share { backlog: self, kept: 0, blocked: false }
    }
}

/// What one channel keeps of it.
pub(crate) struct Share<'a> {
    backlog: &'a Backlog,
    kept: usize,
    blocked: bool,
}

impl Share<'_> {
    /// Whether more may come; notes it when not.
    pub(crate) fn has_room(&mut self) -> bool {
        let room = self.kept < EACH || self.backlog.kept.load(Ordering::Relaxed) < ALL;
        if room == self.blocked {
            self.blocked = !room;
            if room {
                self.backlog.blocked.fetch_sub(1, Ordering::Relaxed);
            } else {
                self.backlog.blocked.fetch_add(1, Ordering::Relaxed);
            }
        }
        room
    }

    pub(crate) fn keep(&mut self, bytes: usize) {
        self.kept += bytes;
        self.backlog.kept.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn taken(&mut self, bytes: usize) {
        self.kept -= bytes;
        self.backlog.kept.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn others_wait(&self) -> bool {
        self.backlog.channels.load(Ordering::Relaxed) > 1
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.backlog.kept.fetch_sub(self.kept, Ordering::Relaxed);
        self.backlog.channels.fetch_sub(1, Ordering::Relaxed);
        if self.blocked {
            self.backlog.blocked.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

//! Whether anything is still heard on a websocket.

use std::time::{Duration, Instant};

/// A websocket without a word, although something is on its way, is dead after this.
const DEAF: Duration = Duration::from_secs(15);

/// What is heard on a websocket.
pub(super) struct Path {
    pub(super) begun: Instant,
    pub(super) heard: Instant,
    /// When a sign of life was asked for, and none came since.
    asked: Option<Instant>,
}

impl Path {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, heard: now, asked: None }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
    }

    /// Whether to ask for a sign of life now.
    pub(super) fn ask(&mut self, now: Instant, after: Duration) -> bool {
        let is_due = self.asked.is_none() && now >= self.heard + after;
        if is_due {
            self.asked = Some(now);
        }
        is_due
    }

    /// When the path is to be held for dead, unless something is heard.
    pub(super) fn dead_at(&self, unacknowledged_since: Option<Instant>) -> Instant {
        let asked = self.asked.map(|asked| asked + DEAF);
        let sent = unacknowledged_since.map(|since| since.max(self.heard) + DEAF);
        asked.into_iter().chain(sent).min().unwrap_or(self.heard + 24 * 3600 * DEAF)
    }

    pub(super) fn next(&self, ping: Duration, unacknowledged_since: Option<Instant>) -> Instant {
        let dead = self.dead_at(unacknowledged_since);
        if self.asked.is_some() { dead } else { dead.min(self.heard + ping) }
    }
}

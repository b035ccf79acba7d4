//! When something last happened on a client connection, and until when the next thing must.

use crate::settings::Limits;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// When something last happened on a connection. Shared by its stream, its requests and its watchdog.
pub(crate) struct Activity {
    start: Instant,
    /// Milliseconds from the start to the last byte in either direction.
    last_byte: AtomicU64,
    /// Milliseconds from the start to the first byte of a header that is not complete, plus one; 0 when there is none.
    header_since: AtomicU64,
    /// Requests in flight.
    exchanges: AtomicUsize,
    /// Whether bytes between two requests begin the next header (HTTP/1) or may mean anything (HTTP/2).
    bytes_begin_header: AtomicBool,
    read: AtomicU64,
    written: AtomicU64,
    /// Whether the answer was given without reading all of the request's body.
    unread_upload: AtomicBool,
}

/// What the watchdog of a connection has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again after this time at the latest.
    Wait(Duration),
    /// Nothing was asked for too long: close politely.
    Idle,
    /// A header is not completed, or neither side moves a byte: cut.
    Stalled,
}

impl Activity {
    /// A connection that owes a header from now on.
    pub(crate) fn new(http1: bool) -> Self {
        Self {
            start: Instant::now(),
            last_byte: AtomicU64::new(0),
            header_since: AtomicU64::new(1),
            exchanges: AtomicUsize::new(0),
            bytes_begin_header: AtomicBool::new(http1),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            unread_upload: AtomicBool::new(false),
        }
    }

    pub(crate) fn bytes_read(&self, count: usize) {
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        let now = self.touch();
        if self.bytes_begin_header.load(Ordering::Relaxed)
            && self.exchanges.load(Ordering::Relaxed) == 0
            && self.header_since.load(Ordering::Relaxed) == 0
        {
            self.header_since.store(now + 1, Ordering::Relaxed);
        }
    }

    pub(crate) fn bytes_written(&self, count: usize) {
        self.written.fetch_add(count as u64, Ordering::Relaxed);
        self.touch();
    }

    /// Bytes read and written so far.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }

    fn touch(&self) -> u64 {
        let now = self.now();
        self.last_byte.store(now, Ordering::Relaxed);
        now
    }

    pub(crate) fn begin_exchange(&self) {
        self.header_since.store(0, Ordering::Relaxed);
        self.unread_upload.store(false, Ordering::Relaxed);
        self.exchanges.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_exchange(&self) {
        self.touch();
        self.exchanges.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn leave_upload_unread(&self) {
        self.unread_upload.store(true, Ordering::Relaxed);
    }

    pub(crate) fn left_upload_unread(&self) -> bool {
        self.unread_upload.load(Ordering::Relaxed)
    }

    /// Time since the last byte.
    pub(crate) fn quiet(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last_byte.load(Ordering::Relaxed)))
    }

    pub(crate) fn judge(&self, limits: &Limits) -> Verdict {
        let header_since = self.header_since.load(Ordering::Relaxed);
        // Half of the header's time is the coarsest step that still notices a header begun since the last look.
        let step = limits.header_timeout / 2;
        let wait = |passed: Duration, allowed: Duration| {
            allowed.checked_sub(passed).filter(|left| !left.is_zero()).map(|left| Verdict::Wait(left.min(step)))
        };
        if !self.is_idle() {
            // A silent backend is answered for with 504 after the idle time; this is for clients, so it comes later.
            let allowed = limits.idle_timeout + limits.idle_timeout / 4 + Duration::from_secs(1);
            wait(self.quiet(), allowed).unwrap_or(Verdict::Stalled)
        } else if header_since > 0 {
            let passed = Duration::from_millis(self.now().saturating_sub(header_since - 1));
            wait(passed, limits.header_timeout).unwrap_or(Verdict::Stalled)
        } else {
            wait(self.quiet(), limits.idle_timeout).unwrap_or(Verdict::Idle)
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

//! How fast messages go.

use std::time::{Duration, Instant};

/// So many messages a second, with a hundredth of a second's worth saved up at most, but never fewer than 16.
#[derive(Debug)]
pub(crate) struct Pace {
    each: Duration,
    most: Duration,
    /// Until when the messages that went fill the time.
    filled: Instant,
}

impl Pace {
    pub(crate) fn new(per_second: Option<u32>, now: Instant) -> Self {
        let each = per_second.map_or(Duration::ZERO, |number| Duration::from_secs(1) / number.max(1));
        Self { each, most: (each * 16).max(Duration::from_millis(10)), filled: now }
    }

    /// Whether one may go now; it counts as gone.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.each.is_zero() {
            return true;
        }
        let earliest = now.checked_sub(self.most).unwrap_or(now);
        let filled = self.filled.max(earliest) + self.each;
        if filled > now {
            return false;
        }
        self.filled = filled;
        true
    }

    /// When the next one may go.
    pub(crate) fn next(&self) -> Instant {
        self.filled + self.each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_what_it_may() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(1000), start);
        let mut gone = 0;
        for step in 0..1000 {
            let now = start + Duration::from_millis(step);
            while pace.take(now) {
                gone += 1;
            }
        }
        assert_eq!(gone, 999);
        // After a rest, a few go at once.
        let now = start + Duration::from_secs(60);
        let burst = (0..100).take_while(|_| pace.take(now)).count();
        assert_eq!(burst, 16);
        assert!(pace.next() > now);
        assert!((0..100_000).all(|_| Pace::new(None, start).take(start)));
    }
}

//! The growing pause between the restarts of a program.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// A program that has run so long counts as stable: its next pause is the first one again.
const STABLE: Duration = Duration::from_secs(10);

/// The growing pause between the restarts of a program.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after a life of some length. `chance`, from 0 to 255, spreads restarts of several
    /// programs that died together by up to a quarter.
    pub(crate) fn pause(&mut self, lived: Duration, chance: u8) -> Duration {
        if lived >= STABLE {
            self.failures = 0;
        }
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause + pause * u32::from(chance) / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_limit_and_forgets_after_a_stable_life() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..9).map(|_| backoff.pause(Duration::ZERO, 0).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
        assert_eq!(backoff.pause(STABLE, 0), FIRST);
        assert!(backoff.pause(STABLE, 255) < FIRST * 5 / 4);
    }
}

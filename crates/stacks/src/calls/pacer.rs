//! How fast calls may follow each other: one bucket of tokens for each operation of a service, learnt from the service's own refusals.
//!
//! A bucket belongs to a process, not to a deployment: twenty deployments that go up at once share what one account allows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Calls a second before a service has said that it is too much. AWS publishes no number for CloudFormation.
const FIRST_RATE: f64 = 20.0;
/// No service is asked faster, however well it answers.
const HIGHEST_RATE: f64 = 40.0;
/// No service is asked more slowly, however often it refuses.
const LOWEST_RATE: f64 = 0.5;
/// What one answered call gives back after a refusal, in calls a second.
const RECOVERY: f64 = 0.05;
/// How many calls may come at once.
const BURST: f64 = 10.0;
/// Refusals within this time are one: those that were on their way when the first came.
const SAME_REFUSAL: Duration = Duration::from_millis(500);

/// The pace of all calls of a process.
#[derive(Debug)]
pub struct Pacer {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    jitter: u64,
}

#[derive(Debug)]
struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Instant,
    refused: Option<Instant>,
}

impl Pacer {
    /// A pacer whose jitter comes from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State { buckets: BTreeMap::new(), jitter: seed }) }
    }

    /// How long the next call of an operation has to wait; counts it as made.
    pub(super) fn reserve(&self, operation: &str) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = state.bucket(operation);
        bucket.fill();
        bucket.tokens -= 1.0;
        if bucket.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-bucket.tokens / bucket.rate) }
    }

    /// A service said that it was too much: half as fast from now on.
    pub(super) fn refused(&self, operation: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = state.bucket(operation);
        let now = Instant::now();
        if bucket.refused.is_some_and(|last| now.duration_since(last) < SAME_REFUSAL) {
            return;
        }
        bucket.fill();
        bucket.refused = Some(now);
        bucket.rate = (bucket.rate / 2.0).max(LOWEST_RATE);
        bucket.tokens = bucket.tokens.min(0.0);
    }

    /// A call was answered: a little faster.
    pub(super) fn answered(&self, operation: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = state.bucket(operation);
        bucket.rate = (bucket.rate + RECOVERY).min(HIGHEST_RATE);
    }

    /// A time between half of `most` and all of it, so that those who wait do not come back together.
    pub(super) fn jitter(&self, most: Duration) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // SplitMix64: enough for a jitter, and the same from the same seed.
        state.jitter = state.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state.jitter;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX);
        most.mul_f64(0.5 + 0.5 * f64::from(share) / f64::from(u32::MAX))
    }
}

impl State {
    fn bucket(&mut self, operation: &str) -> &mut Bucket {
        self.buckets.entry(operation.to_owned()).or_insert_with(|| Bucket {
            rate: FIRST_RATE,
            tokens: BURST,
            filled: Instant::now(),
            refused: None,
        })
    }
}

impl Bucket {
    fn fill(&mut self) {
        let now = Instant::now();
        self.tokens = (self.tokens + now.duration_since(self.filled).as_secs_f64() * self.rate).min(BURST);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_the_rate_once() {
        let pacer = Pacer::new(1);
        for _ in 0..10 {
            assert_eq!(pacer.reserve("a"), Duration::ZERO);
        }
        assert_eq!(pacer.reserve("a"), Duration::from_secs_f64(1.0 / FIRST_RATE));
        pacer.refused("a");
        pacer.refused("a");
        assert_eq!(pacer.reserve("a").as_secs_f64(), 2.0 / (FIRST_RATE / 2.0));
        // Another operation is not slowed down.
        assert_eq!(pacer.reserve("b"), Duration::ZERO);
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            pacer.refused("a");
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        for _ in 0..10 {
            pacer.reserve("a");
        }
        assert_eq!(pacer.reserve("a"), Duration::from_secs_f64(1.0 / LOWEST_RATE));
    }

    #[test]
    fn jitter_stays_between_half_and_all() {
        let (one, same) = (Pacer::new(7), Pacer::new(7));
        let most = Duration::from_secs(8);
        for _ in 0..1000 {
            let pause = one.jitter(most);
            assert!(pause >= most / 2 && pause <= most, "{pause:?}");
            assert_eq!(pause, same.jitter(most));
        }
    }
}

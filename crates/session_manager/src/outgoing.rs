//! What we sent and nobody acknowledged yet.
//!
//! Each message is acknowledged by itself. What is not acknowledged in time is sent again, the oldest first; the time follows the round
//! trips that were measured. Source of the constants: `src/config/config.go` of `aws/session-manager-plugin`.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is taken for the first round trip.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);
/// How long the first message waits.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// No message waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Clocks are no finer.
const GRANULARITY: Duration = Duration::from_millis(10);
/// So many of the oldest are looked at: what is younger has its turn when they are there.
const AT_ONCE: usize = 32;

#[derive(Debug)]
struct Sent {
    message: Bytes,
    at: Instant,
    times: u32,
    /// Sent before the path broke: it goes again at once.
    is_doubtful: bool,
}

/// The window of messages on their way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    next: i64,
    window: usize,
    waiting: BTreeMap<i64, Sent>,
    round_trip: Duration,
    variation: Duration,
    wait: Duration,
    /// From where on there may be doubtful ones.
    doubtful: Option<i64>,
    /// Since when nothing was acknowledged although something was on its way.
    silent_since: Option<Instant>,
}

impl Outgoing {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            next: 0,
            window: window.max(1),
            waiting: BTreeMap::new(),
            round_trip: FIRST_ROUND_TRIP,
            variation: Duration::ZERO,
            wait: FIRST_WAIT,
            doubtful: None,
            silent_since: None,
        }
    }

    /// Whether another message may go.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < self.window
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number that the next message has.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// The message with the number [`Outgoing::next`] goes now.
    pub(crate) fn sent(&mut self, message: Bytes, now: Instant) {
        self.waiting.insert(self.next, Sent { message, at: now, times: 1, is_doubtful: false });
        self.next += 1;
        self.silent_since.get_or_insert(now);
    }

    /// A message arrived.
    pub(crate) fn acknowledged(&mut self, sequence: i64, now: Instant) {
        let Some(sent) = self.waiting.remove(&sequence) else { return };
        self.silent_since = (!self.waiting.is_empty()).then_some(now);
        // Of a message that went twice nobody knows which of the two was acknowledged.
        if sent.times == 1 {
            self.measured(now.saturating_duration_since(sent.at));
        }
    }

    fn measured(&mut self, round_trip: Duration) {
        self.variation = (self.variation * 3 + self.round_trip.abs_diff(round_trip)) / 4;
        self.round_trip = (self.round_trip * 7 + round_trip) / 8;
        self.wait = (self.round_trip + (self.variation * 4).max(GRANULARITY)).min(LONGEST_WAIT);
    }

    fn due_at(&self, sent: &Sent) -> Instant {
        if sent.is_doubtful {
            return sent.at;
        }
        let doubled = self.wait * 2_u32.pow(sent.times.saturating_sub(1).min(4));
        sent.at + doubled.min(LONGEST_WAIT)
    }

    /// Whether something goes again now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_due().is_some_and(|due| due <= now)
    }

    /// What goes again now, the oldest first.
    pub(crate) fn again(&mut self, now: Instant) -> Option<Bytes> {
        let due = self.waiting.iter().take(AT_ONCE).find(|(_, sent)| !sent.is_doubtful && self.due_at(sent) <= now);
        let doubtful = self.doubtful.and_then(|from| self.waiting.range(from..).find(|(_, sent)| sent.is_doubtful));
        let sequence = *doubtful.or(due)?.0;
        let sent = self.waiting.get_mut(&sequence)?;
        sent.at = now;
        sent.times += 1;
        if std::mem::take(&mut sent.is_doubtful) {
            self.doubtful = Some(sequence + 1);
        }
        Some(sent.message.clone())
    }

    /// When the next one is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let doubtful = self.doubtful.and_then(|from| self.waiting.range(from..).find(|(_, sent)| sent.is_doubtful));
        let oldest = self.waiting.values().take(AT_ONCE);
        oldest.chain(doubtful.map(|(_, sent)| sent)).map(|sent| self.due_at(sent)).min()
    }

    /// The path broke and is there again.
    pub(crate) fn path_is_new(&mut self, now: Instant) {
        for sent in self.waiting.values_mut() {
            sent.is_doubtful = true;
        }
        self.doubtful = self.waiting.keys().next().copied();
        self.excuse(now);
    }

    /// That nothing was acknowledged until now is nobody's fault.
    pub(crate) fn excuse(&mut self, now: Instant) {
        self.silent_since = (!self.waiting.is_empty()).then_some(now);
    }

    /// Since when nothing was acknowledged although something is on its way.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        self.silent_since
    }

    /// For how long nothing was acknowledged.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        self.silent_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn message(number: u8) -> Bytes {
        Bytes::copy_from_slice(&[number])
    }

    fn due(outgoing: &mut Outgoing, now: Instant, most: usize) -> Vec<Bytes> {
        let mut due = Vec::new();
        while due.len() < most && outgoing.is_due(now) {
            due.extend(outgoing.again(now));
        }
        due
    }

    #[test]
    fn the_oldest_go_again_when_their_time_is_over() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(3);
        for number in 0..3 {
            assert!(outgoing.has_room());
            outgoing.sent(message(number), start);
        }
        assert!(!outgoing.has_room());
        assert_eq!(due(&mut outgoing, start + 199 * MS, 9), Vec::<Bytes>::new());
        assert_eq!(due(&mut outgoing, start + 200 * MS, 2), [message(0), message(1)]);
        assert_eq!(due(&mut outgoing, start + 300 * MS, 9), [message(2)]);
        // The pause doubles.
        assert_eq!(outgoing.next_due(), Some(start + 600 * MS));
        outgoing.acknowledged(0, start + 400 * MS);
        outgoing.acknowledged(1, start + 400 * MS);
        assert_eq!(due(&mut outgoing, start + 699 * MS, 9), Vec::<Bytes>::new());
        assert_eq!(due(&mut outgoing, start + 700 * MS, 9), [message(2)]);
        assert_eq!(outgoing.silence(start + 500 * MS), 100 * MS);
        outgoing.acknowledged(2, start + 500 * MS);
        outgoing.acknowledged(2, start + 500 * MS);
        assert!(outgoing.is_empty() && outgoing.next() == 3 && outgoing.next_due().is_none());
        assert_eq!(outgoing.silence(start + 900 * MS), Duration::ZERO);
    }

    #[test]
    fn the_wait_follows_the_round_trips_up_to_a_second() {
        let mut now = Instant::now();
        let mut outgoing = Outgoing::new(9);
        for _ in 0..60 {
            outgoing.sent(message(1), now);
            now += 20 * MS;
            outgoing.acknowledged(outgoing.next() - 1, now);
        }
        assert!(outgoing.wait < 40 * MS, "{:?}", outgoing.wait);
        for _ in 0..60 {
            outgoing.sent(message(1), now);
            now += 5000 * MS;
            outgoing.acknowledged(outgoing.next() - 1, now);
        }
        assert_eq!(outgoing.wait, LONGEST_WAIT);
    }

    #[test]
    fn after_a_break_everything_goes_again_once() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(100);
        (0..100).for_each(|number| outgoing.sent(message(number), now));
        outgoing.path_is_new(now);
        assert_eq!(due(&mut outgoing, now, 70).len(), 70);
        assert_eq!(due(&mut outgoing, now, 70), (70..100).map(message).collect::<Vec<_>>());
        assert!(due(&mut outgoing, now, 70).is_empty());
    }
}

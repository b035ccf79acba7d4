//! What a tunnel is to do, in plain values.

use crate::client::ClientConfig;
use crate::error::SshError;
use crate::tunnel::health::Health;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// A tunnel that is kept open.
#[derive(Debug, Clone)]
pub struct TunnelConfig {
    /// The server that is dialled, and with what.
    pub server: ClientConfig,
    /// Which way it leads.
    pub way: Way,
    /// How it is known that it works, beyond that it is open.
    pub health: Option<Health>,
    /// How long it waits between attempts.
    pub pauses: Pauses,
}

/// Which way a tunnel leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// The server listens on its own `127.0.0.1:listen`; connections there come out at `target` here (`ssh -R`).
    Reverse {
        /// The port over there.
        listen: u16,
        /// Where connections come out.
        target: SocketAddr,
    },
    /// This side listens on `127.0.0.1:listen`; connections here come out at `host:port` over there (`ssh -L`).
    Forward {
        /// The port here; 0 lets the system choose.
        listen: u16,
        /// What the server connects to.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// How long a tunnel waits between attempts. The first attempt after a cut is made at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
    /// The first while the server does not know the key or refuses the forward: a person has to act.
    pub gate_first: Duration,
    /// The longest of these.
    pub gate_most: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            most: Duration::from_secs(15),
            gate_first: Duration::from_secs(2),
            gate_most: Duration::from_secs(30),
        }
    }
}

/// The pauses of one series of attempts.
pub(crate) struct Dialling {
    begin: Instant,
    pauses: Pauses,
    failures: Backoff,
    gate: Backoff,
    /// Connections in a row that were cut soon.
    short_lived: u32,
}

/// A connection that was open for so long works.
const LASTING: Duration = Duration::from_secs(2);
/// So many that did not are forgiven.
const FREE: u32 = 3;

impl Dialling {
    pub(crate) fn new(pauses: Pauses) -> Self {
        Self {
            begin: Instant::now(),
            pauses,
            failures: Backoff::new(pauses.first, pauses.most),
            gate: Backoff::new(pauses.gate_first, pauses.gate_most),
            short_lived: 0,
        }
    }

    /// How long to wait after a failed attempt.
    pub(crate) fn pause_after(&mut self, error: &SshError) -> Duration {
        match error {
            SshError::KeyRefused { .. } | SshError::ListenRefused { .. } => self.gate.pause(),
            // It was waited for long enough already.
            SshError::Timeout { .. } => self.pauses.first,
            // A server that is not there is asked again after a sixteenth of the time it has been away: who was away for
            // three seconds is not missed for another three. It costs the other side nothing.
            SshError::Connect { .. } | SshError::Name { .. } => {
                shortened((self.begin.elapsed() / 16).max(self.pauses.first).min(self.pauses.most))
            }
            // A server that is there and hangs up may count such visits.
            _ => self.failures.pause(),
        }
    }

    /// A connection was open for so long, then cut. What lasted starts a new series at once; what is cut again and again as
    /// soon as it is open is a failure like others.
    pub(crate) fn pause_after_cut(&mut self, lasted: Duration) -> Duration {
        self.begin = Instant::now();
        if lasted >= LASTING {
            *self = Self::new(self.pauses);
            return Duration::ZERO;
        }
        self.short_lived += 1;
        if self.short_lived <= FREE { Duration::ZERO } else { self.failures.pause() }
    }
}

/// Pauses that double up to a bound, each shortened at random, so that many tunnels do not dial in step.
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { next: first.min(most), most }
    }

    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.most);
        shortened(whole)
    }
}

/// Shorter by up to a half.
fn shortened(whole: Duration) -> Duration {
    let mut random = [0; 4];
    // Without randomness the pause is a whole one, which does no harm.
    let share = match aws_lc_rs::rand::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    };
    whole.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_double_up_to_their_bound_and_differ() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let pauses: Vec<Duration> = (0..200).map(|_| backoff.pause()).collect();
        for (index, pause) in pauses.iter().enumerate() {
            let whole = Duration::from_millis(100) * 2_u32.pow(u32::try_from(index.min(10)).unwrap());
            let whole = whole.min(Duration::from_secs(2));
            assert!(*pause >= whole / 2 && *pause <= whole, "{index}: {pause:?}");
        }
        let late = &pauses[20..];
        assert!(late.iter().any(|pause| *pause != late[0]));
    }

    #[test]
    fn who_is_away_for_a_moment_is_not_missed_for_long() {
        let pauses = Pauses::default();
        let mut dialling = Dialling::new(pauses);
        let refused =
            || SshError::Connect { server: "x".to_owned(), source: std::io::ErrorKind::ConnectionRefused.into() };
        for (away, at_most) in [(0, 100), (3, 188), (60, 3750), (300, 15_000)] {
            dialling.begin = Instant::now().checked_sub(Duration::from_secs(away)).unwrap();
            let pause = dialling.pause_after(&refused());
            // The clock goes on in between.
            assert!(pause <= Duration::from_millis(at_most + 100), "{away}: {pause:?}");
            assert!(pause >= Duration::from_millis(at_most / 2 - 1), "{away}: {pause:?}");
        }
    }

    #[test]
    fn what_is_cut_as_soon_as_it_is_open_is_not_made_again_without_end() {
        let mut dialling = Dialling::new(Pauses::default());
        let short = Duration::from_millis(10);
        let pauses: Vec<Duration> = (0..20).map(|_| dialling.pause_after_cut(short)).collect();
        assert!(pauses[..3].iter().all(Duration::is_zero));
        assert!(pauses[19] >= Duration::from_secs(7));
        assert!(dialling.pause_after_cut(Duration::from_secs(60)).is_zero());
        assert!(dialling.pause_after_cut(short).is_zero());
    }
}

//! What a tunnel is to do, in plain values.

use crate::client::ClientConfig;
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
    /// After the first failure; each further one doubles it.
    pub first: Duration,
    /// The longest in the first ten minutes without success.
    pub most: Duration,
    /// The longest afterwards.
    pub late_most: Duration,
    /// The first while the server does not know the key or refuses the forward: a person has to act.
    pub gate_first: Duration,
    /// The longest of these.
    pub gate_most: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            most: Duration::from_secs(2),
            late_most: Duration::from_secs(15),
            gate_first: Duration::from_secs(2),
            gate_most: Duration::from_secs(30),
        }
    }
}

/// Pauses that double up to a bound, each shortened by up to a half at random, so that many tunnels do not dial in step.
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
    late_most: Duration,
    begin: Instant,
}

/// For so long a person may be waiting for it.
const SOON: Duration = Duration::from_secs(600);

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { next: first.min(most), most, late_most: most, begin: Instant::now() }
    }

    /// Pauses for dialling.
    pub(crate) fn dialling(pauses: &Pauses) -> Self {
        Self { late_most: pauses.late_most.max(pauses.most), ..Self::new(pauses.first, pauses.most) }
    }

    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(if self.begin.elapsed() < SOON { self.most } else { self.late_most });
        let mut random = [0; 4];
        // Without randomness the pause is a whole one, which does no harm.
        let share = match aws_lc_rs::rand::fill(&mut random) {
            Ok(()) => f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX),
            Err(_) => 1.0,
        };
        whole.mul_f64(0.5 + share / 2.0)
    }
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
}

//! How a tunnel is, for people and programs.

use crate::forward::ForwardCounters;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How many recovery times are kept.
const KEPT: usize = 32;

/// What a tunnel is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum TunnelState {
    /// The first attempt is on its way.
    Dialling,
    /// The server does not accept the key: whoever runs it has to register it.
    WaitingForRegistration {
        /// The public lines to register.
        public: Vec<String>,
    },
    /// The server accepts the key but refuses the listener or the forward.
    ForwardRefused {
        /// What it refuses.
        reason: String,
    },
    /// After a cut the server still holds the port for the old connection.
    PortStillHeld {
        /// The port.
        port: u16,
    },
    /// It works.
    Up,
    /// The tunnel is open, but what it leads to cannot be reached.
    TargetDead {
        /// What the system or the server says.
        reason: String,
    },
    /// The tunnel is open, but the question through it has no good answer.
    Unhealthy {
        /// Why.
        reason: String,
    },
    /// There is no connection; it is dialled again and again.
    Failing {
        /// Why.
        reason: String,
    },
    /// The server shows another host key than expected. Nothing is tried until the configuration changes.
    WrongHostKey {
        /// Both keys and where they are from.
        reason: String,
    },
    /// It cannot work with this configuration, as with a key file that is gone. Nothing is tried until it changes.
    Misconfigured {
        /// Why.
        reason: String,
    },
    /// Somebody stopped it.
    Stopped,
}

impl TunnelState {
    /// Whether connections are led through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Up | Self::TargetDead { .. } | Self::Unhealthy { .. })
    }
}

impl fmt::Display for TunnelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialling => f.write_str("dialling"),
            Self::WaitingForRegistration { .. } => f.write_str("waiting until the server's side registers the key"),
            Self::ForwardRefused { reason } => write!(f, "refused: {reason}"),
            Self::PortStillHeld { port } => {
                write!(f, "the server still holds port {port}, probably for the connection that was cut")
            }
            Self::Up => f.write_str("up"),
            Self::TargetDead { reason } => write!(f, "open, but the target does not answer: {reason}"),
            Self::Unhealthy { reason } => write!(f, "open, but the question through it fails: {reason}"),
            Self::Failing { reason } => write!(f, "down: {reason}"),
            Self::WrongHostKey { reason } | Self::Misconfigured { reason } => write!(f, "stopped: {reason}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// How a tunnel is and was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunnelStatus {
    /// What it is doing.
    #[serde(flatten)]
    pub state: TunnelState,
    /// Since when.
    pub since: Timestamp,
    /// Where this side listens (forward tunnels).
    pub local_port: Option<u16>,
    /// Attempts since it last was open.
    pub attempts: u32,
    /// When the next attempt is, while it waits.
    pub next_attempt: Option<Timestamp>,
    /// How often it was open again after a cut.
    pub reconnects: u64,
    /// Since when the connection is open.
    pub up_since: Option<Timestamp>,
    /// What last went wrong.
    pub last_error: Option<TunnelError>,
    /// How long the last recoveries took from the cut on, newest last.
    pub recoveries_ms: Vec<u64>,
    /// When the question through it was last answered well.
    pub healthy_at: Option<Timestamp>,
    /// Failures of that question in a row.
    pub health_failures: u32,
    /// What went through it.
    pub traffic: ForwardCounters,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelError {
    /// When.
    pub at: Timestamp,
    /// What.
    pub message: String,
    /// What to do about it, where that can be said.
    pub help: Option<String>,
}

impl TunnelStatus {
    pub(crate) fn new() -> Self {
        Self {
            state: TunnelState::Dialling,
            since: Timestamp::now(),
            local_port: None,
            attempts: 0,
            next_attempt: None,
            reconnects: 0,
            up_since: None,
            last_error: None,
            recoveries_ms: Vec::new(),
            healthy_at: None,
            health_failures: 0,
            traffic: ForwardCounters::default(),
        }
    }

    pub(crate) fn enter(&mut self, state: TunnelState) {
        if self.state != state {
            self.state = state;
            self.since = Timestamp::now();
        }
    }

    pub(crate) fn recovered_in(&mut self, took: Duration) {
        self.reconnects += 1;
        if self.recoveries_ms.len() == KEPT {
            self.recoveries_ms.remove(0);
        }
        self.recoveries_ms.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}

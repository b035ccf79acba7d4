//! A program: how it is started, when it is ready, how it is stopped.

use crate::{PortId, Text};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A program that is kept running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramSpec {
    /// The program and its arguments. Never holds a secret.
    pub command: Vec<Text>,
    /// Variables on top of a small clean environment (`PATH`, `HOME`, `LANG`, `TZ`).
    pub environment: IndexMap<String, Text>,
    /// Where it runs: the absolute path of a folder; the component's data folder when absent.
    pub working_directory: Option<Text>,
    /// The ports on which it listens.
    pub ports: Vec<PortId>,
    /// How one knows that it can be used.
    pub readiness: Readiness,
    /// When it is started again.
    pub restart: RestartPolicy,
    /// Resident memory in bytes above which it is restarted; counted over its process group.
    pub memory_limit: Option<u64>,
    /// Seconds between the polite and the final signal.
    pub stop_grace_seconds: u32,
    /// Whether it refuses to run as the superuser, as PostgreSQL does: it then runs under a number of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses_superuser: bool,
    /// How it is asked to stop.
    #[serde(default, skip_serializing_if = "StopSignal::is_terminate")]
    pub stop_signal: StopSignal,
}

/// How a program is asked to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM to the whole process group.
    #[default]
    Terminate,
    /// SIGINT to the first process alone, which ends the others itself: PostgreSQL's fast shutdown. At SIGTERM it would wait
    /// until every client has left.
    Interrupt,
}

impl StopSignal {
    fn is_terminate(&self) -> bool {
        *self == Self::Terminate
    }
}

/// How one knows that a program can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// What to ask.
    pub check: ReadinessCheck,
    /// Seconds after which it counts as failed.
    pub timeout_seconds: u32,
}

/// What to ask a program that starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ReadinessCheck {
    /// It is still running after a second.
    Running,
    /// The port accepts a connection.
    Port {
        /// Which.
        port: PortId,
    },
    /// An HTTP request is answered with one of the statuses.
    Http {
        /// Which port.
        port: PortId,
        /// The path.
        path: String,
        /// The statuses that count.
        statuses: Vec<u16>,
    },
}

/// When a program that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Always, with growing pauses.
    Always,
    /// Only when it ended with an error.
    OnFailure,
    /// Never.
    Never,
}

//! How a session stands.

use crate::error::End;
use std::sync::Arc;

/// Where a session is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The channel is being opened, or the host's agent has not begun.
    Opening,
    /// It carries connections.
    Open,
    /// The channel broke and is being opened again; connections wait.
    Resuming {
        /// What broke.
        because: String,
    },
    /// It is over.
    Over(Arc<End>),
}

/// How a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where it is in its life.
    pub state: State,
    /// The version of the host's agent.
    pub agent: String,
    /// Whether it carries several connections at once.
    pub is_multiplexed: bool,
    /// How many connections there are.
    pub connections: usize,
    /// How many there were.
    pub connections_ever: u64,
    /// How many the host could not make.
    pub refused: u64,
    /// Bytes of connections to the host.
    pub sent: u64,
    /// Bytes of connections from the host.
    pub received: u64,
    /// Messages that went more than once.
    pub repeated: u64,
    /// How often the channel was opened again.
    pub resumed: u64,
    /// Whether programs here do not read what came for them, so that nothing comes for anybody.
    pub is_held_up: bool,
    /// What the host's administrators say to everybody who connects.
    pub notice: Option<String>,
}

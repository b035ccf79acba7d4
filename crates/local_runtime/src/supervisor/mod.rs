//! The process that outlives the command: it keeps a deployment's programs running and holds its edge.

mod backoff;
mod child;
pub(crate) mod client;
mod daemon;
mod databases;
mod edges;
mod guard;
pub(crate) mod log;
mod program;
pub(crate) mod protocol;
mod readiness;
pub(crate) mod record;
mod ssh_servers;
pub(crate) mod trial;
mod tunnel_health;
mod tunnels;

pub use client::SupervisorCommand;
pub use daemon::supervise;
pub use protocol::{EdgeState, Phase, ProgramStatus, SshServerState, TunnelReport};
pub(crate) use tunnels::has_given_up;

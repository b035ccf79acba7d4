//! SSH: the bastion that lets exactly the stated forwards through, the client that opens them, the supervised reverse tunnel.

mod backlog;
mod client;
mod error;
mod forward;
mod guarded;
mod key;
mod known_hosts;
mod pump;
mod server;
mod settings;
mod spool;
mod tunnel;

pub use client::{ClientConfig, ClientLimits, Connection, ForwardStream, Identity, Trial};
pub use error::{HostKeyMismatch, SshError};
pub use forward::{ForwardCounters, LocalForward};
pub use key::{PrivateKey, PublicKey};
pub use known_hosts::HostKeys;
pub use server::{
    Account, ConnectionStatus, Event, Forward, Happening, Journal, Server, ServerConfig, ServerLimits, ServerStatus,
};
pub use tunnel::{
    Health, HealthFailure, HealthPath, Pauses, Tunnel, TunnelConfig, TunnelError, TunnelState, TunnelStatus, Way,
};

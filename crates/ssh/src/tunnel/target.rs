//! What connections through a tunnel say about its target: an open tunnel's state follows.

use super::status::{TunnelError, TunnelState, TunnelStatus};
use crate::client::TargetObserver;
use crate::error::SshError;
use jiff::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// Tells the tunnel's state how connections to the target of a reverse tunnel go.
pub(super) struct Observer {
    /// Whether questions are asked through the tunnel: then only an answer proves that the target lives.
    pub(super) is_asked: bool,
    pub(super) status: Arc<watch::Sender<TunnelStatus>>,
}

impl TargetObserver for Observer {
    fn opened(&self) {
        told_of_target(&self.status, &Ok(()), self.is_asked);
    }

    fn unreachable(&self, address: SocketAddr, error: &std::io::Error) {
        let reason = format!("{address}: {error}");
        self.status.send_if_modified(|status| {
            let dead = TunnelState::TargetDead { reason };
            let news = status.state.is_open() && status.state != dead;
            if news {
                status.last_error = Some(TunnelError { at: Timestamp::now(), message: dead.to_string(), help: None });
                status.enter(dead);
            }
            news
        });
    }
}

/// A connection was led through, or not: an open tunnel's state follows.
pub(super) fn told_of_target(status: &watch::Sender<TunnelStatus>, outcome: &Result<(), SshError>, is_asked: bool) {
    status.send_if_modified(|status| {
        if !status.state.is_open() && !matches!(status.state, TunnelState::ForwardRefused { .. }) {
            return false;
        }
        let state = match outcome {
            Ok(()) if matches!(status.state, TunnelState::Unhealthy { .. }) => return false,
            Ok(()) if is_asked && matches!(status.state, TunnelState::TargetDead { .. }) => return false,
            Ok(()) => TunnelState::Up,
            Err(error @ SshError::TargetUnreachable { .. }) => TunnelState::TargetDead { reason: error.to_string() },
            Err(error @ SshError::ForwardRefused { .. }) => TunnelState::ForwardRefused { reason: error.to_string() },
            Err(_) => return false,
        };
        if let Err(error) = outcome {
            status.last_error =
                Some(TunnelError { at: Timestamp::now(), message: error.to_string(), help: error.help() });
        }
        let news = status.state != state;
        status.enter(state);
        news
    });
}

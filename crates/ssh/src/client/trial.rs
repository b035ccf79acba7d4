//! Asking a server for something to see whether it grants it: what must be refused proves more than what works.

use super::{Connection, within};
use crate::error::SshError;
use russh::ChannelMsg;

/// Something that a server is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// A shell.
    Shell,
    /// Running a command; one that changes nothing, should it run.
    Command,
    /// A connection to a host and port.
    Forward {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// Listening on a port of the server's loopback address; 0 for any.
    Listen {
        /// The port.
        port: u16,
    },
}

impl Connection {
    /// Whether the server grants something. What it grants ends with the connection.
    ///
    /// # Errors
    /// When the server says neither yes nor no; also when it would lead to a target, but cannot reach it.
    pub async fn grants(&self, trial: &Trial) -> Result<bool, SshError> {
        match trial {
            Trial::Shell | Trial::Command => self.grants_session(trial).await,
            Trial::Forward { host, port } => match self.forward_to(host, *port).await {
                Ok(_) => Ok(true),
                Err(SshError::ForwardRefused { .. }) => Ok(false),
                Err(error) => Err(error),
            },
            Trial::Listen { port } => {
                let server = &self.shared.server;
                let asked = self.handle.tcpip_forward("127.0.0.1", u32::from(*port));
                match within(server, "asking it to listen", self.limits.request, asked).await? {
                    Ok(_) => Ok(true),
                    Err(russh::Error::RequestDenied) => Ok(false),
                    Err(error) => Err(self.shared.broken(&error)),
                }
            }
        }
    }

    async fn grants_session(&self, trial: &Trial) -> Result<bool, SshError> {
        let server = &self.shared.server;
        let broken = |error: russh::Error| self.shared.broken(&error);
        let opening = self.handle.channel_open_session();
        let mut channel = match within(server, "opening a session", self.limits.request, opening).await? {
            Ok(channel) => channel,
            Err(russh::Error::ChannelOpenFailure(_)) => return Ok(false),
            Err(error) => return Err(broken(error)),
        };
        let asked = match trial {
            Trial::Command => channel.exec(true, "true").await,
            _ => channel.request_shell(true).await,
        };
        asked.map_err(broken)?;
        let answer = async {
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::Success) => return true,
                    Some(ChannelMsg::Failure | ChannelMsg::Close) | None => return false,
                    Some(_) => {}
                }
            }
        };
        within(server, "asking for a session", self.limits.request, answer).await
    }
}

//! Ways into a private network through its hosts: the sessions of Systems Manager.

use super::Called;
use model::Secret;
use std::future::Future;

/// What a session leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionTarget {
    /// A port of the host itself (document `AWS-StartPortForwardingSession`).
    Host {
        /// The port.
        port: u16,
    },
    /// A port of something that the host reaches (document `AWS-StartPortForwardingSessionToRemoteHost`).
    Beyond {
        /// Its name or address, as the host resolves it.
        host: String,
        /// The port.
        port: u16,
    },
}

/// A session to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    /// The host's instance id.
    pub instance: String,
    /// Where it leads.
    pub target: SessionTarget,
    /// Why, for the account's records; at most 256 characters.
    pub reason: String,
}

/// A session whose channel can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedSession {
    /// Its id, as `alice-0123456789abcdef0`.
    pub id: String,
    /// Where the channel is, as `wss://ssmmessages...`.
    pub stream_url: String,
    /// What opens it, once.
    pub token: Secret,
}

/// A host as Systems Manager knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedHost {
    /// The instance's id.
    pub instance: String,
    /// `Online`, `ConnectionLost` or `Inactive`.
    pub ping: String,
    /// The version of its agent, as `3.3.987.0`.
    pub agent: String,
    /// When it was last heard of.
    pub last_ping: Option<String>,
}

impl ManagedHost {
    /// Whether a session can be started.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.ping == "Online"
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its instance id.
    pub instance: String,
    /// As `running`.
    pub state: String,
    /// Its zone, as `us-west-2a`.
    pub zone: String,
    /// Its private address.
    pub private_address: Option<String>,
}

/// The way into a private network. The rules of [`super::Account`] hold: one request each, nothing is repeated, what is absent is an answer.
pub trait Sessions: Send + Sync {
    /// Starts a session. A session that is not used ends by itself.
    fn start_session(&self, request: &SessionRequest) -> impl Future<Output = Called<StartedSession>> + Send;
    /// A new token for a session whose channel broke; `None` when the session is over.
    fn resume_session(&self, id: &str) -> impl Future<Output = Called<Option<StartedSession>>> + Send;
    /// Ends a session.
    fn terminate_session(&self, id: &str) -> impl Future<Output = Called<()>> + Send;
    /// Of these instances, those that Systems Manager knows.
    fn managed_hosts(&self, instances: &[String]) -> impl Future<Output = Called<Vec<ManagedHost>>> + Send;
    /// The machines that carry all of these tags and are running or about to.
    fn machines(&self, tags: &[(String, String)]) -> impl Future<Output = Called<Vec<Machine>>> + Send;
}

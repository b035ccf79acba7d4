//! What a server tells: one event for each login, refusal, forward and end. No event holds a secret.

use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Something that happened at a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When.
    pub at: jiff::Timestamp,
    /// From where the client comes.
    pub peer: Option<SocketAddr>,
    /// Who it is, once that is proved.
    pub account: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Happening {
    /// The server listens.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// A connection was turned away before any byte of it was read.
    TurnedAway {
        /// Why.
        reason: String,
    },
    /// A key was not accepted.
    LoginRefused {
        /// The name that was said; anybody may say any.
        said: String,
        /// The key's fingerprint.
        key: String,
    },
    /// Somebody logged in.
    LoggedIn {
        /// The key's fingerprint.
        key: String,
        /// What the client says it is.
        client: String,
    },
    /// A forward was opened.
    ForwardOpened {
        /// As the client says it.
        to: String,
    },
    /// A forward ended.
    ForwardClosed {
        /// As the client says it.
        to: String,
        /// Bytes from the client.
        sent: u64,
        /// Bytes to the client.
        received: u64,
    },
    /// Something was asked for that is not allowed.
    Refused {
        /// What.
        request: String,
    },
    /// A target that is allowed cannot be reached.
    TargetUnreachable {
        /// As the client says it.
        to: String,
        /// What the system says.
        reason: String,
    },
    /// A client may listen.
    ListenerOpened {
        /// The port.
        port: u16,
    },
    /// A port cannot be listened on.
    ListenerFailed {
        /// The port.
        port: u16,
        /// What the system says.
        reason: String,
    },
    /// A client's listener ended.
    ListenerClosed {
        /// The port.
        port: u16,
    },
    /// A connection ended.
    Ended {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.at)?;
        if let Some(peer) = self.peer {
            write!(f, " {peer}")?;
        }
        if let Some(account) = &self.account {
            write!(f, " {account}")?;
        }
        f.write_str(": ")?;
        match &self.what {
            Happening::Listening { address } => write!(f, "listens on {address}"),
            Happening::TurnedAway { reason } => write!(f, "turned away: {reason}"),
            Happening::LoginRefused { said, key } => write!(f, "login refused for {said:?} with {key}"),
            Happening::LoggedIn { key, client } => write!(f, "logged in with {key} ({client})"),
            Happening::ForwardOpened { to } => write!(f, "forward to {to} opened"),
            Happening::ForwardClosed { to, sent, received } => {
                write!(f, "forward to {to} ended, {sent} bytes there, {received} bytes back")
            }
            Happening::Refused { request } => write!(f, "refused: {request}"),
            Happening::TargetUnreachable { to, reason } => write!(f, "cannot reach {to}: {reason}"),
            Happening::ListenerOpened { port } => write!(f, "listens on 127.0.0.1:{port}"),
            Happening::ListenerFailed { port, reason } => write!(f, "cannot listen on 127.0.0.1:{port}: {reason}"),
            Happening::ListenerClosed { port } => write!(f, "listens no more on 127.0.0.1:{port}"),
            Happening::Ended { reason } => write!(f, "ended: {reason}"),
        }
    }
}

/// Who is told. It is called from the tasks that carry bytes, so it should not wait for anything.
#[derive(Clone)]
pub struct Journal(Arc<dyn Fn(&Event) + Send + Sync>);

impl Journal {
    /// Tells every event to `write`.
    pub fn new(write: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub(crate) fn write(&self, peer: Option<SocketAddr>, account: Option<&str>, what: Happening) {
        (self.0)(&Event { at: jiff::Timestamp::now(), peer, account: account.map(str::to_owned), what });
    }
}

impl Default for Journal {
    /// Tells nobody.
    fn default() -> Self {
        Self::new(|_| ())
    }
}

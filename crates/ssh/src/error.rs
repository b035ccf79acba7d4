//! Why something of SSH did not work, in a form that callers can tell apart.

use crate::key::PublicKey;
use model::{Fault, FaultKind};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why an SSH server, connection, forward or tunnel does not work.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// A key text or file is no usable key.
    #[error("{what} is no usable key: {reason}")]
    Key {
        /// Which, as a path or `the host key`.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key is encrypted, and no passphrase was given or the one given is wrong.
    #[error("{what} is encrypted, and {}", if *.tried { "the passphrase does not fit" } else { "no passphrase was given" })]
    Encrypted {
        /// Which key.
        what: String,
        /// Whether a passphrase was tried.
        tried: bool,
    },
    /// Others may read a private key.
    #[error("others may read {} (mode {mode:04o})", path.display())]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A configuration makes no sense.
    #[error("{0}")]
    Configuration(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The name of the server is not known.
    #[error("the name {host} is not known: {reason}")]
    Name {
        /// The name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// No TCP connection to the server.
    #[error("no connection to {server}: {source}")]
    Connect {
        /// `host:port`.
        server: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A phase took too long.
    #[error("{server} did not answer within {}s while {phase}", limit.as_secs_f32())]
    Timeout {
        /// `host:port`.
        server: String,
        /// What was going on, as `exchanging keys`.
        phase: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The server shows another key than the one that is expected.
    #[error("{0}")]
    HostKey(Box<HostKeyMismatch>),
    /// The server takes none of the keys.
    #[error("{server} does not accept {user} with {}", if offered.is_empty() { "no key at all".to_owned() } else { offered.join(", ") })]
    KeyRefused {
        /// `host:port`.
        server: String,
        /// The account.
        user: String,
        /// The keys that were offered, by fingerprint and origin.
        offered: Vec<String>,
        /// The public lines of the keys that were offered.
        public: Vec<String>,
    },
    /// The SSH agent does not answer as it should.
    #[error("the SSH agent at {socket}: {reason}")]
    Agent {
        /// Its socket.
        socket: String,
        /// What is wrong.
        reason: String,
    },
    /// The server refuses to listen.
    #[error("{server} refuses to listen on {address}:{port}")]
    ListenRefused {
        /// `host:port` of the server.
        server: String,
        /// Where it should listen.
        address: String,
        /// On which port.
        port: u16,
    },
    /// The server refuses a forward by its rules.
    #[error("{server} does not allow forwards to {target}")]
    ForwardRefused {
        /// `host:port` of the server.
        server: String,
        /// `host:port` of the target.
        target: String,
    },
    /// The server cannot reach the target.
    #[error("{server} cannot reach {target}")]
    TargetUnreachable {
        /// `host:port` of the server.
        server: String,
        /// `host:port` of the target.
        target: String,
    },
    /// The connection broke or was ended.
    #[error("the connection to {server} ended: {reason}")]
    Ended {
        /// `host:port`.
        server: String,
        /// Why.
        reason: String,
    },
    /// The server speaks SSH in a way that does not fit.
    #[error("{server} and this side do not understand each other: {reason}")]
    Protocol {
        /// `host:port`.
        server: String,
        /// What does not fit.
        reason: String,
    },
}

/// A server that shows another key than expected. Nothing was sent to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct HostKeyMismatch {
    /// `host:port`.
    pub server: String,
    /// The key that the server showed.
    pub shown: PublicKey,
    /// The keys that are expected, each with where that is said; empty when nothing is known of the server.
    pub expected: Vec<(PublicKey, String)>,
    /// Where it is said that the shown key is revoked.
    pub revoked: Option<String>,
    /// Where was looked for the key.
    pub source_of_truth: String,
}

impl std::fmt::Display for HostKeyMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { server, shown, expected, revoked, source_of_truth } = self;
        let mut text = String::new();
        let shown_as = format!("{} {}", shown.algorithm(), shown.fingerprint());
        if let Some(place) = revoked {
            let _ = write!(text, "{server} shows the key {shown_as}, which is revoked by {place}");
        } else if expected.is_empty() {
            let _ = write!(
                text,
                "the host key of {server} is not known: it shows {shown_as}, and {source_of_truth} has no key of it"
            );
        } else {
            let _ = write!(text, "the host key of {server} is another one: it shows {shown_as}, expected is ");
            for (index, (key, place)) in expected.iter().enumerate() {
                let separator = if index == 0 { "" } else { " or " };
                let _ = write!(text, "{separator}{} {} ({place})", key.algorithm(), key.fingerprint());
            }
        }
        f.write_str(&text)
    }
}

impl SshError {
    /// The same as a fault, with what to do next.
    #[must_use]
    pub fn to_fault(&self, operation: impl Into<String>) -> Fault {
        let fault = Fault::new(self.kind(), operation, self);
        match self.help() {
            Some(help) => fault.help(help),
            None => fault,
        }
    }

    fn kind(&self) -> FaultKind {
        match self {
            Self::Connect { .. } | Self::Ended { .. } | Self::TargetUnreachable { .. } | Self::Name { .. } => {
                FaultKind::Transient
            }
            Self::Timeout { .. } => FaultKind::Timeout,
            Self::Key { .. } | Self::File { .. } | Self::Configuration(_) | Self::Protocol { .. } => {
                FaultKind::Permanent
            }
            Self::KeyMode { .. } | Self::Encrypted { .. } | Self::Agent { .. } | Self::HostKey(_) => {
                FaultKind::NeedsPerson
            }
            Self::KeyRefused { .. } | Self::ListenRefused { .. } | Self::ForwardRefused { .. } => FaultKind::Permission,
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                FaultKind::Permission
            }
            Self::Listen { .. } => FaultKind::NeedsPerson,
        }
    }

    /// What to do next, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::KeyMode { path, .. } => format!("protect it: chmod 600 {}", path.display()),
            Self::Encrypted { tried: false, .. } => {
                "give the passphrase, or load the key into an SSH agent: ssh-add FILE".to_owned()
            }
            Self::Encrypted { tried: true, .. } => "try again with the right passphrase".to_owned(),
            Self::HostKey(mismatch) if mismatch.revoked.is_some() => {
                "do not connect; ask whoever runs the server for its new key".to_owned()
            }
            Self::HostKey(mismatch) => format!(
                "ask whoever runs the server, over another way than this one, whether its key is {}; only then write it {}: {}",
                mismatch.shown.fingerprint(),
                match mismatch.expected.first() {
                    Some((_, place)) => format!("where the other one stands ({place})"),
                    None => format!("into {}", mismatch.source_of_truth),
                },
                mismatch.shown
            ),
            Self::KeyRefused { user, public, .. } if !public.is_empty() => {
                format!("register this key at the server for {user}: {}", public.join(" or "))
            }
            Self::KeyRefused { .. } => "give a key file, or load a key into an SSH agent: ssh-add FILE".to_owned(),
            Self::ListenRefused { port, .. } => format!(
                "the server's rules forbid it, or port {port} is taken there; ask whoever runs it to let this key listen: permitlisten=\"127.0.0.1:{port}\""
            ),
            Self::ForwardRefused { .. } => {
                "ask whoever runs the server which targets this account may reach".to_owned()
            }
            Self::TargetUnreachable { target, .. } => {
                format!("look whether something listens on {target}, seen from the server")
            }
            Self::Agent { .. } => "look whether it runs and holds keys: ssh-add -l".to_owned(),
            Self::Listen { address, source } if source.kind() == std::io::ErrorKind::AddrInUse => {
                format!("choose another port, or look who holds it: ss -ltnp 'sport = :{}'", address.port())
            }
            Self::Connect { server, .. } | Self::Timeout { server, .. } => {
                format!("look whether the server runs and whether a firewall lets this machine through to {server}")
            }
            Self::Name { .. } => {
                "look at the spelling of the name, and whether this machine can resolve names".to_owned()
            }
            _ => return None,
        })
    }
}

//! Why a session does not begin, or is over.

use model::{Fault, FaultKind};

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// It was closed here.
    #[error("the session was closed here")]
    Closed,
    /// AWS or the host's agent ended it.
    #[error("the session was ended: {}", said(.0))]
    Terminated(String),
    /// It cannot be taken up again.
    #[error(
        "the session is over and cannot be resumed; sessions end after a time without traffic, and at the latest after the time that the account allows"
    )]
    Expired,
    /// The agent carries one connection a session, and it is closed.
    #[error("the one connection that the host's agent carries a session is closed")]
    Used,
    /// The path was gone for too long.
    #[error("the way to AWS is gone: {0}")]
    Lost(String),
    /// The host acknowledged nothing for too long.
    #[error("the host has acknowledged nothing for {0} s")]
    Silent(u64),
    /// It could not be asked to go on.
    #[error("the session cannot be resumed: {0}")]
    NotResumed(Box<Fault>),
    /// What came is none of the protocol.
    #[error("the host's agent does not keep to the protocol: {0}")]
    Protocol(String),
    /// The address cannot be used.
    #[error("the channel's address cannot be used: {0}")]
    Address(String),
    /// Nobody there is trusted.
    #[error("{host} cannot be trusted: {cause}")]
    Untrusted {
        /// Who is there.
        host: String,
        /// Why not.
        cause: String,
    },
    /// The channel was refused.
    #[error("AWS refused the session's channel: {0}")]
    Refused(String),
    /// The agent did not begin.
    #[error("the host's agent did not answer within {0} s")]
    NoAgent(u64),
    /// The account wants sessions to be encrypted with a key of its own.
    #[error(
        "this account's sessions are to be encrypted with the KMS key {key} besides TLS, which Landfall does not do"
    )]
    Encrypted {
        /// The key.
        key: String,
    },
    /// The session is not one that forwards a port.
    #[error("the session is of the type {0}, not one that forwards a port")]
    NotAPort(String),
    /// The agent carries one connection a session, and there is one.
    #[error("the host's agent {0} carries one connection a session, and there is one already")]
    OneOnly(String),
}

fn said(output: &str) -> &str {
    if output.trim().is_empty() { "no reason was given" } else { output.trim() }
}

impl End {
    /// The fault that a person is told.
    #[must_use]
    pub fn fault(&self, while_doing: impl Into<String>) -> Fault {
        let kind = match self {
            Self::Lost(_) | Self::Silent(_) | Self::Expired | Self::NoAgent(_) | Self::Terminated(_) => {
                FaultKind::Transient
            }
            Self::NotResumed(fault) => fault.kind,
            Self::Encrypted { .. } | Self::Untrusted { .. } | Self::Refused(_) => FaultKind::NeedsPerson,
            _ => FaultKind::Permanent,
        };
        let fault = Fault::new(kind, while_doing, self);
        match self {
            Self::Encrypted { .. } => fault.help(
                "take the key out of the preferences of Session Manager in this region (Systems Manager > Session Manager > Preferences > KMS \
                 encryption: the document `SSM-SessionManagerRunShell`, `kmsKeyId`), or use `aws ssm start-session` with Amazon's plugin",
            ),
            Self::Untrusted { .. } => {
                fault.help("a proxy that opens TLS needs its authority in the file that AWS_CA_BUNDLE names")
            }
            Self::NoAgent(_) | Self::Silent(_) => fault.help(
                "look whether the host is `Online` in Systems Manager; its agent needs a way to ssmmessages (an endpoint or a NAT gateway)",
            ),
            Self::Refused(_) | Self::Expired | Self::Used | Self::Terminated(_) => fault.help("start another session"),
            Self::NotResumed(inner) => match &inner.help {
                Some(help) => fault.help(help.clone()),
                None => fault,
            },
            Self::OneOnly(_) => fault.help("update the host's agent to a version after 3.0.196.0"),
            _ => fault,
        }
    }

    /// As an error of a connection.
    pub(crate) fn io(&self) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::ConnectionAborted, self.clone())
    }
}

//! Why an edge cannot start or take a new configuration.

use model::{Fault, FaultKind, PortId};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why an edge cannot start or take a new configuration. A failed reload leaves the edge as it was.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The address is visible from outside this machine.
    #[error("{0} is no loopback address; the local edge listens on 127.0.0.0/8 and ::1 only")]
    NotLoopback(SocketAddr),
    /// Somebody else listens there.
    #[error("{0} is taken by another program")]
    AddressTaken(SocketAddr),
    /// The port needs a privilege that this user lacks.
    #[error("{0} may not be listened on by this user")]
    AddressForbidden(SocketAddr),
    /// The system refuses the address for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A certificate or key file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    CertificateFile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate or the key is unusable, or they do not belong together.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// A route names a port without an address.
    #[error("the route {prefix} names the port {port}, which has no address")]
    UnknownBackend {
        /// The route.
        prefix: String,
        /// The port.
        port: PortId,
    },
    /// A route without a backend, or two routes with one prefix.
    #[error("the route {prefix} {reason}")]
    Route {
        /// The route.
        prefix: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A block of allowed client addresses is none.
    #[error("{0:?} is no block of addresses")]
    AllowedSource(String),
    /// The access log cannot be written.
    #[error("cannot write the access log {}: {source}", path.display())]
    AccessLog {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl EdgeError {
    /// What to do next, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::AddressTaken(address) => {
                let port = address.port();
                format!("`ss -ltnp 'sport = :{port}'` shows who listens there; stop it, or give the edge another port")
            }
            Self::AddressForbidden(_) => "give the edge a port of 1024 or above".to_owned(),
            Self::CertificateFile { .. } | Self::Certificate(_) => {
                "the next `up` makes a new certificate when the files are gone".to_owned()
            }
            Self::AccessLog { .. } => "see that the folder exists, is yours and has space".to_owned(),
            _ => return None,
        })
    }
}

impl From<EdgeError> for Fault {
    fn from(error: EdgeError) -> Self {
        let kind = match &error {
            EdgeError::AddressForbidden(_) => FaultKind::Permission,
            EdgeError::UnknownBackend { .. } | EdgeError::Route { .. } | EdgeError::NotLoopback(_) => FaultKind::Bug,
            EdgeError::AllowedSource(_) => FaultKind::Permanent,
            _ => FaultKind::NeedsPerson,
        };
        let help = error.help();
        let fault = Self::new(kind, "starting the edge", &error);
        match help {
            Some(help) => fault.help(help),
            None => fault,
        }
    }
}

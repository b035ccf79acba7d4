//! With what one gets to a server: where it is, who one is, what its certificate must be.

use model::Secret;
use model::database::Engine;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// With what one gets to a server. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub struct Access {
    /// Which family of servers.
    pub engine: Engine,
    /// Where it is.
    pub address: Address,
    /// The login's name.
    pub user: String,
    /// Its password; empty where the server asks for none.
    pub password: Secret,
    /// The database that is connected to; without it PostgreSQL takes `postgres`, MySQL none.
    pub database: Option<String>,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// How long connecting and logging in may take, and an answer to a probe's statement.
    pub timeout: Duration,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp {
        /// The host that is dialled: a name or an address.
        host: String,
        /// The port.
        port: u16,
        /// The name on the server's certificate where it differs from `host`, as behind a forwarded port.
        server_name: Option<String>,
    },
    /// A unix socket: of MySQL the file, of PostgreSQL the folder (`/run/x`) or the file in it (`/run/x/.s.PGSQL.5432`).
    Socket(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Whether and how a connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// TLS or nothing: the certificate must lead to this authority and bear the server's name.
    ///
    /// The client library trusts the public authorities besides the given one; the name must fit in any case.
    VerifyFull {
        /// The certificates of the authority, PEM.
        authority_pem: String,
    },
    /// No encryption: unix sockets, and the probe that must be refused.
    Off,
}

impl Access {
    /// The same, to another database.
    #[must_use]
    pub fn to_database(&self, database: &str) -> Self {
        Self { database: Some(database.to_owned()), ..self.clone() }
    }
}

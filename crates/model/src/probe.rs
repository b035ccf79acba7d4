//! What must be true of a running deployment, as data. One prober asks, wherever it runs.
//!
//! A probe is a question and what counts as the right answer. Many are negative: what must be
//! refused proves more than what works.

use crate::private_access::DatabaseLogin;
use crate::{ComponentName, ManifestPath, NodeId, PortId, ProbeId, Text};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One thing that must be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Unique in the deployment.
    pub id: ProbeId,
    /// The component whose promise it is.
    pub component: ComponentName,
    /// The line of the manifest that it comes from.
    pub origin: ManifestPath,
    /// What must be true, as a sentence without a period: `a wrong password is refused`.
    pub claim: String,
    /// How to find out.
    pub question: Question,
    /// What to do when it is not true.
    pub help: String,
    /// A finer diagnosis: when this probe fails while the other one passes, this text replaces the help.
    pub contrast: Option<Contrast>,
}

impl Probe {
    /// Whether asking disturbs the deployment (kills a process). Such probes run last, one by one.
    #[must_use]
    pub fn is_disruptive(&self) -> bool {
        matches!(self.question, Question::Restart { .. })
    }
}

/// A diagnosis from two probes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contrast {
    /// The probe that passes.
    pub passing: ProbeId,
    /// What that means together.
    pub diagnosis: String,
}

/// How to find out whether a claim is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "a deployment has some dozens, most of them the large one")]
pub enum Question {
    /// Send a request and look at the answer.
    Http {
        /// What to send.
        request: HttpRequest,
        /// What must come back.
        expect: HttpExpectation,
    },
    /// Offer a TLS handshake.
    Tls {
        /// To whom.
        to: Endpoint,
        /// The name asked for (SNI) and checked.
        server_name: String,
        /// What must happen.
        expect: TlsExpectation,
    },
    /// Open a TCP connection.
    Tcp {
        /// The port.
        port: PortId,
        /// On which of this machine's addresses.
        on: Addresses,
        /// Whether it must be accepted.
        open: bool,
    },
    /// Kill a program's processes with SIGKILL, or a tunnel's connection; it must answer `alive` again in time.
    Restart {
        /// Which program or tunnel.
        program: NodeId,
        /// Seconds.
        within_seconds: u32,
        /// What it must answer then.
        alive: Box<Question>,
    },
    /// Log in at a database and say a statement.
    Sql {
        /// Where it listens, on the loopback address.
        port: PortId,
        /// As whom.
        login: DatabaseLogin,
        /// Whether the connection is encrypted, its certificate checked.
        tls: bool,
        /// What is said.
        statement: String,
        /// What must happen.
        expect: SqlExpectation,
    },
    /// Log in at an SSH server and ask for something.
    Ssh {
        /// Where it listens, on the loopback address.
        port: PortId,
        /// The `Secret` node (ed25519) of its host key.
        host_key: NodeId,
        /// The account.
        user: String,
        /// The `Secret` node (ed25519) of the key that logs in; a key that nobody knows when absent.
        key: Option<NodeId>,
        /// What is asked for.
        request: SshRequest,
        /// Whether it must be granted.
        granted: bool,
    },
    /// Look at a tunnel that is kept open: it must be up and work. While the other side has not registered its key, the
    /// claim waits and does not fail.
    Tunnel {
        /// Which.
        tunnel: NodeId,
    },
    /// Look at a file's permission bits and owner (the user that runs the deployment).
    File {
        /// Which `File` node.
        file: NodeId,
        /// The bits.
        mode: u32,
    },
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Endpoint {
    /// Through an edge by its public name: HTTPS (or its redirecting HTTP listener), trusting only the deployment's authority.
    Edge {
        /// The `Edge` node.
        edge: NodeId,
        /// The name asked for: URL host, `Host` header, SNI.
        domain: String,
        /// Which listener.
        scheme: Scheme,
        /// The port of that listener.
        port: PortId,
    },
    /// Straight to a port on the loopback address, as plain HTTP.
    Port {
        /// The port.
        port: PortId,
    },
}

impl Endpoint {
    /// The port that is connected to.
    #[must_use]
    pub fn port(&self) -> &PortId {
        match self {
            Self::Edge { port, .. } | Self::Port { port } => port,
        }
    }
}

/// Which listener of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// The redirecting one.
    Http,
    /// The real one.
    Https,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// To whom.
    pub to: Endpoint,
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers besides those that HTTP itself needs.
    pub headers: IndexMap<String, Text>,
    /// Basic credentials.
    pub basic: Option<BasicCredentials>,
    /// The body.
    pub body: RequestBody,
    /// Seconds for the whole exchange.
    pub timeout_seconds: u32,
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicCredentials {
    /// The user's name.
    pub user: Text,
    /// The password; never printed.
    pub password: Text,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestBody {
    /// Nothing.
    Empty,
    /// A JSON document.
    Json(serde_json::Value),
    /// Text as it is.
    Text(String),
    /// That many bytes of filler: what a size limit must refuse.
    Filler {
        /// How many bytes.
        bytes: u64,
    },
}

/// What an answer must look like. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpExpectation {
    /// The status must be one of these.
    pub statuses: Vec<u16>,
    /// Headers that must be there; the value must be equal, or contain it after a leading `~`.
    pub headers: IndexMap<String, String>,
    /// JSON pointers (RFC 6901) and the values they must lead to.
    pub json: IndexMap<String, serde_json::Value>,
    /// JSON pointers that must lead to nothing.
    pub json_absent: Vec<String>,
    /// Texts that the body must contain.
    pub contains: Vec<String>,
}

/// What must happen in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "must", rename_all = "snake_case")]
pub enum TlsExpectation {
    /// It succeeds: the chain leads to the deployment's authority, the name is on the certificate.
    Trusted {
        /// At least so many days until the certificate ends.
        minimum_days_left: u32,
    },
    /// A client that offers at most this version is refused.
    RefusesVersion {
        /// `1.0` or `1.1`.
        version: OldTlsVersion,
    },
}

/// TLS versions that must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OldTlsVersion {
    /// RFC 2246.
    #[serde(rename = "1.0")]
    V1_0,
    /// RFC 4346.
    #[serde(rename = "1.1")]
    V1_1,
}

/// What must come of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "must", rename_all = "snake_case")]
pub enum SqlExpectation {
    /// It succeeds with at least so many rows.
    Rows {
        /// How many.
        at_least: u64,
    },
    /// It is refused for want of rights; another error counts as failure.
    Denied,
    /// The login itself is refused.
    LoginRefused,
}

/// What is asked of an SSH server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum SshRequest {
    /// Logging in, no more.
    Login,
    /// A shell.
    Shell,
    /// Running a command.
    Command,
    /// A connection to a host and port, in the words of a client (`ssh -L`).
    Forward {
        /// The host.
        host: String,
        /// The port as a text that may have a hole.
        port: Text,
    },
    /// Listening on a port (`ssh -R`).
    Listen {
        /// The port as a text that may have a hole.
        port: Text,
    },
}

/// A choice of this machine's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addresses {
    /// 127.0.0.1.
    Loopback,
    /// Every address of this machine but 127.0.0.1, IPv6 included (`::1` too).
    EveryOther,
}

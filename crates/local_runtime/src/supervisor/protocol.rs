//! What a command says to the supervisor and what it answers: one JSON document a line.

use indexmap::IndexMap;
use model::database::Engine;
use model::process_graph::{EdgeSpec, RestartPolicy, StopSignal};
use model::{ComponentName, Digest, Fault, NodeId, PortId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The version of this language. `Status` and `Shutdown` never change their form, so that a newer
/// command can at least end an older supervisor.
pub(crate) const PROTOCOL: u32 = 2;

/// A line from a command.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) protocol: u32,
    pub(crate) ask: Ask,
}

/// What is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Run this program; answered when it is ready.
    Start(Box<ProgramOrder>),
    /// Run this edge; answered when it listens.
    StartEdge(Box<EdgeOrder>),
    /// Run this SSH server; answered when it listens.
    StartSshServer(Box<SshServerOrder>),
    /// Keep this tunnel open; answered when it works, waits for somebody else, or has tried for a while.
    StartTunnel(Box<TunnelOrder>),
    /// Stop a program, an edge, an SSH server or a tunnel and forget it.
    Stop(NodeId),
    /// Kill a program's processes, or cut a tunnel's connection; answered when that is done.
    Kill(NodeId),
    /// How is everything?
    Status {
        /// Whether memory is asked for too, which takes a look at all processes.
        memory: bool,
    },
    /// Stop everything and end.
    Shutdown,
}

/// A line from the supervisor. Exactly one of the others than `Progress` ends an answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// What it is doing.
    Progress(String),
    /// It is done; in words.
    Done(String),
    /// The answer to `Status`.
    Status(Box<SupervisorStatus>),
    /// It cannot.
    Fault(Fault),
    /// The command speaks another version.
    OtherProtocol(u32),
}

/// A program with all holes filled. May hold secrets in its environment: never printed, never on disk.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ProgramOrder {
    pub(crate) node: NodeId,
    pub(crate) component: ComponentName,
    /// What is run already with the same revision stays as it is.
    pub(crate) revision: Digest,
    pub(crate) command: Vec<String>,
    pub(crate) environment: IndexMap<String, String>,
    pub(crate) working_directory: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) ports: Vec<u16>,
    pub(crate) readiness: ReadyWhen,
    pub(crate) ready_within_seconds: u32,
    pub(crate) restart: RestartPolicy,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) stop_grace_seconds: u32,
    #[serde(default)]
    pub(crate) stop_signal: StopSignal,
    /// The database that it serves.
    #[serde(default)]
    pub(crate) database: Option<ServedDatabase>,
}

/// A database that a program serves: what keeping it running takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServedDatabase {
    pub(crate) engine: Engine,
    pub(crate) data: PathBuf,
    /// The socket on which the administrator is heard.
    pub(crate) socket: PathBuf,
    /// Its certificate, renewed as that of an edge.
    pub(crate) chain: PathBuf,
    pub(crate) names: Vec<String>,
    /// The folder of the authority that renews the certificate.
    pub(crate) authority: PathBuf,
    /// The file of the administrator's password.
    pub(crate) password: PathBuf,
}

/// How one sees that a program can be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadyWhen {
    /// It has run for a second.
    Running,
    /// The port accepts a connection.
    Port(u16),
    /// A request is answered with one of the statuses.
    Http { port: u16, path: String, statuses: Vec<u16> },
}

/// An edge with all ports resolved.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EdgeOrder {
    pub(crate) node: NodeId,
    pub(crate) component: ComponentName,
    pub(crate) revision: Digest,
    pub(crate) spec: EdgeSpec,
    pub(crate) ports: IndexMap<PortId, u16>,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) access_log: PathBuf,
    /// The folder of the authority that renews the certificate.
    pub(crate) authority: PathBuf,
}

/// An SSH server with all holes filled. Holds its host keys: never printed, never on disk.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SshServerOrder {
    pub(crate) node: NodeId,
    pub(crate) component: ComponentName,
    pub(crate) revision: Digest,
    pub(crate) port: u16,
    pub(crate) host_key: String,
    pub(crate) further_host_keys: Vec<String>,
    pub(crate) accounts: IndexMap<String, AccountOrder>,
    pub(crate) sources: Vec<String>,
    pub(crate) log: PathBuf,
}

/// Somebody who may log in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccountOrder {
    pub(crate) keys: Vec<String>,
    pub(crate) forwards: Vec<ForwardOrder>,
    pub(crate) listens: Vec<u16>,
}

/// Something that connections may be forwarded to.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ForwardOrder {
    pub(crate) name: String,
    pub(crate) said_port: Option<u16>,
    pub(crate) port: u16,
}

/// A tunnel with all holes filled. Holds its key and a password: never printed, never on disk.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TunnelOrder {
    pub(crate) node: NodeId,
    pub(crate) component: ComponentName,
    pub(crate) revision: Digest,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) host_key: String,
    pub(crate) key: String,
    pub(crate) way: WayOrder,
    pub(crate) health: Option<HealthOrder>,
    pub(crate) keep_alive_seconds: u32,
    pub(crate) log: PathBuf,
}

/// Which way a tunnel leads.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WayOrder {
    /// From the port `listen` over there to `target` here.
    Reverse { listen: u16, target: u16 },
    /// From the port `listen` here to a host and port over there.
    Forward { listen: u16, host: String, port: u16 },
}

/// The question through a tunnel.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct HealthOrder {
    /// The port of this machine where the far end comes out, when it does.
    pub(crate) far_end: Option<u16>,
    /// The port of this machine on which the target itself listens.
    pub(crate) target: u16,
    pub(crate) question: QuestionOrder,
    pub(crate) interval_seconds: u32,
}

/// What is asked of what is behind a tunnel.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuestionOrder {
    /// `SELECT 1`.
    Query(LoginOrder),
    /// A page.
    Http { path: String, statuses: Vec<u16> },
    /// That a connection is not closed at once.
    Connection,
}

/// A login at a database.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LoginOrder {
    pub(crate) engine: Engine,
    pub(crate) server_name: Option<String>,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: String,
    /// The certificate of the authority, PEM.
    pub(crate) authority: String,
}

/// How everything is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SupervisorStatus {
    pub(crate) protocol: u32,
    pub(crate) version: String,
    pub(crate) pid: i32,
    pub(crate) uptime_seconds: u64,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) programs: IndexMap<NodeId, ProgramStatus>,
    pub(crate) edges: IndexMap<NodeId, EdgeState>,
    #[serde(default)]
    pub(crate) ssh_servers: IndexMap<NodeId, SshServerState>,
    #[serde(default)]
    pub(crate) tunnels: IndexMap<NodeId, TunnelReport>,
}

/// How an SSH server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshServerState {
    /// Its component.
    pub component: ComponentName,
    /// Who may log in.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// What it tells about itself.
    pub status: ssh::ServerStatus,
}

/// How a tunnel is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunnelReport {
    /// Its component.
    pub component: ComponentName,
    /// The server that it dials, as `host:port`.
    pub server: String,
    /// Whether the other side listens.
    pub is_reverse: bool,
    /// The port that listens: over there for a reverse tunnel, here for a forward one.
    pub listens: u16,
    /// Whether a query is sent through it.
    pub is_asked: bool,
    /// What it tells about itself.
    pub status: ssh::TunnelStatus,
}

/// How a program is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramStatus {
    /// Its component.
    pub component: ComponentName,
    /// What it is doing.
    pub phase: Phase,
    /// Its first process, which leads its process group.
    pub pid: Option<i32>,
    /// Seconds since its process was started.
    pub uptime_seconds: Option<u64>,
    /// How often it was started again.
    pub restarts: u32,
    /// How it last ended, in words.
    pub last_end: Option<String>,
    /// Resident memory of its process group, when asked for.
    pub memory_bytes: Option<u64>,
    /// The ports on which it listens.
    pub ports: Vec<u16>,
}

/// What a program is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Started and not yet ready.
    Starting,
    /// Running and ready.
    Ready,
    /// Ended; it is started again after a pause.
    Pausing,
    /// Ended, and its restart policy leaves it so.
    Ended,
    /// It could not be started, or never got ready.
    Failed,
    /// Being stopped, or stopped.
    Stopped,
}

/// How an edge is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EdgeState {
    /// Its component.
    pub component: ComponentName,
    /// What it tells about itself.
    pub status: local_edge::EdgeStatus,
}

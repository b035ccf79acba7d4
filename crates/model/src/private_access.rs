//! Private ways as data: SSH servers that let stated forwards through, tunnels that are kept open.

use crate::database::Engine;
use crate::{NodeId, PortId, Text};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// An SSH server that has no shell: it lets exactly the stated forwards through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SshServerSpec {
    /// Where it listens.
    pub port: PortId,
    /// The `Secret` node (ed25519) of its host key.
    pub host_key: NodeId,
    /// `Secret` nodes of host keys of other kinds, for clients that cannot check that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_host_keys: Vec<NodeId>,
    /// Who may log in, by name.
    pub accounts: IndexMap<String, SshAccount>,
    /// Client addresses that may connect, as CIDR blocks; empty means every local one.
    pub sources: Vec<String>,
}

/// Somebody who may log in at an SSH server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SshAccount {
    /// Public keys, each a line as `ssh-ed25519 AAAA...`.
    pub keys: Vec<Text>,
    /// What connections may be forwarded to (`ssh -L`).
    pub forwards: Vec<ForwardTarget>,
    /// On which of this machine's ports it may listen (`ssh -R`).
    pub listens: Vec<PortId>,
}

/// Something that connections may be forwarded to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardTarget {
    /// The name that clients say, as `db`. `localhost` and `127.0.0.1` with the real number mean it too.
    pub name: String,
    /// The number that clients say after the name, besides the real one, as 5432.
    pub said_port: Option<u16>,
    /// Where it really is, on the loopback address.
    pub port: PortId,
}

/// A tunnel that is kept open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunnelSpec {
    /// The SSH server that is dialled.
    pub server: SshPeer,
    /// The `Secret` node (ed25519) of the key that logs in.
    pub key: NodeId,
    /// Which way.
    pub way: TunnelWay,
    /// How one knows that it works: a question through it.
    pub health: Option<TunnelHealth>,
    /// Seconds of silence after which the other side is asked whether it is there.
    pub keep_alive_seconds: u32,
}

/// An SSH server of somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SshPeer {
    /// Its name or address.
    pub host: Text,
    /// Its port.
    pub port: Text,
    /// The account.
    pub user: String,
    /// The public half of its host key, as `ssh-ed25519 AAAA...`. No other key is spoken to.
    pub host_key: Text,
}

/// Which way a tunnel leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum TunnelWay {
    /// The other side listens; connections there come out here (`ssh -R`).
    Reverse {
        /// The number of the other side's port, a number or a hole.
        listen: Text,
        /// Where connections come out: a port of this deployment.
        target: PortId,
    },
    /// This side listens; connections here come out there (`ssh -L`).
    Forward {
        /// Where this side listens.
        listen: PortId,
        /// The host that the other side connects to.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// A question through a tunnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunnelHealth {
    /// The port on this machine where the far end of the tunnel comes out; none when the far end is on another machine,
    /// where nobody here can ask: then it is asked through the SSH connection, or, where the server forbids that, the target alone.
    pub far_end: Option<PortId>,
    /// What is asked.
    pub question: TunnelQuestion,
    /// Seconds between two questions.
    pub interval_seconds: u32,
}

/// What is asked of whatever a tunnel leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TunnelQuestion {
    /// `SELECT 1`.
    Query(DatabaseLogin),
    /// A page.
    Http {
        /// Its path.
        path: String,
        /// What it may answer.
        statuses: Vec<u16>,
    },
    /// That a connection is not closed at once.
    Connection,
}

/// With what one logs in at a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseLogin {
    /// Which family.
    pub engine: Engine,
    /// The name on the server's certificate, where it differs from the address that is dialled.
    pub server_name: Option<String>,
    /// The database.
    pub database: String,
    /// The login's name.
    pub user: Text,
    /// Its password; never printed.
    pub password: Text,
}

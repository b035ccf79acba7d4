//! What may be said of a tunnel.

use crate::database::GrantsWord;
use crate::said::PortSaid;
use model::scalar::Duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// A way to or from a server of somebody else, by SSH: kept open, found broken by a query through it, dialled again by
/// itself. Its key is made here; whoever runs the other server registers the public half.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TunnelComponentSpec {
    /// Which way. `reverse`: the other server listens, and whoever connects there reaches the target here. `forward`: it
    /// listens here, and whoever connects reaches something behind the other server.
    #[serde(default)]
    pub direction: Direction,
    /// A reverse tunnel's target: a database or a service of this deployment.
    pub target: Option<String>,
    /// The database that is read through it; needed when the target has several.
    pub database: Option<String>,
    /// What may be done in the database through it. The tunnel has a role of its own, named like the tunnel.
    pub grants: Option<GrantsWord>,
    /// How many connections the role may hold.
    #[schemars(range(min = 1, max = 1000))]
    pub connections: Option<u32>,
    /// Where it leads. Of a reverse tunnel the other server and its port that listens; of a forward one the host and port
    /// behind the other server.
    pub to: Option<EndSpec>,
    /// The server of somebody else that a forward tunnel goes through.
    pub through: Option<EndSpec>,
    /// Whether on this machine an SSH server of the deployment's own stands for the other one, so that everything can be
    /// tried. Without `to` it does anyway. Has no meaning in an account.
    #[serde(default)]
    pub stand_in: bool,
    /// The port of this machine on which a forward tunnel listens: a number, or `any`.
    pub port: Option<PortSaid>,
    /// What a person has to do so that the other server takes the key, as `send it to support@vendor.example`. Said as long
    /// as the tunnel waits for it.
    pub gate: Option<String>,
    /// After how long a silence the other server is asked whether it is there.
    #[serde(default = "ten_seconds")]
    pub keep_alive: Duration,
    /// How often a query is sent through it to see whether it works.
    #[serde(default = "half_a_minute")]
    pub interval: Duration,
}

fn ten_seconds() -> Duration {
    Duration::from_seconds(10)
}

fn half_a_minute() -> Duration {
    Duration::from_seconds(30)
}

/// Which way a tunnel leads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    /// The other server listens (`ssh -R`).
    #[default]
    Reverse,
    /// This side listens (`ssh -L`).
    Forward,
}

/// A server, or a host and port behind one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EndSpec {
    /// Its name or address.
    pub host: String,
    /// Its port; 22 where it is an SSH server and nobody says.
    pub port: Option<i64>,
    /// The account on the SSH server.
    pub user: Option<String>,
    /// The public half of the SSH server's host key, as `ssh-ed25519 AAAA...`. No server with another key is spoken to.
    pub host_key: Option<String>,
    /// The port of its own loopback address on which the SSH server listens for a reverse tunnel.
    pub listen: Option<i64>,
}

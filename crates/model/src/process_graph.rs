//! A deployment on this machine as data: secrets, files, programs, ports, the TLS edge.
//!
//! Made by the components from what was said, read by the plan and by the local runtime. Nothing
//! in it names an application or a component kind; a service, a database, a tunnel are all made
//! of these nodes.

use crate::database::{DatabaseContent, Engine};
use crate::private_access::{SshServerSpec, TunnelSpec, TunnelWay};
use crate::probe::Probe;
use crate::text::TemplateValue;
use crate::{Atom, ComponentName, DeploymentName, Digest, ManifestPath, NodeId, PortId, Text};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All that one deployment is on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessGraph {
    /// Whose graph this is.
    pub deployment: DeploymentName,
    /// The nodes, in an order in which each comes after all that it needs.
    pub nodes: IndexMap<NodeId, Node>,
    /// The ports that programs and edges listen on.
    pub ports: IndexMap<PortId, PortRequest>,
    /// What people want to know afterwards: addresses, where the password is.
    pub outputs: Vec<Output>,
    /// What must be true of it.
    pub probes: Vec<Probe>,
}

/// One thing to be made, with where it comes from and what must be there first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The component that it is a part of.
    pub component: ComponentName,
    /// The line of the manifest that caused it.
    pub origin: ManifestPath,
    /// Nodes that must be there (and, for programs, ready) before this one.
    pub needs: BTreeSet<NodeId>,
    /// What it is.
    pub spec: NodeSpec,
}

impl Node {
    /// Whether it is made of a node that it needs, so that it has to be made again with it. It only waits for what runs, for what
    /// a database holds, and for the parts of somebody else's database server.
    #[must_use]
    pub fn is_made_of(&self, needed: &Self) -> bool {
        let is_server = matches!(needed.spec, NodeSpec::DatabaseServer(_));
        !needed.spec.is_only_waited_for() && (!is_server || self.component == needed.component)
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum NodeSpec {
    /// A secret value, made once and kept until it is rotated.
    Secret(SecretSpec),
    /// A Python environment with packages, cached by its digest and shared between deployments.
    PythonEnvironment(PythonEnvironmentSpec),
    /// A copy of a folder of the user, by digest.
    Source(SourceSpec),
    /// A file written from a template.
    File(FileSpec),
    /// A running program.
    Program(ProgramSpec),
    /// A TLS edge: the listeners, certificate and routes through which people come in.
    Edge(EdgeSpec),
    /// The programs of a database engine, a data folder of theirs, a certificate.
    DatabaseServer(DatabaseServerSpec),
    /// What is inside a database server that runs.
    DatabaseContent(DatabaseContentSpec),
    /// A running SSH server that lets stated forwards through.
    SshServer(SshServerSpec),
    /// A tunnel that is kept open.
    Tunnel(TunnelSpec),
}

impl NodeSpec {
    /// The kind in a word, for people.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::PythonEnvironment(_) => "python environment",
            Self::Source(_) => "source folder",
            Self::File(_) => "file",
            Self::Program(_) => "program",
            Self::Edge(_) => "edge",
            Self::DatabaseServer(_) => "database server",
            Self::DatabaseContent(_) => "database content",
            Self::SshServer(_) => "ssh server",
            Self::Tunnel(_) => "tunnel",
        }
    }
}

impl NodeSpec {
    /// The ports whose numbers it is made with: it has to be made again when one of them moves.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<&PortId> {
        fn of_text(text: &Text) -> impl Iterator<Item = &PortId> {
            of_atoms(text.atoms())
        }
        fn of_atoms<'a>(atoms: impl Iterator<Item = &'a Atom>) -> impl Iterator<Item = &'a PortId> {
            atoms.filter_map(|atom| match atom {
                Atom::Port(port) => Some(port),
                _ => None,
            })
        }
        match self {
            Self::Secret(_) | Self::PythonEnvironment(_) | Self::Source(_) | Self::DatabaseServer(_) => BTreeSet::new(),
            Self::File(file) => file.context.values().flat_map(|value| of_atoms(value.atoms().into_iter())).collect(),
            Self::Program(program) => {
                let texts =
                    program.command.iter().chain(program.environment.values()).chain(&program.working_directory);
                let asked = match &program.readiness.check {
                    ReadinessCheck::Running => None,
                    ReadinessCheck::Port { port } | ReadinessCheck::Http { port, .. } => Some(port),
                };
                texts.flat_map(of_text).chain(&program.ports).chain(asked).collect()
            }
            Self::Edge(edge) => {
                let backends = edge.routes.iter().flat_map(|route| &route.backends);
                backends.chain([&edge.https]).chain(&edge.redirect).collect()
            }
            Self::DatabaseContent(content) => BTreeSet::from([&content.port]),
            Self::SshServer(server) => {
                let accounts = server.accounts.values();
                let forwards = accounts.clone().flat_map(|account| account.forwards.iter().map(|to| &to.port));
                forwards.chain(accounts.flat_map(|account| &account.listens)).chain([&server.port]).collect()
            }
            Self::Tunnel(tunnel) => {
                let far_end = tunnel.health.iter().filter_map(|health| health.far_end.as_ref());
                let peer = [&tunnel.server.host, &tunnel.server.port].into_iter().flat_map(of_text);
                let (text, port) = match &tunnel.way {
                    TunnelWay::Reverse { listen, target } => (Some(listen), target),
                    TunnelWay::Forward { listen, .. } => (None, listen),
                };
                peer.chain(text.into_iter().flat_map(of_text)).chain([port]).chain(far_end).collect()
            }
        }
    }

    /// The ports on which it listens itself.
    #[must_use]
    pub fn listens(&self) -> Vec<&PortId> {
        match self {
            Self::Program(program) => program.ports.iter().collect(),
            Self::Edge(edge) => [&edge.https].into_iter().chain(&edge.redirect).collect(),
            Self::SshServer(server) => vec![&server.port],
            Self::Tunnel(TunnelSpec { way: TunnelWay::Forward { listen, .. }, .. }) => vec![listen],
            Self::Secret(_)
            | Self::PythonEnvironment(_)
            | Self::Source(_)
            | Self::File(_)
            | Self::DatabaseServer(_)
            | Self::DatabaseContent(_)
            | Self::Tunnel(_) => Vec::new(),
        }
    }

    /// Whether others wait for it but are not made of it: it may change without them.
    #[must_use]
    pub fn is_only_waited_for(&self) -> bool {
        self.is_running_part() || matches!(self, Self::DatabaseContent(_))
    }

    /// Whether it runs and listens.
    #[must_use]
    pub fn is_running_part(&self) -> bool {
        matches!(self, Self::Program(_) | Self::Edge(_) | Self::SshServer(_) | Self::Tunnel(_))
    }
}

impl ProcessGraph {
    /// The digest of each node: of its own description, the numbers of its ports and all that it is
    /// made of, so that a changed password file changes the program that reads it.
    ///
    /// A needed program, edge or content of a database counts by its name alone: its dependants wait for it and find
    /// it by its port, but they stay as they are when it changes.
    ///
    /// Relies on the order of `nodes`; a need that comes later or is missing counts by its name.
    #[must_use]
    pub fn digests(&self, ports: &IndexMap<PortId, u16>) -> IndexMap<NodeId, Digest> {
        let mut digests: IndexMap<NodeId, Digest> = IndexMap::new();
        for (id, node) in &self.nodes {
            let content = |need: &NodeId| {
                let needed = self.nodes.get(need)?;
                if node.is_made_of(needed) { digests.get(need) } else { None }
            };
            let needs: BTreeMap<&NodeId, Option<&Digest>> =
                node.needs.iter().map(|need| (need, content(need))).collect();
            let numbers: BTreeMap<&PortId, Option<&u16>> =
                node.spec.ports().into_iter().map(|port| (port, ports.get(port))).collect();
            let digest = Digest::of(&(&node.component, &node.spec, needs, numbers));
            digests.insert(id.clone(), digest);
        }
        digests
    }
}

/// How a secret comes to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum SecretSpec {
    /// Made here by a random generator; counts up `generation` to make a new one.
    Generated {
        /// What to make.
        recipe: SecretRecipe,
        /// Raise it to rotate.
        generation: u32,
    },
    /// Given by the user; the value is read when the step runs.
    Given {
        /// From where.
        source: SecretSource,
    },
}

/// What a generated secret looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SecretRecipe {
    /// Characters drawn evenly from an alphabet.
    Password {
        /// How many characters.
        length: u16,
        /// The characters to draw from.
        alphabet: String,
    },
    /// Random bytes in an encoding.
    Key {
        /// How many bytes.
        bytes: u16,
        /// How they are written.
        encoding: KeyEncoding,
    },
    /// An ed25519 key pair: PKCS#8 PEM, public half in OpenSSH form.
    Ed25519,
    /// An RSA key pair of 2048, 3072 or 4096 bits: PKCS#8 PEM, public half in SPKI PEM.
    Rsa {
        /// The modulus' length.
        bits: u16,
    },
}

/// How random bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// URL-safe base64 without padding.
    Base64Url,
}

/// From where a given secret is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable of the command.
    Environment(String),
    /// A file, relative to the manifest's folder; a last line feed is dropped.
    File(String),
}

/// A Python environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonEnvironmentSpec {
    /// The lowest Python that will do, as `3.10`.
    pub minimum_python: Option<String>,
    /// Requirements as pip reads them, as `tabpy==2.16.0`.
    pub packages: Vec<String>,
    /// Text of a constraints file that pins everything that the packages bring.
    pub constraints: Option<String>,
    /// Modules that must import afterwards; what proves that the installation works.
    pub imports: Vec<String>,
}

/// A folder of the user that a deployment runs from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// The folder, relative to the manifest's folder.
    pub folder: String,
    /// The digest of its archive, which sees names, modes and contents of its files.
    pub content: Digest,
}

/// A file made from a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileSpec {
    /// The file's name below the component's folder, as `tabpy.conf` or `conf.d/a.ini`.
    pub name: String,
    /// The template's own name, for messages.
    pub template_name: String,
    /// The template's text; see the `template` crate for the language.
    pub template: String,
    /// The variables that the template sees.
    pub context: IndexMap<String, TemplateValue>,
    /// Permission bits, as 0o600.
    pub mode: u32,
}

/// A database engine on this machine, with a data folder of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseServerSpec {
    /// Which family is wanted.
    pub engine: Engine,
    /// Which may stand for it when it is not on this machine; they speak the same protocol.
    pub stand_in: Option<Engine>,
    /// The release wanted, as `8.4` or `16`; on this machine the one that is found will do, and a difference is told.
    pub version: Option<String>,
    /// The oldest release that will do here.
    pub minimum: String,
    /// The `Secret` node of the administrator's password.
    pub administrator: NodeId,
    /// The names on its certificate.
    pub names: Vec<String>,
}

/// What is inside a database server that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseContentSpec {
    /// The `DatabaseServer` node.
    pub server: NodeId,
    /// The port on which it listens.
    pub port: PortId,
    /// What it must hold.
    pub content: DatabaseContent,
    /// How many backups are kept.
    #[serde(default)]
    pub backups_kept: u32,
}

/// The name of the administrator of a local database server.
pub const DATABASE_ADMINISTRATOR: &str = "landfall_admin";

/// A program that is kept running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramSpec {
    /// The program and its arguments. Never holds a secret.
    pub command: Vec<Text>,
    /// Variables on top of a small clean environment (`PATH`, `HOME`, `LANG`, `TZ`).
    pub environment: IndexMap<String, Text>,
    /// Where it runs: the absolute path of a folder; the component's data folder when absent.
    pub working_directory: Option<Text>,
    /// The ports on which it listens.
    pub ports: Vec<PortId>,
    /// How one knows that it can be used.
    pub readiness: Readiness,
    /// When it is started again.
    pub restart: RestartPolicy,
    /// Resident memory in bytes above which it is restarted; counted over its process group.
    pub memory_limit: Option<u64>,
    /// Seconds between the polite and the final signal.
    pub stop_grace_seconds: u32,
    /// Whether it refuses to run as the superuser, as PostgreSQL does: it then runs under a number of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses_superuser: bool,
    /// How it is asked to stop.
    #[serde(default, skip_serializing_if = "StopSignal::is_terminate")]
    pub stop_signal: StopSignal,
}

/// How a program is asked to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM to the whole process group.
    #[default]
    Terminate,
    /// SIGINT to the first process alone, which ends the others itself: PostgreSQL's fast shutdown. At SIGTERM it would wait
    /// until every client has left.
    Interrupt,
}

impl StopSignal {
    fn is_terminate(&self) -> bool {
        *self == Self::Terminate
    }
}

/// How one knows that a program can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// What to ask.
    pub check: ReadinessCheck,
    /// Seconds after which it counts as failed.
    pub timeout_seconds: u32,
}

/// What to ask a program that starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum ReadinessCheck {
    /// It is still running after a second.
    Running,
    /// The port accepts a connection.
    Port {
        /// Which.
        port: PortId,
    },
    /// An HTTP request is answered with one of the statuses.
    Http {
        /// Which port.
        port: PortId,
        /// The path.
        path: String,
        /// The statuses that count.
        statuses: Vec<u16>,
    },
}

/// When a program that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// Always, with growing pauses.
    Always,
    /// Only when it ended with an error.
    OnFailure,
    /// Never.
    Never,
}

/// A port that is allocated when the plan is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRequest {
    /// Who listens.
    pub component: ComponentName,
    /// The line that asked for it.
    pub origin: ManifestPath,
    /// The number wanted.
    pub wish: PortWish,
}

/// Which number a port may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortWish {
    /// Exactly this one; a fault when somebody else has it.
    Exactly(u16),
    /// This one when it is free, otherwise any.
    Preferably(u16),
    /// Any free one.
    Any,
}

/// A TLS edge: what listens, for whom it answers, where requests go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeSpec {
    /// The names on the certificate; the first is the address shown to people.
    pub domains: Vec<String>,
    /// The HTTPS listener.
    pub https: PortId,
    /// The plain HTTP listener that only redirects, where there is one.
    pub redirect: Option<PortId>,
    /// Longest prefix first.
    pub routes: Vec<Route>,
    /// The lowest TLS version offered.
    pub minimum_tls: TlsVersion,
    /// Client addresses that may connect, as CIDR blocks; empty means every local one.
    pub allow: Vec<String>,
    /// Sizes and times.
    pub limits: EdgeLimits,
}

/// Requests whose path starts with a prefix go to one of the backends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The path prefix, starting with `/`.
    pub prefix: String,
    /// Ports of programs of this deployment.
    pub backends: Vec<PortId>,
    /// How a backend shows that it can be used; unhealthy ones get no requests.
    pub health: Option<BackendHealth>,
    /// Whether a client stays with its backend, by cookie.
    pub sticky: bool,
}

/// How a backend shows that it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendHealth {
    /// The path to ask for.
    pub path: String,
    /// The statuses that count as healthy.
    pub statuses: Vec<u16>,
    /// Seconds between two questions.
    pub interval_seconds: u32,
}

/// TLS versions that are offered at all; older ones never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}

/// Sizes and times of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeLimits {
    /// The largest request body in bytes; more is answered with 413.
    pub request_body_bytes: u64,
    /// Milliseconds for a client to send a request's header (and to finish its TLS handshake).
    pub header_timeout_ms: u64,
    /// Milliseconds without any byte after which a connection is closed; also how long a backend may think.
    pub idle_timeout_ms: u64,
    /// Milliseconds that requests in flight get when the edge stops.
    pub drain_ms: u64,
}

/// Something that people want to know about a running deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// A short name, as `url`.
    pub name: String,
    /// What it is.
    pub about: String,
    /// The value; secret ones are shown only when asked for by name.
    pub value: Text,
    /// The component that it comes from.
    pub component: ComponentName,
}

//! A deployment on this machine as data: secrets, files, programs, ports, the TLS edge.
//!
//! Made by the components from what was said, read by the plan and by the local runtime. Nothing
//! in it names an application or a component kind; a service, a database, a tunnel are all made
//! of these nodes.

mod edge;
mod program;
mod secret;

pub use edge::{BackendHealth, EdgeLimits, EdgeSpec, Route, TlsVersion};
pub use program::{ProgramSpec, Readiness, ReadinessCheck, RestartPolicy, StopSignal};
pub use secret::{KeyEncoding, SecretRecipe, SecretSource, SecretSpec};

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

//! What a component sees while it is checked and while it is realised.

use crate::database_use::{DatabaseUse, DatabaseWay, LocalDatabase};
use crate::people::People;
use crate::reference::{Piece, ReferenceText};
use indexmap::IndexMap;
use model::probe::Probe;
use model::process_graph::{Node, NodeSpec, Output, PortRequest, PortWish, ProcessGraph, SecretSpec};
use model::text::Part;
use model::{ComponentName, DeploymentName, Digest, ManifestPath, NodeId, PortId, Rotation, Rotations, Text};
use std::collections::BTreeSet;

/// What [`Files::text`] says of a file that is there and is no text.
pub const NO_TEXT: &str = "is no UTF-8 text";

/// The user's files beside the manifest. The command line reads them; pure crates only ask.
pub trait Files: Sync {
    /// The text of a file, by its path relative to the manifest's folder.
    ///
    /// # Errors
    /// In words: it does not exist, is no UTF-8 text, is too large, or lies outside the folder.
    fn text(&self, path: &str) -> Result<String, String>;

    /// The digest of a file's bytes, whatever is in it and however large it is.
    ///
    /// # Errors
    /// In words, as for `text`.
    fn file_digest(&self, path: &str) -> Result<Digest, String> {
        self.text(path).map(|text| Digest::of_bytes(text.as_bytes()))
    }

    /// The digest over names, modes and contents of a folder's files.
    ///
    /// # Errors
    /// In words, as for `text`.
    fn folder_digest(&self, path: &str) -> Result<Digest, String>;
}

/// What a component sees while it is checked.
pub struct ValidationContext<'a> {
    /// Its own name.
    pub name: &'a ComponentName,
    /// Its path: `components.NAME`.
    pub at: &'a ManifestPath,
    /// The user's files.
    pub files: &'a dyn Files,
    /// The values of all parameters that are no secrets, for templates.
    pub parameters: &'a serde_json::Map<String, serde_json::Value>,
    /// The people of the manifest.
    pub people: &'a People,
    /// Whether the environment is `local`.
    pub is_local: bool,
    /// Today, as `2026-11-20`, for review dates and ends of life.
    pub today: &'a str,
}

/// What components know of the whole application while they are made real.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    /// The people of the manifest.
    pub people: People,
    /// Who uses databases, besides people.
    pub uses: Vec<DatabaseUse>,
    /// How far secrets are in being replaced.
    pub rotations: Rotations,
}

impl Whole {
    /// Who uses the databases of a component, besides people.
    pub fn uses_of(&self, component: &ComponentName) -> impl Iterator<Item = &DatabaseUse> {
        self.uses.iter().filter(move |said| said.component == *component)
    }
}

/// What the components that came before export, and the graph so far.
#[derive(Debug)]
pub struct LocalGraph {
    graph: ProcessGraph,
    exports: IndexMap<(ComponentName, String), Text>,
    databases: IndexMap<ComponentName, LocalDatabase>,
    ways: IndexMap<(ComponentName, ComponentName), DatabaseWay>,
}

impl LocalGraph {
    /// An empty graph.
    #[must_use]
    pub fn new(deployment: DeploymentName) -> Self {
        let graph = ProcessGraph {
            deployment,
            nodes: IndexMap::new(),
            ports: IndexMap::new(),
            outputs: Vec::new(),
            probes: Vec::new(),
        };
        Self { graph, exports: IndexMap::new(), databases: IndexMap::new(), ways: IndexMap::new() }
    }

    /// What `${component.export}` stands for, once that component is realised.
    #[must_use]
    pub fn export(&self, component: &ComponentName, export: &str) -> Option<&Text> {
        self.exports.get(&(component.clone(), export.to_owned()))
    }

    /// The finished graph.
    #[must_use]
    pub fn finish(self) -> ProcessGraph {
        self.graph
    }

    /// The graph so far.
    #[must_use]
    pub fn graph(&self) -> &ProcessGraph {
        &self.graph
    }

    /// Adds a probe that belongs to no single component's folder (the manifest's own `probes`).
    pub fn probe(&mut self, probe: Probe) {
        self.graph.probes.push(probe);
    }

    /// Fills a text's references with exports. `this` is what `self` means.
    ///
    /// # Panics
    /// When a reference leads nowhere: the compiler has checked them all before.
    #[must_use]
    pub fn text(&self, text: &ReferenceText, this: &ComponentName) -> Text {
        let mut parts = Vec::new();
        for piece in &text.0 {
            match piece {
                Piece::Literal(literal) => parts.push(Part::Literal(literal.clone())),
                Piece::Reference(reference) => {
                    let component = if reference.component == "self" {
                        this.clone()
                    } else {
                        ComponentName::new(reference.component.clone()).expect("references are checked")
                    };
                    let found = self.export(&component, &reference.export);
                    parts.extend(found.expect("references are checked").parts().iter().cloned());
                }
            }
        }
        parts.into_iter().collect()
    }
}

/// What a component sees while it is realised on this machine.
pub struct LocalContext<'a> {
    /// Its own name.
    pub name: &'a ComponentName,
    /// Its path: `components.NAME`.
    pub at: &'a ManifestPath,
    /// The environment's name.
    pub environment: &'a str,
    /// The graph so far, with the exports of the components that this one needs.
    pub local: &'a mut LocalGraph,
    /// What is known of the whole application.
    pub whole: &'a Whole,
}

impl LocalContext<'_> {
    /// The deployment's name.
    #[must_use]
    pub fn deployment(&self) -> &DeploymentName {
        &self.local.graph.deployment
    }

    /// Adds a node named `component/part`. Needs are the given ones and all nodes that the holes
    /// of its texts name (the caller passes those with [`needs_of`]).
    pub fn node(&mut self, part: &str, origin: ManifestPath, needs: BTreeSet<NodeId>, spec: NodeSpec) -> NodeId {
        let id = self.node_id(part);
        let node = Node { component: self.name.clone(), origin, needs, spec };
        self.local.graph.nodes.insert(id.clone(), node);
        id
    }

    /// The id that a node of this component gets.
    #[must_use]
    pub fn node_id(&self, part: &str) -> NodeId {
        NodeId::new(format!("{}/{part}", self.name))
    }

    /// Asks for a port named `component/name`.
    pub fn port(&mut self, name: &str, origin: ManifestPath, wish: PortWish) -> PortId {
        let id = PortId::new(format!("{}/{name}", self.name));
        let request = PortRequest { component: self.name.clone(), origin, wish };
        self.local.graph.ports.insert(id.clone(), request);
        id
    }

    /// Says what `${component.export}` stands for.
    pub fn export(&mut self, export: impl Into<String>, value: Text) {
        self.local.exports.insert((self.name.clone(), export.into()), value);
    }

    /// What another component exports.
    #[must_use]
    pub fn export_of(&self, component: &ComponentName, export: &str) -> Option<&Text> {
        self.local.export(component, export)
    }

    /// Fills a text's references.
    #[must_use]
    pub fn text(&self, text: &ReferenceText) -> Text {
        self.local.text(text, self.name)
    }

    /// Who uses the databases of this component, besides people.
    pub fn uses_of_this(&self) -> impl Iterator<Item = &DatabaseUse> {
        self.whole.uses_of(self.name)
    }

    /// How far a secret of this component is in being replaced, by the part's name of its first node.
    #[must_use]
    pub fn rotation(&self, secret_part: &str) -> Rotation {
        self.whole.rotations.of(&self.node_id(secret_part))
    }

    /// Adds a secret that has one value at a time: the manifest counts its generations, and so does a rotation.
    pub fn secret(&mut self, part: &str, origin: ManifestPath, mut spec: SecretSpec) -> NodeId {
        if let SecretSpec::Generated { generation, .. } = &mut spec {
            *generation += self.rotation(part).generation - 1;
        }
        self.node(part, origin, BTreeSet::new(), NodeSpec::Secret(spec))
    }

    /// Says that this component is a database server.
    pub fn export_database(&mut self, database: LocalDatabase) {
        self.local.databases.insert(self.name.clone(), database);
    }

    /// The database server that a component is.
    #[must_use]
    pub fn database(&self, component: &ComponentName) -> Option<&LocalDatabase> {
        self.local.databases.get(component)
    }

    /// The first program of a component that listens, with its port.
    #[must_use]
    pub fn listening_program(&self, component: &ComponentName) -> Option<(NodeId, PortId)> {
        let nodes = self.local.graph.nodes.iter().filter(|(_, node)| node.component == *component);
        nodes.into_iter().find_map(|(id, node)| match &node.spec {
            NodeSpec::Program(program) => Some((id.clone(), program.ports.first()?.clone())),
            _ => None,
        })
    }

    /// Says how a component uses this one's database.
    pub fn export_database_way(&mut self, by: ComponentName, way: DatabaseWay) {
        self.local.ways.insert((self.name.clone(), by), way);
    }

    /// How this component uses a database, when it said that it does.
    #[must_use]
    pub fn database_way(&self, database: &ComponentName) -> Option<&DatabaseWay> {
        self.local.ways.get(&(database.clone(), self.name.clone()))
    }

    /// Adds something that people want to know afterwards.
    pub fn output(&mut self, name: impl Into<String>, about: impl Into<String>, value: Text) {
        let output = Output { name: name.into(), about: about.into(), value, component: self.name.clone() };
        self.local.graph.outputs.push(output);
    }

    /// Adds something that must be true.
    pub fn probe(&mut self, probe: Probe) {
        self.local.graph.probes.push(probe);
    }
}

/// The nodes that fill the holes of some texts.
pub fn needs_of<'t>(texts: impl IntoIterator<Item = &'t Text>) -> BTreeSet<NodeId> {
    texts.into_iter().flat_map(|text| text.atoms().filter_map(|atom| atom.node().cloned())).collect()
}

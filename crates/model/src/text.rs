//! Texts with holes that only the running deployment can fill: ports, paths, secrets.

use crate::{ComponentName, NodeId, PortId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is known only where the deployment runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Atom {
    /// The number of an allocated port.
    Port(PortId),
    /// The absolute path of a file that a `File` node writes.
    File(NodeId),
    /// The absolute path of the folder that a `Source` node fills.
    Source(NodeId),
    /// The absolute path of a component's persistent data folder, or of a folder below it.
    Data(ComponentName, String),
    /// The absolute path of a program in the `bin` folder of a `PythonEnvironment` node.
    PythonProgram(NodeId, String),
    /// The value of a `Secret` node (or its public half, by part name: `public`).
    Secret(NodeId, SecretPart),
    /// The address that components of this deployment listen on: `127.0.0.1`.
    Loopback,
    /// The path of the certificate of the authority that signs this deployment's certificates.
    AuthorityFile,
    /// The address at which the server of a `DatabaseServer` node is reached: a name on its certificate.
    DatabaseHost(NodeId),
    /// The name of a database in the server of a `DatabaseServer` node, for whoever uses it. A hole, so that a program can be tried
    /// with a copy of its database.
    DatabaseName(NodeId, String),
    /// The absolute path of a program of the engine that a `DatabaseServer` node found, by its part.
    DatabaseProgram(NodeId, DatabaseProgram),
    /// The absolute path of something that a `DatabaseServer` node made.
    DatabaseFile(NodeId, DatabaseFile),
}

/// A program of a database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseProgram {
    /// The server: `postgres`, `mariadbd`, `mysqld`.
    Server,
}

/// Something that a `DatabaseServer` node made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseFile {
    /// The folder of its data.
    Data,
    /// A private folder with a path short enough for a socket.
    Run,
    /// The certificate and its chain, PEM.
    Certificate,
    /// The certificate's key, PEM.
    Key,
    /// The certificates of the authorities that sign the server's certificate, PEM: what clients check it with.
    Authority,
}

/// Which part of a secret is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPart {
    /// The secret itself; of a key pair the private key.
    Value,
    /// The public half of a key pair; no secret.
    Public,
}

impl Atom {
    /// Whether what fills this hole must not be seen.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_, SecretPart::Value))
    }

    /// The node that must be there before this hole can be filled.
    #[must_use]
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::File(node)
            | Self::Source(node)
            | Self::PythonProgram(node, _)
            | Self::Secret(node, _)
            | Self::DatabaseHost(node)
            | Self::DatabaseName(node, _)
            | Self::DatabaseProgram(node, _)
            | Self::DatabaseFile(node, _) => Some(node),
            Self::Port(_) | Self::Data(..) | Self::Loopback | Self::AuthorityFile => None,
        }
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "<port {port}>"),
            Self::File(node) => write!(f, "<file {node}>"),
            Self::Source(node) => write!(f, "<source {node}>"),
            Self::Data(component, below) if below.is_empty() => write!(f, "<data of {component}>"),
            Self::Data(component, below) => write!(f, "<data of {component}>/{below}"),
            Self::PythonProgram(_, program) => write!(f, "<{program}>"),
            Self::Secret(node, SecretPart::Value) => write!(f, "<secret {node}>"),
            Self::Secret(node, SecretPart::Public) => write!(f, "<public key {node}>"),
            Self::Loopback => f.write_str("<loopback>"),
            Self::AuthorityFile => f.write_str("<authority certificate>"),
            Self::DatabaseHost(node) => write!(f, "<host of {node}>"),
            Self::DatabaseName(_, name) => f.write_str(name),
            Self::DatabaseProgram(node, DatabaseProgram::Server) => write!(f, "<server of {node}>"),
            Self::DatabaseFile(node, DatabaseFile::Data) => write!(f, "<data of {node}>"),
            Self::DatabaseFile(node, DatabaseFile::Run) => write!(f, "<run folder of {node}>"),
            Self::DatabaseFile(node, DatabaseFile::Certificate) => write!(f, "<certificate of {node}>"),
            Self::DatabaseFile(node, DatabaseFile::Key) => write!(f, "<key of {node}>"),
            Self::DatabaseFile(node, DatabaseFile::Authority) => write!(f, "<authority of {node}>"),
        }
    }
}

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Characters as they are.
    Literal(String),
    /// A hole.
    Hole(Atom),
}

/// A text whose holes are filled where the deployment runs. Never a string with `${}` inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(Vec<Part>);

impl Text {
    /// A text without holes.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![Part::Literal(text.into())])
    }

    /// A text that is one hole.
    #[must_use]
    pub fn hole(atom: Atom) -> Self {
        Self(vec![Part::Hole(atom)])
    }

    /// Adds a piece at the end; neighbouring literals are joined.
    pub fn push(&mut self, part: Part) {
        if let (Part::Literal(more), Some(Part::Literal(last))) = (&part, self.0.last_mut()) {
            last.push_str(more);
        } else {
            self.0.push(part);
        }
    }

    /// The pieces in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The holes in order.
    pub fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole(atom) => Some(atom),
            Part::Literal(_) => None,
        })
    }

    /// Whether filling the holes would show a secret.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.atoms().any(Atom::is_secret)
    }

    /// The text when it has no hole.
    #[must_use]
    pub fn as_literal(&self) -> Option<String> {
        self.0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_str()),
                Part::Hole(_) => None,
            })
            .collect()
    }
}

impl FromIterator<Part> for Text {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let mut text = Self::default();
        for part in parts {
            text.push(part);
        }
        text
    }
}

impl fmt::Display for Text {
    /// For people: holes are shown by name, never filled.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Literal(text) => f.write_str(text)?,
                Part::Hole(atom) => atom.fmt(f)?,
            }
        }
        Ok(())
    }
}

/// A tree of values handed to a template; its leaves may have holes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateValue {
    /// A value without holes.
    Plain(serde_json::Value),
    /// A text with holes.
    Text(Text),
    /// A list.
    List(Vec<TemplateValue>),
    /// A mapping.
    Map(indexmap::IndexMap<String, TemplateValue>),
}

impl TemplateValue {
    /// All holes below this value.
    #[must_use]
    pub fn atoms(&self) -> Vec<&Atom> {
        match self {
            Self::Plain(_) => Vec::new(),
            Self::Text(text) => text.atoms().collect(),
            Self::List(items) => items.iter().flat_map(Self::atoms).collect(),
            Self::Map(entries) => entries.values().flat_map(Self::atoms).collect(),
        }
    }
}

//! Where everything is on a host. One service a host.

use crate::aws_context::DatabaseInAws;
use crate::aws_host;
use model::process_graph::{FileSpec, NodeSpec, PortWish, ProcessGraph};
use model::text::{DatabaseFile, Part, TemplateValue};
use model::{Atom, ComponentName, NodeId, PortId, Text};
use std::collections::BTreeSet;

pub(super) use crate::aws_host::DATA;

pub(super) const SEALED_ENVIRONMENT: &str = "/run/landfall/environment";
const FILES: &str = "/etc/landfall/files";
const SEALED_FILES: &str = "/run/landfall/files";
/// The number of a port for which no wish was said.
const USUAL_PORT: u16 = 8000;

/// What the holes of texts stand for on a host.
pub(super) struct Layout<'a> {
    pub(super) processes: &'a ProcessGraph,
    pub(super) component: &'a ComponentName,
    /// The files that have secrets in them.
    pub(super) sealed: BTreeSet<NodeId>,
    /// The databases that it uses; there is a way to them.
    pub(super) databases: Vec<DatabaseInAws>,
}

/// Whether it is known only when what is kept is made: secrets, the public halves of key pairs, addresses of databases.
fn is_kept(atom: &Atom) -> bool {
    matches!(atom, Atom::Secret(..) | Atom::DatabaseHost(_))
}

/// Whether a text is known only when what is kept is made.
pub(super) fn is_sealed(text: &Text) -> bool {
    text.atoms().any(is_kept)
}

impl<'a> Layout<'a> {
    pub(super) fn new(
        processes: &'a ProcessGraph,
        component: &'a ComponentName,
        databases: Vec<DatabaseInAws>,
    ) -> Self {
        let is_sealed = |file: &FileSpec| {
            file.context.values().any(|value| value.atoms().into_iter().any(is_kept))
                || template::usage(&file.template_name, &file.template).derives_keys
        };
        let sealed = processes.nodes.iter().filter_map(|(id, node)| match &node.spec {
            NodeSpec::File(file) if node.component == *component && is_sealed(file) => Some(id.clone()),
            _ => None,
        });
        Self { processes, component, sealed: sealed.collect(), databases }
    }

    /// The number of a port: the one that was wished for, since nothing else runs on the host.
    pub(super) fn port(&self, id: &PortId) -> u16 {
        if let Some(database) = self.databases.iter().find(|database| database.port_id == *id) {
            return database.port;
        }
        match self.processes.ports.get(id).map(|request| request.wish) {
            Some(PortWish::Exactly(port) | PortWish::Preferably(port)) => port,
            Some(PortWish::Any) | None => USUAL_PORT,
        }
    }

    /// The path of a file.
    pub(super) fn file(&self, id: &NodeId) -> String {
        let name = match self.processes.nodes.get(id).map(|node| &node.spec) {
            Some(NodeSpec::File(file)) => file.name.as_str(),
            _ => id.as_str(),
        };
        format!("{}/{name}", if self.sealed.contains(id) { SEALED_FILES } else { FILES })
    }

    /// Whether something belongs to another component, which runs on another host.
    pub(super) fn is_elsewhere(&self, atom: &Atom) -> bool {
        let is_used = self.databases.iter().any(|database| match atom {
            Atom::Port(port) => database.port_id == *port,
            Atom::DatabaseHost(server) | Atom::DatabaseFile(server, DatabaseFile::Authority) => {
                database.server == *server
            }
            _ => false,
        });
        if is_used {
            return false;
        }
        let owner = match atom {
            Atom::Port(port) => self.processes.ports.get(port).map(|request| &request.component),
            Atom::File(node)
            | Atom::Source(node)
            | Atom::PythonProgram(node, _)
            | Atom::DatabaseHost(node)
            | Atom::DatabaseProgram(node, _)
            | Atom::DatabaseFile(node, _) => self.processes.nodes.get(node).map(|node| &node.component),
            Atom::Data(component, _) => Some(component),
            Atom::Secret(..) | Atom::Loopback | Atom::AuthorityFile | Atom::DatabaseName(..) => None,
        };
        owner.is_some_and(|owner| owner != self.component)
    }

    /// A hole that is known before the host starts; secrets are not.
    fn known(&self, atom: &Atom) -> Option<String> {
        Some(match atom {
            Atom::Port(port) => self.port(port).to_string(),
            Atom::File(file) => self.file(file),
            Atom::Source(_) => "/opt/landfall/source".to_owned(),
            Atom::Data(_, below) if below.is_empty() => DATA.to_owned(),
            Atom::Data(_, below) => format!("{DATA}/{below}"),
            Atom::PythonProgram(_, program) => format!("/opt/landfall/python/bin/{program}"),
            // Load balancers come from outside; the group of the host decides who reaches the port.
            Atom::Loopback => "0.0.0.0".to_owned(),
            Atom::AuthorityFile => "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            Atom::DatabaseFile(_, DatabaseFile::Authority) => aws_host::DATABASE_AUTHORITIES.to_owned(),
            Atom::DatabaseName(_, name) => name.clone(),
            Atom::Secret(..) | Atom::DatabaseHost(_) | Atom::DatabaseProgram(..) | Atom::DatabaseFile(..) => {
                return None;
            }
        })
    }

    /// A text without its holes, but for secrets.
    pub(super) fn settle(&self, text: &Text) -> Text {
        let part = |part: &Part| match part {
            Part::Hole(atom) => self.known(atom).map_or_else(|| part.clone(), Part::Literal),
            Part::Literal(_) => part.clone(),
        };
        text.parts().iter().map(part).collect()
    }

    /// A text that has no secret.
    pub(super) fn fill(&self, text: &Text) -> String {
        self.settle(text).to_string()
    }

    /// A variable of a template without its holes, but for secrets.
    pub(super) fn settle_value(&self, value: &TemplateValue) -> TemplateValue {
        match value {
            TemplateValue::Plain(plain) => TemplateValue::Plain(plain.clone()),
            TemplateValue::Text(text) => TemplateValue::Text(self.settle(text)),
            TemplateValue::List(items) => {
                TemplateValue::List(items.iter().map(|item| self.settle_value(item)).collect())
            }
            TemplateValue::Map(entries) => {
                TemplateValue::Map(entries.iter().map(|(key, item)| (key.clone(), self.settle_value(item))).collect())
            }
        }
    }
}

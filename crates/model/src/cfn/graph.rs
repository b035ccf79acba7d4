//! The resources of a deployment and what they are made from.

use super::value::Value;
use crate::{ComponentName, ManifestPath};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its type: `String`, `CommaDelimitedList`, `AWS::EC2::VPC::Id`.
    pub kind: String,
    /// The value when none is given.
    pub default: Option<String>,
    /// The only values that may be given, where that is said.
    pub allowed: Vec<String>,
    /// Line of the template, from 1.
    pub line: u32,
}

impl Parameter {
    /// Whether its value is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.kind == "CommaDelimitedList" || self.kind.contains("List<")
    }

    /// Whether its value is the name under which the real value is kept in the account.
    #[must_use]
    pub fn is_looked_up(&self) -> bool {
        self.kind.starts_with("AWS::SSM::Parameter::Value")
    }
}

/// Which stack a resource belongs to. A layer refers to itself and to layers before it, never to one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Addresses, routes, the deployment's key and topic.
    Network,
    /// What is kept: secrets, files, databases.
    Data,
    /// The hosts through which one gets at what is kept, before anything works with it.
    Access,
    /// What computes.
    Service,
    /// What the world sees: load balancers, certificates, names.
    Edge,
}

impl Layer {
    /// All, in the order in which they are made.
    pub const ALL: [Self; 5] = [Self::Network, Self::Data, Self::Access, Self::Service, Self::Edge];

    /// The word that names it in stacks and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Data => "data",
            Self::Access => "access",
            Self::Service => "service",
            Self::Edge => "edge",
        }
    }
}

/// A value that a stack tells when it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// What it is.
    pub about: String,
    /// The value.
    pub value: Value,
    /// The stack that tells it.
    pub layer: Layer,
}

/// A resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its type: `AWS::EC2::Subnet`.
    pub kind: String,
    /// The condition under which it exists.
    pub condition: Option<String>,
    /// What it is made with; a mapping.
    pub properties: Value,
    /// What stands beside type, condition and properties: `DependsOn`, `DeletionPolicy`, `UpdatePolicy`, `Metadata`.
    pub attributes: IndexMap<String, Value>,
    /// The stack that it belongs to in our own deployments.
    pub layer: Option<Layer>,
    /// The component that it was made for in our own manifest.
    pub component: Option<ComponentName>,
    /// What made it in our own manifest.
    pub origin: Option<ManifestPath>,
    /// Line of its logical id in the template, from 1; 0 when it was made, not read.
    pub line: u32,
}

/// All resources with everything that their values refer to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceGraph {
    /// By name.
    pub parameters: IndexMap<String, Parameter>,
    /// `Mappings`: map, first key, second key.
    pub mappings: IndexMap<String, IndexMap<String, IndexMap<String, Value>>>,
    /// By name.
    pub conditions: IndexMap<String, Value>,
    /// By logical id.
    pub resources: IndexMap<String, Resource>,
    /// What our own stacks tell, by name.
    pub outputs: IndexMap<String, Output>,
    /// Macros and transforms that rewrite the template before it is used.
    pub transforms: Vec<String>,
    /// What could not be read, each as `line N: what`; a proof may not rest on it.
    pub gaps: Vec<String>,
}

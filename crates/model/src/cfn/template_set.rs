//! The templates of a deployment: what is handed to CloudFormation, stack by stack.

use super::graph::Layer;
use crate::Digest;
use indexmap::IndexMap;

/// The templates of a deployment, in the order in which their stacks are made.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateSet {
    /// One a layer that has resources.
    pub stacks: Vec<StackTemplate>,
}

/// A stack before it exists.
#[derive(Debug, Clone, PartialEq)]
pub struct StackTemplate {
    /// Its layer.
    pub layer: Layer,
    /// Its name.
    pub name: String,
    /// Its template.
    pub text: String,
    /// The digest of the template's text.
    pub digest: Digest,
    /// Where the value of each parameter comes from.
    pub parameters: IndexMap<String, ParameterSource>,
    /// What AWS wants to be told that one knows.
    pub capabilities: Vec<&'static str>,
    /// What CloudFormation writes on the stack and all its resources.
    pub tags: Vec<(String, String)>,
    /// How many resources it has.
    pub resource_count: usize,
}

/// Where the value of a parameter comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterSource {
    /// An output of a stack that is made before.
    Output {
        /// That stack's layer.
        layer: Layer,
        /// The output's name.
        name: String,
    },
    /// The id of the hosted zone in which the domain lies.
    HostedZone {
        /// The domain.
        domain: String,
    },
    /// What the template says itself.
    Default,
}

//! A deployment as it is wanted in an account.

use model::cfn::{
    DatabasePlace, Layer, ParameterSource, Release, ResourceGraph, StackTemplate, StoredSecret, TemplateSet,
};
use model::{ComponentName, Digest, ManifestPath, Rotations};

/// The tag that names the deployment on all that belongs to it.
pub const DEPLOYMENT_TAG: &str = "landfall:deployment";
/// The tag that names the environment.
pub const ENVIRONMENT_TAG: &str = "landfall:environment";
/// The tag that names the component.
pub const COMPONENT_TAG: &str = "landfall:component";
/// The tag that says from which manifest a stack was made.
pub const MANIFEST_TAG: &str = "landfall:manifest";

/// A deployment as it is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The beginning of the names of its stacks: deployment and environment.
    pub name: String,
    /// The value of [`DEPLOYMENT_TAG`].
    pub deployment: String,
    /// The value of [`ENVIRONMENT_TAG`].
    pub environment: String,
    /// The account that the environment names.
    pub account: Option<String>,
    /// The region that the environment names.
    pub region: Option<String>,
    /// Its stacks.
    pub templates: TemplateSet,
    /// Its resources, for what each was made from.
    pub graph: ResourceGraph,
    /// What goes into its secrets.
    pub secrets: Vec<StoredSecret>,
    /// The folders that its hosts run from.
    pub releases: Vec<Release>,
    /// Its databases, and what must be in them.
    pub databases: Vec<DatabasePlace>,
    /// How far its secrets are in being replaced; it was lowered from that.
    pub rotations: Rotations,
    /// What it was made from.
    pub digest: Digest,
}

impl Deployment {
    /// The name of the stack of a layer, whether or not there is one.
    #[must_use]
    pub fn stack_name(&self, layer: Layer) -> String {
        self.wanted(layer).map_or_else(|| format!("{}-{}", self.name, layer.name()), |stack| stack.name.clone())
    }

    /// The wanted stack of a layer.
    #[must_use]
    pub fn wanted(&self, layer: Layer) -> Option<&StackTemplate> {
        self.templates.stacks.iter().find(|stack| stack.layer == layer)
    }

    /// What a resource was made from.
    #[must_use]
    pub fn origin(&self, logical_id: &str) -> Option<&ManifestPath> {
        self.graph.resources.get(logical_id)?.origin.as_ref()
    }

    /// The component of a resource.
    #[must_use]
    pub fn component(&self, logical_id: &str) -> Option<&ComponentName> {
        self.graph.resources.get(logical_id)?.component.as_ref()
    }

    /// The layers that must be done before a layer is: those whose outputs it takes; an unwanted one after it, which may
    /// use what it makes; and of an unwanted one all wanted layers after it, which may still use what it made.
    #[must_use]
    pub fn before(&self, layer: Layer) -> Vec<Layer> {
        let later_ones = Layer::ALL.into_iter().filter(|other| *other > layer);
        match self.wanted(layer) {
            None => later_ones.collect(),
            Some(stack) => {
                let outputs = stack.parameters.values().filter_map(|source| match source {
                    ParameterSource::Output { layer, .. } => Some(*layer),
                    ParameterSource::HostedZone { .. } | ParameterSource::Default => None,
                });
                let mut all: Vec<Layer> =
                    outputs.chain(later_ones.filter(|other| self.wanted(*other).is_none())).collect();
                all.sort();
                all.dedup();
                all
            }
        }
    }

    /// A name in the account's register.
    #[must_use]
    pub fn entry(&self, what: &str) -> String {
        format!("/landfall/{}/{what}", self.name)
    }
}

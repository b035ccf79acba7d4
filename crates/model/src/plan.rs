//! What will be done, completely: a plan leaves no choice open, and running it needs nothing else.

use crate::process_graph::{Node, PortWish};
use crate::{ComponentName, DeploymentName, Digest, ManifestPath, NodeId, PortId, StepId};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The version of the plan's JSON form.
pub const PLAN_VERSION: u32 = 1;

/// The steps from what is there to what is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentPlan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// Whose plan.
    pub deployment: DeploymentName,
    /// The environment, as `local`.
    pub environment: String,
    /// The digest of what was said: the manifest with all parameters.
    pub manifest: Digest,
    /// The steps, each after all that it needs. Empty when nothing is to be done.
    pub steps: Vec<Step>,
    /// The number of every port of the deployment, new and old.
    pub ports: IndexMap<PortId, u16>,
    /// What was wished for each port: a number is kept until its wish changes.
    #[serde(default)]
    pub wishes: IndexMap<PortId, PortWish>,
    /// How many nodes stay as they are.
    pub unchanged: usize,
}

impl DeploymentPlan {
    /// The digest of the plan: what was shown is what is run. The tokens of its steps are made of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the plan.
    pub id: StepId,
    /// The node that it makes, changes or removes.
    pub node: NodeId,
    /// Its component.
    pub component: ComponentName,
    /// The line of the manifest that caused it.
    pub origin: ManifestPath,
    /// What is done.
    pub action: Action,
    /// Why, in words: `tabpy/file/tabpy.conf changed`.
    pub why: String,
    /// What it means for people who use the deployment.
    pub consequence: Consequence,
    /// Steps that must have succeeded before.
    pub needs: Vec<StepId>,
    /// The wanted node; for a removal the node as it was made.
    pub desired: Node,
    /// The node's digest afterwards; none after a removal.
    pub digest: Option<Digest>,
}

/// What a step does to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there with another description.
    Update,
    /// It should be as it is described, but the world says otherwise (a dead program, a lost file).
    Repair,
    /// It is no longer wanted.
    Delete,
}

/// What a step means for people who use the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Nobody notices.
    None,
    /// The component does not answer for a moment.
    Interruption,
    /// Data is removed that cannot be made again.
    DataLoss,
}

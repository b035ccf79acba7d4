//! What would be done in the account, and what that means: made from change sets, shown, kept in a file, run as it was reviewed.

pub(crate) mod changes;
mod file;
mod guard;
mod make;
mod meaning;

pub use meaning::{Data, Downtime, Meaning};

use model::cfn::Layer;
use model::{ComponentName, Digest, ManifestPath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub(crate) use changes::planned;
pub(crate) use make::{all_known, read};

/// The version of the plan's JSON form.
pub const ACCOUNT_PLAN_VERSION: u32 = 1;

/// What a plan may do that is refused otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Components of which something that cannot be made again may be replaced or removed.
    pub allow_replace: BTreeSet<ComponentName>,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountPlan {
    /// [`ACCOUNT_PLAN_VERSION`].
    pub version: u32,
    /// The beginning of the stacks' names.
    pub deployment: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// What was said: the manifest with all parameters.
    pub manifest: Digest,
    /// The stacks, in the order in which they are made.
    pub stacks: Vec<StackPlan>,
    /// What happens to each component; those to which nothing happens are left out.
    pub components: Vec<ComponentPlan>,
    /// Why it may not run; empty when it may.
    pub refusals: Vec<PlanRefusal>,
    /// Components that were named as replaceable.
    pub allow_replace: BTreeSet<ComponentName>,
}

/// What would be done to a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackPlan {
    /// Its layer.
    pub layer: Layer,
    /// Its name.
    pub stack: String,
    /// What is done.
    pub action: StackAction,
    /// The digest of the wanted template; none for a stack that goes.
    pub template: Option<Digest>,
    /// Marks the state from which the plan was made.
    pub state: String,
    /// The change set from which it was read.
    pub change_set: Option<String>,
    /// What happens to its resources.
    pub changes: Vec<PlannedChange>,
    /// How many resources only get another tag.
    pub tags_only: usize,
    /// Parameters whose value is known only when an earlier stack is done, with the reason.
    pub unknown_parameters: Vec<(String, String)>,
}

/// What is done to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackAction {
    /// Nothing: it is as wanted.
    Keep,
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// An earlier run left it in a state from which it is brought back first; then it is made or changed.
    Recover,
    /// It is no longer wanted.
    Delete,
}

/// What happens to a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Its name in the template.
    pub logical_id: String,
    /// Its id in AWS, when it is there.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// The component that it belongs to.
    pub component: Option<ComponentName>,
    /// The line of the manifest.
    pub origin: Option<ManifestPath>,
    /// What is done.
    pub action: ResourceAction,
    /// Properties that change, each with what leads to it.
    pub because: Vec<String>,
    /// What that means.
    pub meaning: Meaning,
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceAction {
    /// It is made.
    Create,
    /// It is changed where it is.
    Update,
    /// It is changed, and AWS cannot say beforehand whether it is another one afterwards.
    MayReplace,
    /// Another one takes its place.
    Replace,
    /// It goes.
    Delete,
}

/// What happens to a component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentPlan {
    /// Which; none for what belongs to the deployment as a whole.
    pub component: Option<ComponentName>,
    /// How many resources are made.
    pub create: usize,
    /// Changed where they are.
    pub update: usize,
    /// Replaced, or perhaps.
    pub replace: usize,
    /// Removed.
    pub delete: usize,
    /// What that means, the worst of all its resources.
    pub meaning: Meaning,
}

/// Why a plan may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRefusal {
    /// The component that would have to be named.
    pub component: Option<ComponentName>,
    /// The line of the manifest.
    pub origin: Option<ManifestPath>,
    /// What it is, in words.
    pub cause: String,
    /// What to do.
    pub help: String,
}

impl AccountPlan {
    /// Its digest: what was shown is what is run.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }

    /// Whether nothing is to be done to the stacks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stacks.iter().all(|stack| stack.action == StackAction::Keep)
    }

    /// The plan of a stack.
    #[must_use]
    pub fn stack(&self, layer: Layer) -> Option<&StackPlan> {
        self.stacks.iter().find(|stack| stack.layer == layer)
    }

    /// All changes, stack by stack.
    pub fn changes(&self) -> impl Iterator<Item = &PlannedChange> {
        self.stacks.iter().flat_map(|stack| &stack.changes)
    }
}

//! What goes into the secrets that a deployment keeps in an account. Templates hold no value: they make the empty place
//! and the deployment fills it, except for passwords, which CloudFormation itself can draw.

use crate::process_graph::{FileSpec, SecretRecipe, SecretSource};
use crate::{ManifestPath, NodeId};

/// A secret of the account and what goes into it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSecret {
    /// The resource that is its place.
    pub logical_id: String,
    /// What made it.
    pub origin: ManifestPath,
    /// The node whose value it is; other contents name it.
    pub node: Option<NodeId>,
    /// What goes into it.
    pub content: SecretContent,
}

/// What goes into a secret.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretContent {
    /// A value made once.
    Made {
        /// How.
        recipe: SecretRecipe,
        /// Raised to make it anew.
        generation: u32,
        /// Whether CloudFormation draws the first value, so that nothing is to be done after the stack is made.
        drawn_by_stack: bool,
    },
    /// A value that is kept elsewhere and brought here.
    Given(SecretSource),
    /// A file with secrets in it, rendered when their values are known. The only holes left are secrets of this list.
    File(FileSpec),
}

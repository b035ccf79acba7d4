//! What is not as `up` left it: files changed by hand, programs that do not run, grants that nobody declared.

use crate::database;
use crate::target::LocalTarget;
use engine::ports::{Condition, Target as _};
use indexmap::IndexMap;
use model::process_graph::NodeSpec;
use model::run_state::Made;
use model::{ComponentName, Fault, ManifestPath, NodeId};
use serde::Serialize;

/// Something that is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The part.
    pub node: NodeId,
    /// Its component.
    pub component: ComponentName,
    /// The line of the manifest that it comes from.
    pub origin: ManifestPath,
    /// What it is, as `file`.
    pub noun: &'static str,
    /// What is different, in words.
    pub what: String,
    /// Whether the next `up` mends it; what somebody else made stays.
    pub mended: bool,
}

impl LocalTarget {
    /// Compares everything that was made with what is there. Changes nothing.
    ///
    /// # Errors
    /// When it cannot look.
    pub async fn drift(&self, made: &IndexMap<NodeId, Made>) -> Result<Vec<Difference>, Fault> {
        let observed = self.observe(made).await?;
        let mut differences = Vec::new();
        for (node, was) in made {
            let mut found = |what: String, mended: bool| {
                differences.push(Difference {
                    node: node.clone(),
                    component: was.node.component.clone(),
                    origin: was.node.origin.clone(),
                    noun: was.node.spec.noun(),
                    what,
                    mended,
                });
            };
            let broken = match observed.nodes.get(node) {
                Some(Condition::Broken(what)) => Some(what.clone()),
                _ => None,
            };
            if let NodeSpec::DatabaseContent(spec) = &was.node.spec {
                match database::strange(self, spec).await {
                    Ok(strange) => strange.into_iter().for_each(|(what, mended)| found(what, mended)),
                    // Who cannot be asked does not run, which is told already.
                    Err(_) => broken.into_iter().for_each(|what| found(what, true)),
                }
            } else if let Some(what) = broken {
                found(what, true);
            }
        }
        Ok(differences)
    }
}

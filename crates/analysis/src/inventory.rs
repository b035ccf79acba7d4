//! What a deployment consists of: its resources by component, and which of them hold what cannot be made again.

use model::ComponentName;
use model::cfn::{ResourceGraph, Value};
use serde::Serialize;

/// The resources of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentInventory {
    /// The component; none for what was read from a template.
    pub component: Option<ComponentName>,
    /// Its resources.
    pub resources: Vec<Item>,
}

/// A resource in an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its logical id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// The line of the manifest that made it.
    pub origin: Option<String>,
    /// Whether it outlives its stack.
    pub is_kept: bool,
}

/// The resources by component, in the order of the graph.
#[must_use]
pub fn inventory(graph: &ResourceGraph) -> Vec<ComponentInventory> {
    let mut all: Vec<ComponentInventory> = Vec::new();
    for (id, resource) in &graph.resources {
        let policy = resource.attributes.get("DeletionPolicy");
        let item = Item {
            id: id.clone(),
            kind: resource.kind.clone(),
            origin: resource.origin.as_ref().map(ToString::to_string),
            is_kept: policy.is_some_and(|policy| *policy != Value::text("Delete")),
        };
        match all.iter_mut().find(|known| known.component == resource.component) {
            Some(known) => known.resources.push(item),
            None => all.push(ComponentInventory { component: resource.component.clone(), resources: vec![item] }),
        }
    }
    all
}

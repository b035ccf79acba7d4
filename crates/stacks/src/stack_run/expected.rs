//! How long a change usually takes: the longest chain of resources that wait for each other.

use crate::account::{Change, ChangeAction};
use crate::{Deployment, TypeFacts};
use std::collections::BTreeMap;

/// Seconds of the longest chain among the changed resources.
pub(crate) fn expected_seconds(deployment: &Deployment, changes: &[Change], types: &dyn TypeFacts) -> u32 {
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    let changed: BTreeMap<&str, &Change> = changes
        .iter()
        .filter(|one| one.action != ChangeAction::Remove)
        .map(|one| (one.logical_id.as_str(), one))
        .collect();
    for id in changed.keys() {
        end(id, deployment, &changed, types, &mut ends, 0);
    }
    ends.values().copied().max().unwrap_or_default()
}

fn end<'c>(
    id: &'c str,
    deployment: &Deployment,
    changed: &BTreeMap<&'c str, &'c Change>,
    types: &dyn TypeFacts,
    ends: &mut BTreeMap<&'c str, u32>,
    depth: usize,
) -> u32 {
    if let Some(known) = ends.get(id) {
        return *known;
    }
    let Some(change) = changed.get(id) else { return 0 };
    let own = types.seconds(&change.resource_type);
    let resource = deployment.graph.resources.get(id);
    // Deeper than any template is: a cycle, which CloudFormation refuses by itself.
    let before = match resource.filter(|_| depth < 500) {
        None => 0,
        Some(resource) => {
            let mentioned = std::iter::once(&resource.properties).chain(resource.attributes.values());
            let names: Vec<&'c str> = mentioned
                .flat_map(|value| value.mentions())
                .filter_map(|name| changed.get_key_value(name).map(|(name, _)| *name))
                .filter(|name| *name != id)
                .collect();
            names.into_iter().map(|name| end(name, deployment, changed, types, ends, depth + 1)).max().unwrap_or(0)
        }
    };
    ends.insert(id, before + own);
    before + own
}

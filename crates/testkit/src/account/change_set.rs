//! What a change set foresees.

use super::catalogue;
use super::difference::differences;
use super::evaluate::{KNOWN_LATER, as_text};
use super::machine::Machine;
use super::scope::{Foreseen, Scope};
use super::stack::Wanted;
use analysis::resource_types::{Replaces, replaces};
use model::cfn::{Kind, Resource, Value};
use serde_json::Value as Json;
use stacks::account::{Change, ChangeAction, ChangeCause, Replacement};

impl Machine {
    /// What would change, and whether anything but resources would.
    pub(super) fn foresee(&self, at: usize, wanted: &Wanted) -> Result<(Vec<Change>, bool), String> {
        let stack = &self.stacks[at];
        let graph = &wanted.template.graph;
        let mut foreseen = Foreseen::default();
        let mut changes = Vec::new();
        for id in order(graph)? {
            let resource = &graph.resources[id];
            let scope = Scope::new(self, stack, wanted, true).foreseeing(foreseen.clone());
            if !scope.exists(id) {
                continue;
            }
            let properties = scope.properties(resource)?;
            let mut change = Change {
                logical_id: id.to_owned(),
                physical_id: None,
                resource_type: resource.kind.clone(),
                action: ChangeAction::Add,
                replacement: None,
                causes: Vec::new(),
            };
            let old = stack.records.get(id).filter(|old| old.thing.is_some() && old.status != "CREATE_FAILED");
            let Some(old) = old else {
                foreseen.replaced.insert(id.to_owned());
                changes.push(change);
                continue;
            };
            let mut strongest = Replaces::Never;
            for path in differences(&old.properties, &properties) {
                let recreation = replaces(&resource.kind, &path);
                let value = |of: &Json| path.split('/').try_fold(of, |it, key| it.get(key)).map(as_text);
                let (before, after) = (value(&old.properties), value(&properties));
                let is_dynamic = after.as_deref().is_some_and(|after| after.contains(KNOWN_LATER));
                // Whether the value will differ is not known, so neither is what follows.
                let felt = if is_dynamic { recreation.min(Replaces::Sometimes) } else { recreation };
                strongest = strongest.max(felt);
                let property = path.split('/').next().unwrap_or_default().to_owned();
                let (source, entity) = cause(resource, &property, graph);
                change.causes.push(ChangeCause {
                    attribute: if property == "Tags" { "Tags" } else { "Properties" }.to_owned(),
                    property: (property != "Tags").then_some(property),
                    recreation: Some(
                        match recreation {
                            Replaces::Never => "Never",
                            Replaces::Sometimes => "Conditionally",
                            Replaces::Always => "Always",
                        }
                        .to_owned(),
                    ),
                    source: Some(source.to_owned()),
                    causing_entity: entity,
                    before,
                    after,
                });
            }
            if catalogue::is_taggable(&resource.kind) && old.stack_tags != wanted.tags {
                change.causes.push(ChangeCause {
                    attribute: "Tags".to_owned(),
                    property: None,
                    recreation: Some("Never".to_owned()),
                    source: Some("DirectModification".to_owned()),
                    causing_entity: None,
                    before: None,
                    after: None,
                });
            }
            if change.causes.is_empty() && old.kind == resource.kind && !old.status.ends_with("FAILED") {
                continue;
            }
            change.action = ChangeAction::Modify;
            change.physical_id.clone_from(&old.physical_id);
            if old.kind != resource.kind {
                strongest = Replaces::Always;
            }
            change.replacement = Some(match strongest {
                Replaces::Never => Replacement::False,
                Replaces::Sometimes => Replacement::Conditional,
                Replaces::Always => Replacement::True,
            });
            if strongest == Replaces::Never {
                foreseen.changed.insert(id.to_owned());
            } else {
                foreseen.replaced.insert(id.to_owned());
            }
            changes.push(change);
        }
        let scope = Scope::new(self, stack, wanted, true).foreseeing(foreseen.clone());
        for (id, record) in stack.records.iter().filter(|(_, record)| record.thing.is_some()) {
            if !scope.exists(id) {
                changes.push(Change {
                    logical_id: id.clone(),
                    physical_id: record.physical_id.clone(),
                    resource_type: record.kind.clone(),
                    action: ChangeAction::Remove,
                    replacement: None,
                    causes: Vec::new(),
                });
            }
        }
        let has_other_changes = stack.wanted.as_ref().is_none_or(|old| {
            old.tags != wanted.tags
                || old.template.outputs != wanted.template.outputs
                || policies(old) != policies(wanted)
        }) || stack.status.word().ends_with("FAILED");
        Ok((changes, has_other_changes))
    }
}

/// What stands beside the properties of each resource and counts as a change.
fn policies(wanted: &Wanted) -> Vec<(&String, Vec<(&String, &Value)>)> {
    wanted
        .template
        .graph
        .resources
        .iter()
        .map(|(id, resource)| (id, resource.attributes.iter().filter(|(key, _)| *key != "Metadata").collect()))
        .collect()
}

/// From where a change of a property comes.
fn cause(resource: &Resource, property: &str, graph: &model::cfn::ResourceGraph) -> (&'static str, Option<String>) {
    let Some(value) = resource.properties.get(property) else { return ("DirectModification", None) };
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match &value.kind {
            Kind::GetAtt(name, attribute) => return ("ResourceAttribute", Some(format!("{name}.{attribute}"))),
            Kind::Ref(name) if graph.parameters.contains_key(name) => {
                return ("ParameterReference", Some(name.clone()));
            }
            Kind::Ref(name) if graph.resources.contains_key(name) => return ("ResourceReference", Some(name.clone())),
            _ => open.extend(value.children()),
        }
    }
    ("DirectModification", None)
}

/// The resources, each after those that it mentions.
fn order(graph: &model::cfn::ResourceGraph) -> Result<Vec<&str>, String> {
    let mut order: Vec<&str> = Vec::new();
    let mut left: Vec<(&str, std::collections::BTreeSet<String>)> =
        graph.resources.iter().map(|(id, resource)| (id.as_str(), super::scope::needs(resource, graph))).collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|(id, needs)| {
            let is_ready = needs.iter().all(|need| order.contains(&need.as_str()));
            if is_ready {
                order.push(id);
            }
            !is_ready
        });
        if left.len() == before {
            let names: Vec<&str> = left.iter().map(|(id, _)| *id).collect();
            return Err(format!("Circular dependency between resources: [{}]", names.join(", ")));
        }
    }
    Ok(order)
}

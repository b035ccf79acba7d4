//! What names in a template mean for a stack: parameters, resources, the account.

use super::catalogue;
use super::evaluate::{KNOWN_LATER, Names, evaluate, holds_named};
use super::machine::Machine;
use super::stack::{StackRecord, Wanted, depends_on};
use model::cfn::{Resource, ResourceGraph, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Names of a stack.
pub(super) struct Scope<'a> {
    machine: &'a Machine,
    stack: &'a StackRecord,
    wanted: &'a Wanted,
    /// Resources that are others after a change, or changed by it; only when a change is foreseen.
    foreseen: Option<Foreseen>,
}

/// What a change will do to resources that others mention.
#[derive(Debug, Default, Clone)]
pub(super) struct Foreseen {
    pub replaced: BTreeSet<String>,
    pub changed: BTreeSet<String>,
}

impl<'a> Scope<'a> {
    /// With `foresees`, what is not there yet is a placeholder instead of an error.
    pub(super) fn new(machine: &'a Machine, stack: &'a StackRecord, wanted: &'a Wanted, foresees: bool) -> Self {
        Self { machine, stack, wanted, foreseen: foresees.then(Foreseen::default) }
    }

    pub(super) fn foreseeing(mut self, foreseen: Foreseen) -> Self {
        self.foreseen = Some(foreseen);
        self
    }

    /// Whether a resource of the template is to be there.
    pub(super) fn exists(&self, id: &str) -> bool {
        self.wanted.template.graph.resources.get(id).is_some_and(|resource| {
            resource.condition.as_ref().is_none_or(|name| holds_named(name, self).unwrap_or(false))
        })
    }

    /// The properties of a resource.
    pub(super) fn properties(&self, resource: &Resource) -> Result<Json, String> {
        evaluate(&resource.properties, self)
    }

    fn known_thing(&self, name: &str) -> Result<Option<&'a super::Thing>, String> {
        let later = |error: String| if self.foreseen.is_some() { Ok(None) } else { Err(error) };
        let Some(record) = self.stack.records.get(name) else { return later(format!("{name} is not there")) };
        match record.thing {
            Some(serial) => Ok(self.machine.things.get(&serial)),
            None => later(format!("{name} is not there")),
        }
    }
}

impl Names for Scope<'_> {
    fn reference(&self, name: &str) -> Result<Json, String> {
        let text = |text: &str| Ok(Json::String(text.to_owned()));
        match name {
            "AWS::NoValue" => return Ok(Json::Null),
            "AWS::AccountId" => return text(&self.machine.account),
            "AWS::Region" => return text(&self.machine.region),
            "AWS::Partition" => return text("aws"),
            "AWS::URLSuffix" => return text("amazonaws.com"),
            "AWS::StackName" => return text(&self.stack.name),
            "AWS::StackId" => return text(&self.stack.id),
            "AWS::NotificationARNs" => return Ok(Json::Array(Vec::new())),
            _ => {}
        }
        if let Some(parameter) = self.wanted.template.graph.parameters.get(name) {
            let value = self.wanted.resolved.get(name).or_else(|| self.wanted.parameters.get(name));
            let value = value.ok_or_else(|| format!("Parameters: [{name}] must have values"))?;
            return Ok(if parameter.is_list() {
                Json::Array(value.split(',').map(|item| Json::String(item.trim().to_owned())).collect())
            } else {
                Json::String(value.clone())
            });
        }
        if self.foreseen.as_ref().is_some_and(|foreseen| foreseen.replaced.contains(name)) {
            return text(KNOWN_LATER);
        }
        match self.known_thing(name)? {
            Some(thing) => text(&thing.physical_id),
            // Deleted behind CloudFormation's back: it still knows the id.
            None => match self.stack.records.get(name).and_then(|record| record.physical_id.as_deref()) {
                Some(id) => text(id),
                None => text(KNOWN_LATER),
            },
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Json, String> {
        if let Some(foreseen) = &self.foreseen
            && (foreseen.replaced.contains(name) || foreseen.changed.contains(name))
        {
            return Ok(Json::String(KNOWN_LATER.to_owned()));
        }
        let Some(thing) = self.known_thing(name)? else {
            return if self.foreseen.is_some() {
                Ok(Json::String(KNOWN_LATER.to_owned()))
            } else {
                Err(format!("Unable to retrieve {attribute} attribute for {name}: it does not exist"))
            };
        };
        thing
            .attributes
            .get(attribute)
            .cloned()
            .ok_or_else(|| format!("Requested attribute {attribute} does not exist in schema for {}", thing.kind))
    }

    fn mapped(&self, keys: [&str; 3]) -> Option<Value> {
        self.wanted.template.graph.mappings.get(keys[0])?.get(keys[1])?.get(keys[2]).cloned()
    }

    fn condition(&self, name: &str) -> Option<Value> {
        self.wanted.template.graph.conditions.get(name).cloned()
    }

    fn zones(&self) -> Vec<String> {
        "abcdef".chars().map(|letter| format!("{}{letter}", self.machine.region)).collect()
    }
}

/// The resources that must be there before this one.
pub(super) fn needs(resource: &Resource, graph: &ResourceGraph) -> BTreeSet<String> {
    let mentioned = resource.properties.mentions().into_iter().chain(depends_on(resource));
    mentioned.filter(|name| graph.resources.contains_key(*name)).map(str::to_owned).collect()
}

impl Machine {
    /// What the tags of a resource are.
    pub(super) fn tags_of(
        &self,
        at: usize,
        id: &str,
        kind: &str,
        properties: &Json,
        stack_tags: &indexmap::IndexMap<String, String>,
    ) -> std::collections::BTreeMap<String, String> {
        let mut tags = std::collections::BTreeMap::new();
        if !catalogue::is_taggable(kind) {
            return tags;
        }
        let stack = &self.stacks[at];
        tags.extend(stack_tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        for tag in properties.get("Tags").and_then(Json::as_array).into_iter().flatten() {
            let text = |key: &str| tag.get(key).map(super::evaluate::as_text).unwrap_or_default();
            tags.insert(text("Key"), text("Value"));
        }
        for (key, value) in [("stack-name", &stack.name), ("stack-id", &stack.id), ("logical-id", &id.to_owned())] {
            tags.insert(format!("aws:cloudformation:{key}"), value.clone());
        }
        tags
    }
}

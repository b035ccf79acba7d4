//! From the changes of a change set to what is planned, with component, line and meaning.

use super::meaning::{Fate, meaning};
use super::{PlannedChange, ResourceAction};
use crate::account::{Change, ChangeAction, Replacement};
use crate::{Deployment, TypeFacts};
use model::cfn::{Kind, Resource, ResourceGraph, Value};
use model::{ComponentName, ManifestPath};

/// What is known of the resources of a stack, there and wanted.
pub(crate) struct Known<'a> {
    pub(crate) deployment: &'a Deployment,
    /// What the stack that is there was made from; tells of resources that are no longer wanted.
    pub(crate) there: Option<&'a ResourceGraph>,
    pub(crate) types: &'a dyn TypeFacts,
}

/// What is planned, and how many resources only get another tag.
pub(crate) fn planned(changes: &[Change], known: &Known<'_>) -> (Vec<PlannedChange>, usize) {
    let is_tags_only = |change: &&Change| {
        change.action == ChangeAction::Modify
            && change.replacement != Some(Replacement::True)
            && !change.causes.is_empty()
            && change.causes.iter().all(|cause| cause.attribute == "Tags" || cause.property.as_deref() == Some("Tags"))
    };
    let (tags, real): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(is_tags_only);
    (real.into_iter().map(|change| known.planned(change)).collect(), tags.len())
}

impl Known<'_> {
    fn planned(&self, change: &Change) -> PlannedChange {
        let action = match change.action {
            ChangeAction::Add | ChangeAction::Import => ResourceAction::Create,
            ChangeAction::Remove => ResourceAction::Delete,
            ChangeAction::Modify | ChangeAction::Dynamic => self.modification(change),
        };
        let because = change
            .causes
            .iter()
            .map(|cause| {
                let what = cause.property.as_deref().unwrap_or(&cause.attribute);
                match cause.causing_entity.as_deref() {
                    Some(entity) => format!("{what} (by {entity})"),
                    None => what.to_owned(),
                }
            })
            .fold(Vec::new(), |mut all: Vec<String>, one| {
                if !all.contains(&one) {
                    all.push(one);
                }
                all
            });
        let mut planned = self.resource(&change.logical_id, &change.resource_type, action);
        planned.physical_id.clone_from(&change.physical_id);
        planned.because = because;
        planned
    }

    /// A resource with what is done to it.
    pub(crate) fn resource(&self, logical_id: &str, kind: &str, action: ResourceAction) -> PlannedChange {
        let wanted = self.deployment.graph.resources.get(logical_id);
        let there = self.there.and_then(|graph| graph.resources.get(logical_id));
        let policy = match action {
            ResourceAction::Delete => "DeletionPolicy",
            _ => "UpdateReplacePolicy",
        };
        let fate = there.or(wanted).map_or(Fate::Unsaid, |resource| fate(resource, policy));
        let mut meaning = meaning(kind, action, fate, self.types);
        if action != ResourceAction::Delete {
            meaning.unknown.extend(wanted.and_then(|resource| self.looked_up(resource)));
        }
        PlannedChange {
            logical_id: logical_id.to_owned(),
            physical_id: None,
            resource_type: kind.to_owned(),
            component: wanted.and_then(|one| one.component.clone()).or_else(|| there.and_then(component_said)),
            origin: wanted.and_then(|one| one.origin.clone()).or_else(|| there.and_then(origin_said)),
            action,
            because: Vec::new(),
            meaning,
        }
    }

    /// Whether a changed resource is another one afterwards. Where AWS cannot say, the schemas of the types may.
    fn modification(&self, change: &Change) -> ResourceAction {
        match change.replacement {
            Some(Replacement::True) => return ResourceAction::Replace,
            Some(Replacement::False) => return ResourceAction::Update,
            Some(Replacement::Conditional) | None => {}
        }
        let properties: Vec<Replacement> = change
            .causes
            .iter()
            .filter(|cause| cause.attribute == "Properties")
            .map(|cause| match (cause.recreation.as_deref(), cause.property.as_deref()) {
                (Some("Never"), _) => Replacement::False,
                (_, Some(property)) => self.types.replaces(&change.resource_type, property),
                (_, None) => Replacement::Conditional,
            })
            .collect();
        // A cause that is itself only computed while it runs need not come true.
        if properties.contains(&Replacement::True) && change.replacement.is_none() {
            ResourceAction::Replace
        } else if properties.iter().any(|one| *one != Replacement::False)
            || change.replacement.is_some() && properties.is_empty()
        {
            ResourceAction::MayReplace
        } else {
            ResourceAction::Update
        }
    }

    /// What AWS looks up at the moment at which it runs.
    fn looked_up(&self, resource: &Resource) -> Option<String> {
        let mentions = resource.properties.mentions();
        let parameters = &self.deployment.graph.parameters;
        let name = mentions.into_iter().find(|name| parameters.get(*name).is_some_and(|one| one.is_looked_up()))?;
        Some(format!("{name} is looked up while it runs: a newer image may have appeared"))
    }
}

/// Whether a resource stays in the account when it goes from its stack.
pub(crate) fn is_kept(resource: &Resource, policy: &str) -> bool {
    fate(resource, policy) == Fate::Kept
}

fn fate(resource: &Resource, policy: &str) -> Fate {
    match resource.attributes.get(policy).map(|value| &value.kind) {
        Some(Kind::Text(text)) if text.starts_with("Retain") || text == "Snapshot" => Fate::Kept,
        Some(Kind::Text(text)) if text == "Delete" => Fate::Worthless,
        _ => Fate::Unsaid,
    }
}

/// The component that a resource of a deployed template names in its tags, or in its manifest path.
pub(crate) fn component_said(resource: &Resource) -> Option<ComponentName> {
    let path = path_said(resource)?;
    let name = path.strip_prefix("components.")?.split('.').next()?;
    ComponentName::new(name).ok()
}

/// The component's line in the manifest as it was; what stood below is no longer there.
pub(crate) fn origin_said(resource: &Resource) -> Option<ManifestPath> {
    Some(ManifestPath::root().key("components").key(component_said(resource)?.as_str()))
}

fn path_said(resource: &Resource) -> Option<&str> {
    let metadata: &Value = resource.attributes.get("Metadata")?;
    match &metadata.get("ManifestPath")?.kind {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

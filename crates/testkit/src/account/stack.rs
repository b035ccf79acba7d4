//! What CloudFormation keeps of a stack.

use super::operation::Operation;
use indexmap::IndexMap;
use model::cfn::ResourceGraph;
use serde_json::Value as Json;
use stacks::account::{ChangeSet, Stack, StackEvent, StackResource, StackStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A template that was read.
#[derive(Debug)]
pub(super) struct ReadTemplate {
    pub text: String,
    pub graph: ResourceGraph,
    pub outputs: IndexMap<String, model::cfn::Value>,
    pub description: Option<String>,
}

/// What a stack is to be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub template: Arc<ReadTemplate>,
    /// As given, and with defaults.
    pub parameters: IndexMap<String, String>,
    /// What parameters stand for that are looked up in the account.
    pub resolved: BTreeMap<String, String>,
    pub tags: IndexMap<String, String>,
}

/// A resource of a stack.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub kind: String,
    /// The thing behind it.
    pub thing: Option<u64>,
    pub physical_id: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    /// As last evaluated.
    pub properties: Json,
    pub stack_tags: IndexMap<String, String>,
    /// Whom it must outlive.
    pub needs: BTreeSet<String>,
    pub keeps_on_delete: Keeps,
    pub keeps_on_replace: bool,
}

/// What `DeletionPolicy` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    No,
    /// `Retain`
    Always,
    /// `RetainExceptOnCreate`
    ExceptOnCreate,
}

/// A change set.
#[derive(Debug, Clone)]
pub(super) struct Proposed {
    pub set: ChangeSet,
    pub wanted: Option<Wanted>,
    pub token: String,
    /// AWS's execution status.
    pub execution: &'static str,
    /// When it is ready.
    pub ready_at: u64,
}

/// A stack.
#[derive(Debug, Clone)]
pub(super) struct StackRecord {
    pub id: String,
    pub name: String,
    pub status: StackStatus,
    pub reason: Option<String>,
    pub wanted: Option<Wanted>,
    pub outputs: IndexMap<String, String>,
    pub is_protected: bool,
    pub created_at: u64,
    pub updated_at: Option<u64>,
    pub records: IndexMap<String, Record>,
    /// Oldest first.
    pub events: Vec<StackEvent>,
    pub change_sets: IndexMap<String, Proposed>,
    pub operation: Option<Operation>,
    /// The last state that was whole: where a rollback leads to.
    pub stable: Option<Stable>,
    /// Things that resources had before: deleted once the stack is whole.
    pub leftovers: Vec<(String, Record)>,
    /// What was done for each token.
    pub tokens: BTreeMap<String, String>,
    /// Resources that the failed rollback or deletion failed at.
    pub failed: BTreeSet<String>,
    pub drifts: Vec<stacks::account::ResourceDrift>,
}

/// A state that was whole.
#[derive(Debug, Clone)]
pub(super) struct Stable {
    pub wanted: Wanted,
    pub records: IndexMap<String, Record>,
    pub outputs: IndexMap<String, String>,
}

impl StackRecord {
    pub(super) fn is_deleted(&self) -> bool {
        self.status == StackStatus::DeleteComplete
    }

    /// As DescribeStacks tells it.
    pub(super) fn told(&self) -> Stack {
        let wanted = self.wanted.as_ref();
        let mut parameters = wanted.map(|wanted| wanted.parameters.clone()).unwrap_or_default();
        parameters.sort_keys();
        Stack {
            id: self.id.clone(),
            name: self.name.clone(),
            status: self.status,
            reason: self.reason.clone(),
            description: wanted.and_then(|wanted| wanted.template.description.clone()),
            parameters,
            outputs: self.outputs.clone(),
            tags: wanted.map(|wanted| wanted.tags.clone()).unwrap_or_default(),
            is_protected: self.is_protected,
            created_at: super::time(self.created_at),
            updated_at: self.updated_at.map(super::time),
        }
    }

    /// As DescribeStackResources tells them.
    pub(super) fn told_resources(&self) -> Vec<StackResource> {
        let told = |(id, record): (&String, &Record)| StackResource {
            logical_id: id.clone(),
            physical_id: record.physical_id.clone(),
            resource_type: record.kind.clone(),
            status: record.status.clone(),
            reason: record.reason.clone(),
        };
        self.records.iter().map(told).collect()
    }
}

/// Reads a template with what CloudFormation checks before it begins. A text is read once: suites hand over the same ones by the
/// thousand.
pub(super) fn read(text: &str) -> Result<Arc<ReadTemplate>, String> {
    static KNOWN: Mutex<BTreeMap<String, Arc<ReadTemplate>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(template) = known().get(text) {
        return Ok(Arc::clone(template));
    }
    let template = Arc::new(read_anew(text)?);
    known().insert(text.to_owned(), Arc::clone(&template));
    Ok(template)
}

fn read_anew(text: &str) -> Result<ReadTemplate, String> {
    let mut findings = model::Findings::new();
    let template = model::cfn::read("template", text, &mut findings)
        .ok_or_else(|| "Template format error: At least one Resources member must be defined.".to_owned())?;
    if let Some(gap) = template.graph.gaps.first() {
        return Err(format!("Template format error: {gap}"));
    }
    for (id, resource) in &template.graph.resources {
        for name in resource.properties.mentions().into_iter().chain(depends_on(resource)) {
            let is_known = template.graph.resources.contains_key(name) || template.graph.parameters.contains_key(name);
            if !is_known && !name.starts_with("AWS::") {
                return Err(format!(
                    "Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template ({id})"
                ));
            }
        }
    }
    Ok(ReadTemplate {
        text: text.to_owned(),
        graph: template.graph,
        outputs: template.outputs,
        description: template.description,
    })
}

/// The names under `DependsOn`.
pub(super) fn depends_on(resource: &model::cfn::Resource) -> Vec<&str> {
    use model::cfn::Kind;
    match resource.attributes.get("DependsOn").map(|value| &value.kind) {
        Some(Kind::Text(name)) => vec![name],
        Some(Kind::List(items)) => items
            .iter()
            .filter_map(|item| if let Kind::Text(name) = &item.kind { Some(name.as_str()) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

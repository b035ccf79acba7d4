//! Change sets.

use super::{absent, code_is, no_stack, unknown_word};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::CloudFormation;
use crate::xml::Element;
use stacks::account::{
    CallError, Called, Change, ChangeAction, ChangeCause, ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetStatus,
    Replacement,
};

fn gone(error: &CallError) -> bool {
    no_stack(error) || code_is(&["ChangeSetNotFound", "ChangeSetNotFoundException"])(error)
}

pub(crate) async fn create(client: &Client, request: &ChangeSetRequest) -> Called<String> {
    let kind = match request.kind {
        ChangeSetKind::Create => "CREATE",
        ChangeSetKind::Update => "UPDATE",
    };
    // A template that is too long for a call lies in a bucket, and its address is given.
    let template = if request.template.starts_with("https://") { "TemplateURL" } else { "TemplateBody" };
    let parameters = request.parameters.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let tags = request.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let fields = Fields::new()
        .with("StackName", &request.stack)
        .with("ChangeSetName", &request.name)
        .with("ChangeSetType", kind)
        .with(template, &request.template)
        .pairs("Parameters", ("ParameterKey", "ParameterValue"), parameters)
        .members("Capabilities", &request.capabilities)
        .pairs("Tags", ("Key", "Value"), tags)
        .with("ClientToken", &request.token);
    Ok(client.query(CloudFormation, "CreateChangeSet", fields).await?.word("Id"))
}

pub(crate) async fn describe(client: &Client, stack: &str, name_or_id: &str) -> Called<Option<ChangeSet>> {
    let mut whole: Option<ChangeSet> = None;
    let mut page: Option<String> = None;
    loop {
        let fields = named(stack, name_or_id).with("IncludePropertyValues", "true").maybe("NextToken", page.as_deref());
        let Some(answer) = absent(client.query(CloudFormation, "DescribeChangeSet", fields).await, gone)? else {
            return Ok(None);
        };
        let part = change_set(&answer)?;
        match &mut whole {
            Some(whole) => whole.changes.extend(part.changes),
            None => whole = Some(part),
        }
        page = answer.value("NextToken");
        if page.is_none() {
            return Ok(whole);
        }
    }
}

pub(crate) async fn names(client: &Client, stack: &str) -> Called<Vec<String>> {
    let mut names = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let fields = Fields::new().with("StackName", stack).maybe("NextToken", page.as_deref());
        let Some(answer) = absent(client.query(CloudFormation, "ListChangeSets", fields).await, gone)? else {
            return Ok(names);
        };
        names.extend(answer.list("Summaries").iter().filter_map(|summary| summary.value("ChangeSetName")));
        page = answer.value("NextToken");
        if page.is_none() {
            return Ok(names);
        }
    }
}

pub(crate) async fn execute(client: &Client, stack: &str, name_or_id: &str, token: &str, keep: bool) -> Called<()> {
    let fields = named(stack, name_or_id).with("ClientRequestToken", token);
    let fields = if keep { fields.with("DisableRollback", "true") } else { fields };
    client.query(CloudFormation, "ExecuteChangeSet", fields).await.map(drop)
}

pub(crate) async fn delete(client: &Client, stack: &str, name_or_id: &str) -> Called<()> {
    absent(client.query(CloudFormation, "DeleteChangeSet", named(stack, name_or_id)).await, gone).map(drop)
}

/// An id says its stack itself.
fn named(stack: &str, name_or_id: &str) -> Fields {
    let stack = (!name_or_id.starts_with("arn:")).then_some(stack);
    Fields::new().maybe("StackName", stack).with("ChangeSetName", name_or_id)
}

fn change_set(answer: &Element) -> Called<ChangeSet> {
    let word = answer.word("Status");
    let status = ChangeSetStatus::from_word(&word)
        .ok_or_else(|| unknown_word("cloudformation:DescribeChangeSet", "the status of a change set", &word))?;
    Ok(ChangeSet {
        id: answer.word("ChangeSetId"),
        name: answer.word("ChangeSetName"),
        stack_id: answer.word("StackId"),
        status,
        reason: answer.value("StatusReason"),
        is_executable: answer.text_of("ExecutionStatus") == Some("AVAILABLE"),
        changes: answer.list("Changes").iter().filter_map(|entry| entry.child("ResourceChange")).map(change).collect(),
    })
}

fn change(element: &Element) -> Change {
    Change {
        logical_id: element.word("LogicalResourceId"),
        physical_id: element.value("PhysicalResourceId"),
        resource_type: element.word("ResourceType"),
        // An action that is not known yet is one of which nothing can be said beforehand.
        action: ChangeAction::from_word(&element.word("Action")).unwrap_or(ChangeAction::Dynamic),
        replacement: element.text_of("Replacement").and_then(Replacement::from_word),
        causes: element.list("Details").iter().map(cause).collect(),
    }
}

fn cause(detail: &Element) -> ChangeCause {
    let nothing = Element::default();
    let target = detail.child("Target").unwrap_or(&nothing);
    ChangeCause {
        attribute: target.word("Attribute"),
        property: target.value("Name"),
        recreation: target.value("RequiresRecreation"),
        source: detail.value("ChangeSource"),
        causing_entity: detail.value("CausingEntity"),
        before: target.value("BeforeValue"),
        after: target.value("AfterValue"),
    }
}

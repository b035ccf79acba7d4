//! Stacks.

use super::{absent, no_stack, unknown_word};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::CloudFormation;
use crate::xml::Element;
use indexmap::IndexMap;
use stacks::account::{Called, Stack, StackResource, StackStatus};

pub(crate) async fn one(client: &Client, name_or_id: &str) -> Called<Option<Stack>> {
    let fields = Fields::new().with("StackName", name_or_id);
    let answer = absent(client.query(CloudFormation, "DescribeStacks", fields).await, no_stack)?;
    answer.and_then(|answer| answer.list("Stacks").first().map(stack)).transpose()
}

pub(crate) async fn all(client: &Client) -> Called<Vec<Stack>> {
    let mut found = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let fields = Fields::new().maybe("NextToken", page.as_deref());
        let answer = client.query(CloudFormation, "DescribeStacks", fields).await?;
        for element in answer.list("Stacks") {
            found.push(stack(element)?);
        }
        page = answer.value("NextToken");
        if page.is_none() {
            found.retain(|stack| stack.status != StackStatus::DeleteComplete);
            return Ok(found);
        }
    }
}

pub(crate) async fn resources(client: &Client, stack: &str) -> Called<Vec<StackResource>> {
    let mut found = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let fields = Fields::new().with("StackName", stack).maybe("NextToken", page.as_deref());
        let Some(answer) = absent(client.query(CloudFormation, "ListStackResources", fields).await, no_stack)? else {
            return Ok(found);
        };
        found.extend(answer.list("StackResourceSummaries").iter().map(|resource| StackResource {
            logical_id: resource.word("LogicalResourceId"),
            physical_id: resource.value("PhysicalResourceId"),
            resource_type: resource.word("ResourceType"),
            status: resource.word("ResourceStatus"),
            reason: resource.value("ResourceStatusReason"),
        }));
        page = answer.value("NextToken");
        if page.is_none() {
            return Ok(found);
        }
    }
}

pub(crate) async fn template(client: &Client, stack: &str) -> Called<Option<String>> {
    let fields = Fields::new().with("StackName", stack).with("TemplateStage", "Original");
    let answer = absent(client.query(CloudFormation, "GetTemplate", fields).await, no_stack)?;
    Ok(answer.and_then(|answer| answer.value("TemplateBody")))
}

pub(crate) async fn rollback(client: &Client, stack: &str, token: &str) -> Called<()> {
    let fields = Fields::new().with("StackName", stack).with("ClientRequestToken", token);
    client.query(CloudFormation, "RollbackStack", fields).await.map(drop)
}

pub(crate) async fn cancel_update(client: &Client, stack: &str, token: &str) -> Called<()> {
    let fields = Fields::new().with("StackName", stack).with("ClientRequestToken", token);
    client.query(CloudFormation, "CancelUpdateStack", fields).await.map(drop)
}

pub(crate) async fn continue_rollback(client: &Client, stack: &str, token: &str, skip: &[String]) -> Called<()> {
    let fields =
        Fields::new().with("StackName", stack).with("ClientRequestToken", token).members("ResourcesToSkip", skip);
    client.query(CloudFormation, "ContinueUpdateRollback", fields).await.map(drop)
}

pub(crate) async fn delete(client: &Client, stack: &str, token: &str, retain: &[String]) -> Called<()> {
    let fields =
        Fields::new().with("StackName", stack).with("ClientRequestToken", token).members("RetainResources", retain);
    absent(client.query(CloudFormation, "DeleteStack", fields).await, no_stack).map(drop)
}

pub(crate) async fn protect(client: &Client, stack: &str, protected: bool) -> Called<()> {
    let fields = Fields::new().with("StackName", stack).with("EnableTerminationProtection", protected.to_string());
    client.query(CloudFormation, "UpdateTerminationProtection", fields).await.map(drop)
}

fn stack(element: &Element) -> Called<Stack> {
    let word = element.word("StackStatus");
    let status = StackStatus::from_word(&word)
        .ok_or_else(|| unknown_word("cloudformation:DescribeStacks", "the status of a stack", &word))?;
    Ok(Stack {
        id: element.word("StackId"),
        name: element.word("StackName"),
        status,
        reason: element.value("StackStatusReason"),
        description: element.value("Description"),
        parameters: pairs(element, "Parameters", "ParameterKey", "ParameterValue"),
        outputs: pairs(element, "Outputs", "OutputKey", "OutputValue"),
        tags: pairs(element, "Tags", "Key", "Value"),
        is_protected: element.text_of("EnableTerminationProtection") == Some("true"),
        created_at: element.word("CreationTime"),
        updated_at: element.value("LastUpdatedTime"),
    })
}

fn pairs(element: &Element, list: &str, key: &str, value: &str) -> IndexMap<String, String> {
    element.list(list).iter().map(|entry| (entry.word(key), entry.word(value))).collect()
}

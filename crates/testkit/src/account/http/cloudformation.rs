//! CloudFormation's query protocol.

use super::super::FakeAccount;
use super::super::requests::invalid;
use super::xml::{element, list, maybe, result, text};
use super::{Answer, members, unknown};
use indexmap::IndexMap;
use stacks::account::{
    Account as _, Change, ChangeSet, ChangeSetKind, ChangeSetRequest, DriftDetection, ResourceDrift, Stack, StackEvent,
    StackResource,
};
use std::collections::BTreeMap;

/// Events that one page holds.
const PAGE: usize = 100;

pub(super) async fn answer(account: &FakeAccount, fields: &BTreeMap<String, String>) -> Answer {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let action = field("Action").to_owned();
    let token = || match field("ClientRequestToken") {
        // Without a token each call is another one.
        "" => format!("none-{}", account.with(super::super::Machine::next)),
        token => token.to_owned(),
    };
    let of_set = |set: &str| {
        let by_id = account.with(|machine| machine.stack_of_change_set(set));
        by_id.unwrap_or_else(|| field("StackName").to_owned())
    };
    let absent = |name: &str| invalid("cloudformation:Describe", format!("Stack with id {name} does not exist"));
    let name = field("StackName");
    let inside = match action.as_str() {
        "DescribeStacks" if name.is_empty() => list("Stacks", account.stacks().await?.iter().map(stack)),
        "DescribeStacks" => {
            let found = account.stack(name).await?.ok_or_else(|| absent(name))?;
            list("Stacks", [stack(&found)])
        }
        "DescribeStackEvents" => {
            let events = account.events(name, None).await?;
            let from: usize = field("NextToken").parse().unwrap_or(0);
            let stack = account.with(|machine| machine.find(name).map(|at| machine.stacks[at].told()));
            let stack = stack.ok_or_else(|| absent(name))?;
            let page = events.iter().skip(from).take(PAGE).map(|one| event(one, &stack));
            let next = (events.len() > from + PAGE).then(|| (from + PAGE).to_string());
            list("StackEvents", page) + &maybe("NextToken", next.as_deref())
        }
        "ListStackResources" => list("StackResourceSummaries", account.resources(name).await?.iter().map(resource)),
        "DescribeStackResources" => list("StackResources", account.resources(name).await?.iter().map(resource)),
        "GetTemplate" => {
            let template = account.template(name).await?.ok_or_else(|| absent(name))?;
            text("TemplateBody", &template)
        }
        "CreateChangeSet" => {
            let pairs = |list: &str, key: &str, value: &str| {
                (1..)
                    .map_while(|index| {
                        let field = |part: &str| fields.get(&format!("{list}.member.{index}.{part}")).cloned();
                        Some((field(key)?, field(value).unwrap_or_default()))
                    })
                    .collect::<Vec<_>>()
            };
            let body = field("TemplateBody");
            if body.len() > 51_200 {
                let words = "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200";
                return Err(invalid("cloudformation:CreateChangeSet", words));
            }
            let capabilities = members(fields, "Capabilities");
            let has_rights = capabilities.iter().any(|it| it.starts_with("CAPABILITY_"));
            let request = ChangeSetRequest {
                stack: name.to_owned(),
                name: field("ChangeSetName").to_owned(),
                kind: if field("ChangeSetType") == "CREATE" { ChangeSetKind::Create } else { ChangeSetKind::Update },
                template: body.to_owned(),
                parameters: pairs("Parameters", "ParameterKey", "ParameterValue")
                    .into_iter()
                    .collect::<IndexMap<_, _>>(),
                capabilities: if has_rights { vec!["CAPABILITY_IAM"] } else { Vec::new() },
                tags: pairs("Tags", "Key", "Value"),
                token: if field("ClientToken").is_empty() { token() } else { field("ClientToken").to_owned() },
            };
            let id = account.create_change_set(&request).await?;
            let stack = account.with(|machine| machine.stack_of_change_set(&id));
            text("Id", &id) + &maybe("StackId", stack.as_deref())
        }
        "DescribeChangeSet" => {
            let named = field("ChangeSetName");
            let stack = of_set(named);
            let set = account.change_set(&stack, named).await?.ok_or_else(|| {
                let words = format!("ChangeSet [{named}] does not exist");
                super::super::requests::refusal(
                    "cloudformation:DescribeChangeSet",
                    stacks::account::CallErrorKind::Refused,
                    "ChangeSetNotFound",
                    words,
                )
            })?;
            let execution = account.with(|machine| machine.execution(&stack, named));
            change_set(&set, execution)
        }
        "ListChangeSets" => {
            let names = account.change_sets(name).await?;
            list("Summaries", names.iter().map(|name| text("ChangeSetName", name)))
        }
        "ExecuteChangeSet" => {
            let named = field("ChangeSetName");
            let keep = field("DisableRollback") == "true";
            account.execute_change_set(&of_set(named), named, &token(), keep).await?;
            String::new()
        }
        "DeleteChangeSet" => {
            let named = field("ChangeSetName");
            account.delete_change_set(&of_set(named), named).await?;
            String::new()
        }
        "RollbackStack" => {
            account.rollback_stack(name, &token()).await?;
            text("StackId", name)
        }
        "CancelUpdateStack" => {
            account.cancel_update(name, &token()).await?;
            String::new()
        }
        "ContinueUpdateRollback" => {
            account.continue_rollback(name, &token(), &members(fields, "ResourcesToSkip")).await?;
            String::new()
        }
        "DeleteStack" => {
            account.delete_stack(name, &token(), &members(fields, "RetainResources")).await?;
            String::new()
        }
        "UpdateTerminationProtection" => {
            account.protect_stack(name, field("EnableTerminationProtection") == "true").await?;
            text("StackId", name)
        }
        "DetectStackDrift" => text("StackDriftDetectionId", &account.detect_drift(name).await?),
        "DescribeStackDriftDetectionStatus" => {
            let id = field("StackDriftDetectionId");
            let status = match account.drift_detection(id).await? {
                DriftDetection::InProgress => "DETECTION_IN_PROGRESS",
                DriftDetection::Complete => "DETECTION_COMPLETE",
                DriftDetection::Failed { .. } => "DETECTION_FAILED",
            };
            text("StackDriftDetectionId", id)
                + &text("DetectionStatus", status)
                + &text("StackId", "-")
                + &text("Timestamp", &account.time())
        }
        "DescribeStackResourceDrifts" => list("StackResourceDrifts", account.drifts(name).await?.iter().map(drift)),
        other => return Err(unknown("cloudformation", other)),
    };
    Ok((200, "text/xml", result(&action, &inside)))
}

fn pairs(name: &str, key: &str, value: &str, of: &IndexMap<String, String>) -> String {
    list(name, of.iter().map(|(one, other)| text(key, one) + &text(value, other)))
}

fn stack(stack: &Stack) -> String {
    [
        text("StackId", &stack.id),
        text("StackName", &stack.name),
        text("StackStatus", stack.status.word()),
        maybe("StackStatusReason", stack.reason.as_deref()),
        maybe("Description", stack.description.as_deref()),
        pairs("Parameters", "ParameterKey", "ParameterValue", &stack.parameters),
        pairs("Outputs", "OutputKey", "OutputValue", &stack.outputs),
        pairs("Tags", "Key", "Value", &stack.tags),
        text("EnableTerminationProtection", &stack.is_protected.to_string()),
        text("CreationTime", &stack.created_at),
        maybe("LastUpdatedTime", stack.updated_at.as_deref()),
    ]
    .concat()
}

fn event(event: &StackEvent, stack: &Stack) -> String {
    [
        text("EventId", &event.id),
        text("StackId", &stack.id),
        text("StackName", &stack.name),
        text("Timestamp", &event.at),
        text("LogicalResourceId", &event.logical_id),
        maybe("PhysicalResourceId", event.physical_id.as_deref()),
        text("ResourceType", &event.resource_type),
        text("ResourceStatus", &event.status),
        maybe("ResourceStatusReason", event.reason.as_deref()),
        maybe("ClientRequestToken", event.token.as_deref()),
    ]
    .concat()
}

fn resource(resource: &StackResource) -> String {
    [
        text("LogicalResourceId", &resource.logical_id),
        maybe("PhysicalResourceId", resource.physical_id.as_deref()),
        text("ResourceType", &resource.resource_type),
        text("ResourceStatus", &resource.status),
        maybe("ResourceStatusReason", resource.reason.as_deref()),
    ]
    .concat()
}

fn change_set(set: &ChangeSet, execution: &str) -> String {
    [
        text("ChangeSetId", &set.id),
        text("ChangeSetName", &set.name),
        text("StackId", &set.stack_id),
        text("Status", set.status.word()),
        maybe("StatusReason", set.reason.as_deref()),
        text("ExecutionStatus", execution),
        list(
            "Changes",
            set.changes.iter().map(|one| text("Type", "Resource") + &element("ResourceChange", &change(one))),
        ),
    ]
    .concat()
}

fn change(change: &Change) -> String {
    let details = change.causes.iter().map(|cause| {
        let target = [
            text("Attribute", &cause.attribute),
            maybe("Name", cause.property.as_deref()),
            maybe("RequiresRecreation", cause.recreation.as_deref()),
            maybe("BeforeValue", cause.before.as_deref()),
            maybe("AfterValue", cause.after.as_deref()),
        ];
        element("Target", &target.concat())
            + &maybe("ChangeSource", cause.source.as_deref())
            + &maybe("CausingEntity", cause.causing_entity.as_deref())
    });
    [
        text("Action", change.action.word()),
        text("LogicalResourceId", &change.logical_id),
        maybe("PhysicalResourceId", change.physical_id.as_deref()),
        text("ResourceType", &change.resource_type),
        maybe("Replacement", change.replacement.map(stacks::account::Replacement::word)),
        list("Details", details),
    ]
    .concat()
}

fn drift(drift: &ResourceDrift) -> String {
    let differences = drift.differences.iter().map(|one| {
        text("PropertyPath", &one.path)
            + &text("ExpectedValue", &one.expected)
            + &text("ActualValue", &one.actual)
            + &text("DifferenceType", &one.kind)
    });
    [
        text("LogicalResourceId", &drift.logical_id),
        maybe("PhysicalResourceId", drift.physical_id.as_deref()),
        text("ResourceType", &drift.resource_type),
        text("StackResourceDriftStatus", drift.status.word()),
        list("PropertyDifferences", differences),
    ]
    .concat()
}

//! What happened to stacks.

use super::{absent, no_stack};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::CloudFormation;
use crate::xml::Element;
use stacks::account::{Called, StackEvent};

pub(crate) async fn since(client: &Client, stack: &str, known: Option<&str>) -> Called<Vec<StackEvent>> {
    let mut found = Vec::new();
    let mut page: Option<String> = None;
    let mut has_begin = false;
    loop {
        let fields = Fields::new().with("StackName", stack).maybe("NextToken", page.as_deref());
        let Some(answer) = absent(client.query(CloudFormation, "DescribeStackEvents", fields).await, no_stack)? else {
            return Ok(found);
        };
        for event in answer.list("StackEvents") {
            let id = event.word("EventId");
            if known == Some(id.as_str()) {
                return Ok(found);
            }
            let begins = known.is_none() && begins_operation(event);
            found.push(StackEvent {
                id,
                at: event.word("Timestamp"),
                logical_id: event.word("LogicalResourceId"),
                physical_id: event.value("PhysicalResourceId"),
                resource_type: event.word("ResourceType"),
                status: event.word("ResourceStatus"),
                reason: event.value("ResourceStatusReason"),
                token: event.value("ClientRequestToken"),
            });
            has_begin |= begins;
        }
        page = answer.value("NextToken");
        if page.is_none() || has_begin {
            return Ok(found);
        }
    }
}

/// Whether it is the stack itself that begins to be made, changed or deleted.
fn begins_operation(event: &Element) -> bool {
    let begins = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"];
    begins.contains(&event.word("ResourceStatus").as_str())
        && event.text_of("PhysicalResourceId") == event.text_of("StackId")
}

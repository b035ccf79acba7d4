//! Why a stack failed: the first failures that depend on nothing else, in AWS's words, each with the line of the manifest.

use crate::Deployment;
use crate::account::{StackEvent, StackStatus};
use model::{ComponentName, ManifestPath};
use serde::{Deserialize, Serialize};

/// The type of a stack's own events.
pub(crate) const STACK_TYPE: &str = "AWS::CloudFormation::Stack";

/// One cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The resource.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// The component that it belongs to.
    pub component: Option<ComponentName>,
    /// The line of the manifest.
    pub origin: Option<ManifestPath>,
    /// AWS's words.
    pub reason: String,
    /// When.
    pub at: String,
    /// The action that the caller may not do, where that is the cause.
    pub denied_action: Option<String>,
    /// What to do, where that can be said.
    pub help: Option<String>,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: ")?,
            None => write!(f, "{}: ", self.logical_id)?,
        }
        write!(f, "{} ({})", self.reason, self.resource_type)
    }
}

/// The events of a stack's last operation, oldest first. A rollback belongs to what it undoes.
#[must_use]
pub(crate) fn last_operation(events: &[StackEvent]) -> Vec<&StackEvent> {
    let begins = |event: &&StackEvent| {
        is_of_stack(event)
            && matches!(
                StackStatus::from_word(&event.status),
                Some(
                    StackStatus::CreateInProgress
                        | StackStatus::UpdateInProgress
                        | StackStatus::DeleteInProgress
                        | StackStatus::ImportInProgress
                )
            )
    };
    let count = events.iter().position(|event| begins(&event)).map_or(events.len(), |at| at + 1);
    let mut all: Vec<&StackEvent> = events.iter().take(count).collect();
    all.reverse();
    all
}

/// Whether an event is the stack's own, not one of its resources.
pub(crate) fn is_of_stack(event: &StackEvent) -> bool {
    event.resource_type == STACK_TYPE
}

/// The causes of a failed operation, oldest first. What was cancelled because something else failed is none.
#[must_use]
pub(crate) fn causes(deployment: &Deployment, operation: &[&StackEvent]) -> Vec<Cause> {
    let is_failure = |event: &&&StackEvent| !is_of_stack(event) && event.status.ends_with("_FAILED");
    let failures: Vec<&&StackEvent> = operation.iter().filter(is_failure).collect();
    let is_own = |event: &&&&StackEvent| !is_cascade(event.reason.as_deref());
    let mut own: Vec<&StackEvent> = failures.iter().filter(is_own).map(|event| **event).collect();
    // Failures of the rollback are consequences, unless there is nothing else.
    let rollback_began = operation
        .iter()
        .position(|event| is_of_stack(event) && event.status.contains("ROLLBACK_IN_PROGRESS"))
        .and_then(|at| operation.get(at));
    if let Some(began) = rollback_began {
        let position = |event: &StackEvent| operation.iter().position(|other| other.id == event.id);
        let first: Vec<&StackEvent> = own.iter().filter(|event| position(event) < position(began)).copied().collect();
        if !first.is_empty() {
            own = first;
        }
    }
    if own.is_empty() {
        // Nothing failed on its own: what AWS says of the stack itself is all that is known.
        own = operation
            .iter()
            .filter(|event| event.reason.is_some() && is_of_stack(event) && !event.status.ends_with("_COMPLETE"))
            .filter(|event| !event.reason.as_deref().is_some_and(|reason| reason.starts_with("User Initiated")))
            .copied()
            .collect();
    }
    let mut seen = std::collections::BTreeSet::new();
    own.retain(|event| seen.insert(event.logical_id.clone()));
    own.into_iter().map(|event| cause(deployment, event)).collect()
}

fn is_cascade(reason: Option<&str>) -> bool {
    reason.is_none_or(|reason| {
        // "Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled".
        reason.trim().is_empty() || (reason.starts_with("Resource ") && reason.contains(" cancelled"))
    })
}

fn cause(deployment: &Deployment, event: &StackEvent) -> Cause {
    let reason = event.reason.clone().unwrap_or_default();
    let denied_action = denied_action(&reason);
    let help = help(&reason, denied_action.as_deref());
    Cause {
        component: deployment.component(&event.logical_id).cloned(),
        origin: deployment.origin(&event.logical_id).cloned(),
        logical_id: event.logical_id.clone(),
        resource_type: event.resource_type.clone(),
        at: event.at.clone(),
        reason,
        denied_action,
        help,
    }
}

/// The action in words like `... is not authorized to perform: ec2:CreateVpc on resource ...`.
#[must_use]
pub fn denied_action(reason: &str) -> Option<String> {
    let named = || reason.split_once("not authorized to perform:");
    // EC2's short form names the call before it.
    let called = || reason.split_once("API: ").filter(|_| reason.contains("not authorized to perform this operation"));
    let (_, rest) = named().or_else(called)?;
    let action: String =
        rest.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '*')).collect();
    let action = action.trim_end_matches(':');
    action.contains(':').then(|| action.to_owned())
}

fn help(reason: &str, denied: Option<&str>) -> Option<String> {
    if let Some(action) = denied {
        return Some(format!("let the caller do `{action}`, then run `up` again"));
    }
    let has = |words: &[&str]| words.iter().any(|word| reason.to_ascii_lowercase().contains(word));
    let help = if has(&["limit exceeded", "limitexceeded", "quota", "maximum number of"]) {
        "ask for more with Service Quotas, or remove what is no longer used, then run `up` again"
    } else if has(&["already exists"]) {
        "something of that name is there already: remove it or name this one otherwise, then run `up` again"
    } else if has(&["received 0 success signal", "failed to receive", "failure signal"]) {
        "a host did not get ready: the end of its set-up log is kept with the evidence; correct it, then run `up` again"
    } else {
        return None;
    };
    Some(help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_denied_action_is_read_from_words() {
        let words = "API: ec2:CreateVpc You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to \
                     perform: ec2:CreateVpc on resource: arn:aws:ec2:us-west-2:1:vpc/*";
        assert_eq!(denied_action(words).as_deref(), Some("ec2:CreateVpc"));
        assert_eq!(denied_action("is not authorized to perform: iam:PassRole.").as_deref(), Some("iam:PassRole"));
        let short = "API: ec2:AllocateAddress You are not authorized to perform this operation.";
        assert_eq!(denied_action(short).as_deref(), Some("ec2:AllocateAddress"));
        assert_eq!(denied_action("you are not authorized to perform this operation"), None);
        assert_eq!(denied_action("anything else"), None);
    }

    #[test]
    fn what_was_cancelled_is_no_cause() {
        assert!(is_cascade(Some("Resource creation cancelled")));
        assert!(is_cascade(Some("Resource update cancelled")));
        assert!(is_cascade(None));
        assert!(!is_cascade(Some("Resource handler returned message: \"cancelled by the service\"")));
    }
}

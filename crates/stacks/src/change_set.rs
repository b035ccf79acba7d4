//! Asking for change sets.

use crate::Account;
use crate::account::{CallErrorKind, ChangeSet, ChangeSetKind, ChangeSetRequest, Stack, StackStatus};
use crate::token;
use indexmap::IndexMap;
use model::cfn::StackTemplate;
use model::{Fault, FaultKind};
use std::time::Duration;

/// Between two looks at a change set that is being made.
const PAUSE: Duration = Duration::from_millis(700);

pub(crate) async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

fn doing(stack: &str) -> String {
    format!("asking what would change in {stack}")
}

/// A change set, when it is there.
pub(crate) async fn look<A: Account>(account: &A, stack: &str, name: &str) -> Result<Option<ChangeSet>, Fault> {
    account.change_set(stack, name).await.map_err(|error| error.fault(doing(stack)))
}

/// Asks for a change set. One of that name that is there already is the same.
pub(crate) async fn create<A: Account>(
    account: &A,
    wanted: &StackTemplate,
    parameters: &IndexMap<String, String>,
    name: &str,
    stack: Option<&Stack>,
) -> Result<(), Fault> {
    let is_new = stack.is_none_or(|stack| stack.status == StackStatus::ReviewInProgress);
    let request = ChangeSetRequest {
        stack: wanted.name.clone(),
        name: name.to_owned(),
        kind: if is_new { ChangeSetKind::Create } else { ChangeSetKind::Update },
        template: wanted.text.clone(),
        parameters: parameters.clone(),
        capabilities: wanted.capabilities.clone(),
        tags: wanted.tags.clone(),
        token: token::token("change-set", &[name, &token::state(stack)]),
    };
    match account.create_change_set(&request).await {
        Ok(_) => Ok(()),
        // It is there: by a call whose answer was lost, or because the stack appeared meanwhile. The next look tells.
        Err(error) if matches!(error.kind, CallErrorKind::Exists | CallErrorKind::WrongState) => Ok(()),
        Err(error) => Err(error.fault(doing(&wanted.name))),
    }
}

/// CloudFormation does not take the change.
pub(crate) fn refused(stack: &str, change_set: &ChangeSet) -> Fault {
    let reason = change_set.reason.as_deref().unwrap_or("it gives no reason");
    let fault = Fault::new(FaultKind::Permanent, doing(stack), reason);
    match crate::causes::denied_action(reason) {
        Some(action) => Fault { kind: FaultKind::Permission, ..fault }
            .help(format!("let the caller do `{action}`, then run the command again")),
        None => fault.help("correct what it names in the manifest; nothing was changed"),
    }
}

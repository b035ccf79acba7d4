//! What every account must do, whichever way it is reached. The expectations are CloudFormation's documented behaviour (API reference:
//! CreateChangeSet, ExecuteChangeSet, DeleteStack, PutParameter; 2026-11).

#![expect(clippy::unwrap_used, reason = "a contract is a test: it may panic")]

use indexmap::IndexMap;
use stacks::account::{
    Account, CallErrorKind, ChangeAction, ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetStatus, Replacement,
    StackStatus,
};
use std::time::Duration;

const STACK: &str = "landfall-contract";
const TEMPLATE: &str = r"
Description: A topic and who may write to it
Parameters:
  Title: { Type: String }
Resources:
  Topic: { Type: AWS::SNS::Topic, Properties: { DisplayName: !Ref Title } }
Outputs:
  TopicArn: { Value: !Ref Topic }
";

fn request(kind: ChangeSetKind, title: &str, number: u32) -> ChangeSetRequest {
    ChangeSetRequest {
        stack: STACK.to_owned(),
        name: format!("landfall-{number}"),
        kind,
        template: TEMPLATE.to_owned(),
        parameters: IndexMap::from([("Title".to_owned(), title.to_owned())]),
        capabilities: vec!["CAPABILITY_IAM"],
        tags: vec![("landfall:deployment".to_owned(), "a <&> b".to_owned())],
        token: format!("ask-{number}"),
    }
}

async fn made(account: &impl Account, request: &ChangeSetRequest, pause: Duration) -> ChangeSet {
    let id = account.create_change_set(request).await.expect("a change set is made");
    loop {
        let set = account.change_set(STACK, &id).await.expect("it is told").expect("it is there");
        if matches!(set.status, ChangeSetStatus::CreateComplete | ChangeSetStatus::Failed) {
            return set;
        }
        tokio::time::sleep(pause).await;
    }
}

async fn settled(account: &impl Account, id: &str, pause: Duration) -> StackStatus {
    loop {
        let stack = account.stack(id).await.expect("it is told").expect("an id is known for ever");
        if !stack.status.is_in_progress() {
            return stack.status;
        }
        tokio::time::sleep(pause).await;
    }
}

/// Goes through the life of a stack and of a register's entry.
///
/// # Panics
/// At the first thing that is not as AWS documents it.
pub async fn check(account: &impl Account, pause: Duration) {
    // What is not there is an answer.
    assert_eq!(account.stack(STACK).await.unwrap(), None);
    assert_eq!(account.template(STACK).await.unwrap(), None);
    assert_eq!(account.events(STACK, None).await.unwrap(), []);
    assert_eq!(account.resources(STACK).await.unwrap(), []);
    assert_eq!(account.change_sets(STACK).await.unwrap(), Vec::<String>::new());
    assert_eq!(account.change_set(STACK, "none").await.unwrap(), None);
    account.delete_stack(STACK, "none", &[]).await.unwrap();
    let error = account.create_change_set(&request(ChangeSetKind::Update, "one", 1)).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.contains("does not exist")), ("ValidationError", true), "{error}");

    // First a stack without resources, then one with.
    let first = request(ChangeSetKind::Create, "one", 1);
    let set = made(account, &first, pause).await;
    assert!(set.is_executable && set.changes.iter().all(|change| change.action == ChangeAction::Add), "{set:?}");
    let stack = account.stack(STACK).await.unwrap().unwrap();
    assert_eq!(stack.status, StackStatus::ReviewInProgress);
    account.execute_change_set(STACK, &set.id, "go-1", false).await.unwrap();
    let id = stack.id;
    assert_eq!(settled(account, &id, pause).await, StackStatus::CreateComplete);
    let stack = account.stack(STACK).await.unwrap().unwrap();
    assert_eq!(stack.parameters["Title"], "one");
    assert_eq!(stack.tags["landfall:deployment"], "a <&> b");
    assert!(stack.outputs["TopicArn"].starts_with("arn:aws:sns:"), "{:?}", stack.outputs);
    assert_eq!(account.template(&id).await.unwrap().unwrap().trim(), TEMPLATE.trim());
    let resources = account.resources(&id).await.unwrap();
    assert_eq!((resources[0].logical_id.as_str(), resources[0].status.as_str()), ("Topic", "CREATE_COMPLETE"));

    // Events come newest first, and only the new ones when one is known.
    let events = account.events(&id, None).await.unwrap();
    assert_eq!((events[0].logical_id.as_str(), events[0].status.as_str()), (STACK, "CREATE_COMPLETE"));
    assert_eq!(account.events(&id, Some(&events[1].id)).await.unwrap().len(), 1);

    // Nothing to change is a change set that failed; something to change is told.
    let none = made(account, &request(ChangeSetKind::Update, "one", 2), pause).await;
    assert_eq!(none.status, ChangeSetStatus::Failed);
    assert!(none.reason.as_deref().unwrap_or_default().contains("didn't contain changes"), "{none:?}");
    let change = made(account, &request(ChangeSetKind::Update, "two", 3), pause).await;
    let topic = &change.changes[0];
    assert_eq!((topic.action, topic.replacement), (ChangeAction::Modify, Some(Replacement::False)));
    account.execute_change_set(STACK, &change.id, "go-3", false).await.unwrap();
    assert_eq!(settled(account, &id, pause).await, StackStatus::UpdateComplete);
    let error = account.execute_change_set(STACK, &change.id, "go-4", false).await.unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::WrongState | CallErrorKind::Refused), "{error:?}");

    // A protected stack stays; one that is gone is gone by its name, and known by its id.
    account.protect_stack(STACK, true).await.unwrap();
    let error = account.delete_stack(STACK, "away-1", &[]).await.unwrap_err();
    assert!(error.message.contains("TerminationProtection"), "{error}");
    account.protect_stack(STACK, false).await.unwrap();
    account.delete_stack(STACK, "away-2", &[]).await.unwrap();
    assert_eq!(settled(account, &id, pause).await, StackStatus::DeleteComplete);
    assert_eq!(account.stack(STACK).await.unwrap(), None);

    // Of two who want a new entry, one gets it; each writing is counted.
    let name = "/landfall/contract";
    assert_eq!(account.put_entry(name, "one", true).await.unwrap(), 1);
    assert_eq!(account.put_entry(name, "two", true).await.unwrap_err().kind, CallErrorKind::Exists);
    assert_eq!(account.put_entry(name, "two", false).await.unwrap(), 2);
    assert_eq!(account.entry(name).await.unwrap().map(|entry| entry.value).as_deref(), Some("two"));
    account.delete_entry(name).await.unwrap();
    assert_eq!(account.entry(name).await.unwrap(), None);
}

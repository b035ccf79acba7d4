//! Each layer's stack in each state that CloudFormation knows: `up` leads from there to what is wanted, `down` to nothing.

use crate::hand::{Hand, good, prepared};
use stacks::Deployment;
use stacks::account::StackStatus;
use std::collections::{BTreeMap, BTreeSet};
use testkit::FakeAccount;
use testkit::account::{Deed, Failure, Snapshot};
use testkit::deployments::{tabpy, tabpy_with};

/// Accounts by the state that a stack is in; what was wanted there.
type Found = BTreeMap<&'static str, (Snapshot, Deployment)>;

/// What only an import leads to.
const IMPORTS: [StackStatus; 5] = [
    StackStatus::ImportInProgress,
    StackStatus::ImportComplete,
    StackStatus::ImportRollbackInProgress,
    StackStatus::ImportRollbackFailed,
    StackStatus::ImportRollbackComplete,
];

fn hand(account: FakeAccount, wanted: &Deployment) -> Hand {
    let mut hand = Hand::at(account, wanted.clone());
    hand.allow = vec!["net", "tabpy", "web"];
    hand.holder_is_dead = true;
    hand
}

/// Remembers the first account in which a stack is in a state, during a run and after it.
fn remember(found: &mut Found, stack: &str, account: &FakeAccount, wanted: &Deployment) {
    let during = account.recorded().into_iter().filter(|(_, is_done, _)| *is_done).map(|(_, _, snapshot)| snapshot);
    for snapshot in during.chain([account.snapshot()]) {
        let statuses = FakeAccount::from_snapshot(&snapshot).with(|machine| machine.statuses());
        if let Some(word) = statuses.get(stack) {
            found.entry(word).or_insert_with(|| (snapshot, wanted.clone()));
        }
    }
}

fn order(account: &FakeAccount, stack: &str, logical_id: &str, deed: Deed) {
    let (stack, logical_id, reason) = (stack.to_owned(), logical_id.to_owned(), "AWS is not well".to_owned());
    account.with(|machine| machine.failures.push(Failure { stack, logical_id, deed, reason, times: 1 }));
}

/// Another size, another name, and another tag everywhere.
fn changed() -> Deployment {
    let mut wanted = tabpy_with(&[("default: medium", "default: large"), ("tabpy.example.org", "python.example.org")]);
    for stack in &mut wanted.templates.stacks {
        stack.tags.push(("team".to_owned(), "analytics".to_owned()));
    }
    wanted
}

/// Runs in which a resource of the stack fails, and what undoes that fails too.
async fn every_state(stack: &str) -> Found {
    let (mut found, wanted) = (Found::new(), tabpy());
    let first = hand(prepared(), &wanted);
    let empty = first.account.snapshot();
    first.account.record(1..1000);
    good(first.up().await);
    remember(&mut found, stack, &first.account, &wanted);
    let made = first.account.snapshot();
    let of_stack = wanted
        .graph
        .resources
        .iter()
        .filter(|(_, one)| one.layer.is_some_and(|layer| wanted.stack_name(layer) == stack));
    let ids: Vec<&String> = of_stack.map(|(id, _)| id).collect();
    for (from, wanted, deed, undone) in
        [(&empty, tabpy(), Deed::Create, Deed::Delete), (&made, changed(), Deed::Update, Deed::Restore)]
    {
        for undoing_fails in [true, false] {
            for last in ids.iter().rev() {
                let hand = hand(FakeAccount::from_snapshot(from), &wanted);
                order(&hand.account, stack, last, deed);
                for id in ids.iter().filter(|_| undoing_fails) {
                    order(&hand.account, stack, id, undone);
                }
                hand.account.record(1..1000);
                let report = hand.up().await.unwrap();
                remember(&mut found, stack, &hand.account, &wanted);
                if !report.failed.is_empty() {
                    break;
                }
            }
        }
    }
    let last = hand(FakeAccount::from_snapshot(&made), &wanted);
    for id in &ids {
        order(&last.account, stack, id, Deed::Delete);
    }
    last.account.record(1..1000);
    drop(last.down(true).await);
    remember(&mut found, stack, &last.account, &wanted);
    for status in IMPORTS {
        let account = FakeAccount::from_snapshot(&made);
        account.with(|machine| machine.set_status(stack, status));
        found.insert(status.word(), (account.snapshot(), tabpy()));
    }
    found
}

/// The account again, without the failures that led there. An import ends when it has been looked at a few times.
fn account_of(snapshot: &Snapshot, stack: &str, status: StackStatus) -> FakeAccount {
    let account = FakeAccount::from_snapshot(snapshot);
    account.with(|machine| machine.failures.clear());
    let end = match status {
        StackStatus::ImportInProgress => Some(StackStatus::ImportComplete),
        StackStatus::ImportRollbackInProgress => Some(StackStatus::ImportRollbackComplete),
        _ => None,
    };
    if let Some(end) = end {
        let stack = stack.to_owned();
        account.meanwhile(25, move |machine| machine.set_status(&stack, end));
    }
    account
}

/// What is wrong after `up` from a state.
async fn up_from(snapshot: &Snapshot, wanted: &Deployment, stack: &str, status: StackStatus) -> Option<String> {
    let hand = hand(account_of(snapshot, stack, status), wanted);
    let fault = match hand.up().await {
        Ok(report) => report.fault().cloned(),
        Err(fault) => Some(fault),
    };
    // Nobody but who began the import can say what is right.
    if status == StackStatus::ImportRollbackFailed {
        let is_told = fault.as_ref().is_some_and(|fault| {
            fault.cause.contains("IMPORT_ROLLBACK_FAILED") && fault.help.as_ref().is_some_and(|it| it.contains(stack))
        });
        return (!is_told).then(|| format!("{fault:?}"));
    }
    // What an update that went wrong would still replace is known when it is put back, and is shown before it is done.
    let is_put_back = matches!(
        status,
        StackStatus::UpdateRollbackFailed
            | StackStatus::UpdateRollbackInProgress
            | StackStatus::UpdateRollbackCompleteCleanupInProgress
    );
    let fault = match fault {
        Some(fault) if is_put_back && fault.cause.contains("which the plan did not show") => {
            let is_told = fault.help.is_some_and(|help| help.contains("run the command again"));
            assert!(is_told, "{stack} {status}");
            match crate::every_state::hand(hand.account.another(), wanted).up().await {
                Ok(report) => report.fault().cloned(),
                Err(fault) => Some(fault),
            }
        }
        other => other,
    };
    if let Some(fault) = fault {
        return Some(format!("{fault}"));
    }
    let (statuses, orphans) = hand.account.with(|machine| (machine.statuses(), machine.orphans()));
    if statuses.len() != 4 || !statuses.values().all(|word| word.ends_with("_COMPLETE")) || !orphans.is_empty() {
        return Some(format!("{statuses:?} {orphans:?}"));
    }
    let again = crate::every_state::hand(hand.account.another(), wanted).up().await;
    match again {
        Ok(report) if report.finished.iter().all(|(_, outcome)| *outcome == "as it was") => None,
        again => Some(format!("the next run does something: {again:?}")),
    }
}

/// What is wrong after `down` from a state.
async fn down_from(snapshot: &Snapshot, wanted: &Deployment, stack: &str, status: StackStatus) -> Option<String> {
    let hand = hand(account_of(snapshot, stack, status), wanted);
    match hand.down(true).await {
        Ok(report) if report.failed.is_empty() && report.is_proved => {}
        report => return Some(format!("{report:?}")),
    }
    let (statuses, orphans) = hand.account.with(|machine| (machine.statuses(), machine.orphans()));
    (!statuses.is_empty() || !orphans.is_empty()).then(|| format!("{statuses:?} {orphans:?}"))
}

/// The states that were reached, each left upwards and downwards.
async fn every_state_is_left(stack: &str) -> BTreeSet<&'static str> {
    let found = every_state(stack).await;
    let mut wrong = Vec::new();
    for (word, (snapshot, wanted)) in &found {
        let status = StackStatus::from_word(word).unwrap();
        let up = up_from(snapshot, wanted, stack, status).await;
        wrong.extend(up.map(|what| format!("{word}: up: {what}")));
        let down = down_from(snapshot, wanted, stack, status).await;
        wrong.extend(down.map(|what| format!("{word}: down: {what}")));
    }
    assert!(wrong.is_empty(), "{} of {stack}:\n{}", wrong.len(), wrong.join("\n"));
    found.into_keys().collect()
}

/// That no other states than these were not reached: what the layer's resources cannot lead to, or passes between two looks.
fn assert_all_but(reached: &BTreeSet<&'static str>, unreached: &[&str]) {
    let missing = StackStatus::ALL.iter().map(|status| status.word()).filter(|word| !reached.contains(word));
    let missing: Vec<&str> = missing.filter(|word| *word != "DELETE_COMPLETE" && !unreached.contains(word)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn of_the_network_is_left() {
    let reached = every_state_is_left("tabpy-production-network").await;
    assert_all_but(
        &reached,
        &["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_FAILED"],
    );
}

#[tokio::test(start_paused = true)]
async fn of_the_data_is_left() {
    let reached = every_state_is_left("tabpy-production-data").await;
    assert_all_but(
        &reached,
        &[
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "DELETE_IN_PROGRESS",
            "DELETE_FAILED",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn of_the_service_is_left() {
    let reached = every_state_is_left("tabpy-production-service").await;
    assert_all_but(
        &reached,
        &[
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_COMPLETE",
            "UPDATE_FAILED",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn of_the_edge_is_left() {
    let reached = every_state_is_left("tabpy-production-edge").await;
    assert_all_but(
        &reached,
        &["ROLLBACK_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_FAILED"],
    );
}

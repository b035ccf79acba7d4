//! Each resource of the blueprint fails once: when it is made, when it is changed, when it is deleted. The run says which line of the
//! manifest it was of and why, in AWS's words; the next run ends well, and nothing is there that nobody owns.

use crate::hand::{Hand, good, prepared};
use stacks::plan::ResourceAction;
use stacks::{Deployment, UpReport};
use std::collections::BTreeSet;
use testkit::FakeAccount;
use testkit::account::{Deed, Failure, Snapshot};
use testkit::deployments::{tabpy, tabpy_with};

/// No words that anything here knows more of.
const REASON: &str = "Internal error reported from downstream service during operation 'x1'";

fn order(account: &FakeAccount, stack: &str, logical_id: &str, deed: Deed) {
    let (stack, logical_id) = (stack.to_owned(), logical_id.to_owned());
    account.with(|machine| {
        machine.failures.push(Failure { stack, logical_id, deed, reason: REASON.to_owned(), times: 1 });
    });
}

/// Whether the ordered failure has happened.
fn has_failed(account: &FakeAccount) -> bool {
    account.with(|machine| machine.failures.iter().all(|failure| failure.times == 0))
}

/// The account after a first `up`.
async fn made() -> Snapshot {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    hand.account.snapshot()
}

fn resources(deployment: &Deployment) -> Vec<(String, String)> {
    let graph = &deployment.graph.resources;
    let named = graph.iter().filter_map(|(id, one)| Some((deployment.stack_name(one.layer?), id.clone())));
    named.collect()
}

/// What is missing in the words of a run that failed.
fn wrong_words(hand: &Hand, report: &UpReport, stack: &str, logical_id: &str) -> Option<String> {
    let Some(failed) = report.failed.iter().find(|failed| failed.stack == stack) else {
        return Some(format!("no failure of {stack}: {:?}", report.failed));
    };
    let Some(cause) = failed.causes.iter().find(|cause| cause.logical_id == logical_id) else {
        return Some(format!("no cause: {:?}", failed.causes));
    };
    let Some(origin) = cause.origin.as_ref().or_else(|| hand.deployment.origin(logical_id)) else {
        return Some("no line of the manifest".to_owned());
    };
    let words = &failed.fault.cause;
    (!words.contains(REASON) || !words.contains(&origin.to_string())).then(|| format!("it says only {words}"))
}

/// One run that fails at a resource, then one that does not; what is wrong with them.
async fn fails_then_works(from: &Snapshot, wanted: &Deployment, failure: (&str, &str, Deed)) -> Option<String> {
    let (stack, logical_id, deed) = failure;
    let at = |account: FakeAccount| {
        let mut hand = Hand::at(account, wanted.clone());
        hand.allow = vec!["net", "tabpy", "web"];
        hand.holder_is_dead = true;
        hand
    };
    let hand = at(FakeAccount::from_snapshot(from));
    order(&hand.account, stack, logical_id, deed);
    let report = match hand.up().await {
        Ok(report) => report,
        Err(fault) => return Some(format!("refused: {fault}")),
    };
    if !has_failed(&hand.account) {
        return Some(format!("{deed:?} did not come"));
    }
    if deed == Deed::Delete {
        // What an update no longer needs is removed last: the stack is good, and what is left is named.
        let is_named = report.left.iter().any(|left| left.contains(logical_id) && left.contains(REASON));
        return (!is_named).then(|| format!("what is left is not named: {report:?}"));
    }
    if let Some(wrong) = wrong_words(&hand, &report, stack, logical_id) {
        return Some(wrong);
    }
    let next = at(hand.account.another());
    match next.up().await {
        Ok(report) if report.failed.is_empty() => {}
        Ok(report) => return Some(format!("the next run fails: {:?}", report.failed)),
        Err(fault) => return Some(format!("the next run is refused: {fault}")),
    }
    let orphans = next.account.with(|machine| machine.orphans());
    (!orphans.is_empty()).then(|| format!("orphans: {orphans:?}"))
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn that_cannot_be_made_is_named_and_made_by_the_next_run() {
    let (from, wanted) = (prepared().snapshot(), tabpy());
    let mut wrong = Vec::new();
    for (stack, id) in resources(&wanted) {
        let found = fails_then_works(&from, &wanted, (&stack, &id, Deed::Create)).await;
        wrong.extend(found.map(|what| format!("{stack}/{id}: {what}")));
    }
    assert_none(&wrong);
}

#[tokio::test(start_paused = true)]
async fn that_cannot_be_changed_is_named_and_changed_by_the_next_run() {
    let from = made().await;
    let mut wanted = tabpy_with(&[
        ("default: medium", "default: large"),
        ("tabpy.example.org", "python.example.org"),
        (r#"[203.0.113.0/24, "2001:db8::/32"]"#, "[203.0.113.0/24]"),
    ]);
    // Another tag changes nearly everything where it is.
    for stack in &mut wanted.templates.stacks {
        stack.tags.push(("team".to_owned(), "analytics".to_owned()));
    }
    let mut hand = Hand::at(FakeAccount::from_snapshot(&from), wanted.clone());
    hand.allow = vec!["net", "tabpy", "web"];
    let plan = hand.plan().await.unwrap();
    let replaced: BTreeSet<&str> = plan
        .changes()
        .filter(|change| matches!(change.action, ResourceAction::Replace))
        .map(|change| change.logical_id.as_str())
        .collect();
    assert!(!replaced.is_empty(), "{plan:?}");
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (stack, id) in resources(&wanted) {
        let deed = if replaced.contains(id.as_str()) { Deed::Create } else { Deed::Update };
        match fails_then_works(&from, &wanted, (&stack, &id, deed)).await {
            // Some cannot have tags, and nothing else of them changes.
            Some(what) if what.ends_with("did not come") => {}
            found => {
                tried += 1;
                wrong.extend(found.map(|what| format!("{stack}/{id} {deed:?}: {what}")));
            }
        }
    }
    assert_none(&wrong);
    assert!(tried * 2 > resources(&wanted).len(), "only {tried} were tried");
    println!("{tried} of {}", resources(&wanted).len());
}

#[tokio::test(start_paused = true)]
async fn that_is_no_longer_used_and_cannot_be_removed_is_named() {
    let from = made().await;
    let wanted = tabpy_with(&[
        ("tabpy.example.org", "python.example.org"),
        (r#"[203.0.113.0/24, "2001:db8::/32"]"#, "[203.0.113.0/24]"),
    ]);
    let mut hand = Hand::at(FakeAccount::from_snapshot(&from), wanted.clone());
    hand.allow = vec!["web"];
    let plan = hand.plan().await.unwrap();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for stack in &plan.stacks {
        for change in &stack.changes {
            if !matches!(change.action, ResourceAction::Delete | ResourceAction::Replace) {
                continue;
            }
            tried += 1;
            let id = change.logical_id.as_str();
            let name = wanted.stack_name(stack.layer);
            let found = fails_then_works(&from, &wanted, (&name, id, Deed::Delete)).await;
            wrong.extend(found.map(|what| format!("{name}/{id}: {what}")));
        }
    }
    assert!(tried > 0, "{plan:?}");
    assert_none(&wrong);
}

#[tokio::test(start_paused = true)]
async fn that_cannot_be_deleted_is_tried_again_and_then_left_by_its_name() {
    let from = made().await;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (stack, id) in resources(&tabpy()) {
        for times in [1, 2] {
            let hand = Hand::at(FakeAccount::from_snapshot(&from), tabpy());
            // The second time it is left, and so is all that cannot go without it.
            order(&hand.account, &stack, &id, Deed::Delete);
            hand.account.with(|machine| machine.failures[0].times = times);
            let down = hand.down(true).await.unwrap();
            if !has_failed(&hand.account) {
                // Kept by its template: CloudFormation does not try.
                continue;
            }
            tried += 1;
            if !down.failed.is_empty() {
                wrong.push(format!("{stack}/{id} {times} times: {:?}", down.failed));
            }
            let is_named = down.left.iter().any(|left| left.contains(&id) && left.contains(REASON));
            if times == 1 && !down.is_proved || times == 2 && (!is_named || down.is_proved) {
                wrong.push(format!("{stack}/{id} {times} times: {:?} {:?}", down.left, down.leftovers));
            }
            let orphans = hand.account.with(|machine| machine.orphans());
            if !orphans.is_empty() {
                wrong.push(format!("{stack}/{id} {times} times: orphans {orphans:?}"));
            }
        }
    }
    assert_none(&wrong);
    assert!(tried > resources(&tabpy()).len(), "{tried}");
}

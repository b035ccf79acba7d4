//! What happens between two calls: somebody deletes a resource or a whole stack, the network is gone for a minute, credentials expire.

use crate::hand::{Hand, good, prepared};
use model::{Fault, FaultKind};
use std::time::Duration;
use testkit::FakeAccount;
use testkit::account::{Fault as CallFault, Snapshot};
use testkit::deployments::{tabpy, tabpy_with};

fn hand(account: FakeAccount) -> Hand {
    let mut hand = Hand::at(account, tabpy());
    hand.holder_is_dead = true;
    hand
}

/// How many calls a first `up` makes, and what it leads to.
async fn undisturbed() -> (usize, Snapshot) {
    let hand = hand(prepared());
    good(hand.up().await);
    (hand.account.calls().len(), hand.account.snapshot())
}

async fn fault_of_up(hand: &Hand) -> Option<Fault> {
    match hand.up().await {
        Ok(report) => report.fault().cloned(),
        Err(fault) => Some(fault),
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_network_is_survived_whenever_it_comes() {
    let (calls, made) = undisturbed().await;
    let wanted = FakeAccount::from_snapshot(&made).with(|machine| machine.shape());
    let mut wrong = Vec::new();
    for call in (1..=calls).step_by(4) {
        let hand = hand(prepared());
        let account = hand.account.clone();
        hand.account.meanwhile(call, move |_| account.cut_off(Duration::from_secs(60)));
        if let Some(fault) = fault_of_up(&hand).await {
            wrong.push(format!("call {call}: {fault}"));
        }
        hand.account.with(|machine| {
            assert_eq!(machine.orphans(), Vec::<String>::new(), "{call}");
            assert_eq!(machine.shape().len(), wanted.len(), "{call}");
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_are_named_and_the_next_run_goes_on() {
    let (calls, _) = undisturbed().await;
    let (mut wrong, mut named) = (Vec::new(), 0);
    for call in (1..=calls).step_by(3) {
        let first = hand(prepared().with_fault(call, CallFault::Expired));
        match fault_of_up(&first).await {
            Some(fault) if fault.kind == FaultKind::Permission && fault.cause.contains("expired") => {
                named += 1;
                assert!(fault.help.is_some_and(|help| help.contains("log in again")), "{call}");
            }
            // What was lost was only the lease's end.
            None if call + 3 > calls => {}
            other => wrong.push(format!("call {call} of {calls}: {other:?}")),
        }
        let next = hand(first.account.another());
        if let Some(fault) = fault_of_up(&next).await {
            wrong.push(format!("call {call}: the next run: {fault}"));
        }
        assert_eq!(next.account.with(|machine| machine.orphans()), Vec::<String>::new(), "{call}");
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(named * 4 > calls, "{named} of {calls}");
}

/// The run ends, in words if not well; and whatever is left, `down` leads to nothing.
async fn ends_and_goes_down(hand: &Hand, what: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for run in 1..=2 {
        if fault_of_up(hand).await.is_some_and(|fault| fault.cause.trim().is_empty()) {
            wrong.push(format!("{what}: run {run} says nothing"));
        }
        let words = hand.account.with(|machine| machine.statuses());
        if words.values().any(|word| word.ends_with("IN_PROGRESS") && *word != "REVIEW_IN_PROGRESS") {
            wrong.push(format!("{what}: run {run} leaves {words:?}"));
        }
    }
    match hand.down(true).await {
        Ok(report) if report.failed.is_empty() && report.is_proved => {}
        report => wrong.push(format!("{what}: down: {report:?}")),
    }
    let orphans = hand.account.with(|machine| machine.orphans());
    wrong.extend((!orphans.is_empty()).then(|| format!("{what}: orphans {orphans:?}")));
    wrong
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_somebody_deletes_stops_nothing_for_ever() {
    let (_, made) = undisturbed().await;
    let mut wrong = Vec::new();
    let wanted = tabpy_with(&[("default: medium", "default: large")]);
    for (at, (id, resource)) in wanted.graph.resources.iter().enumerate() {
        let Some(layer) = resource.layer else { continue };
        let mut hand = Hand::at(FakeAccount::from_snapshot(&made), wanted.clone());
        hand.holder_is_dead = true;
        let (stack, name) = (wanted.stack_name(layer), id.clone());
        hand.account.meanwhile(1 + at * 7 % 60, move |machine| {
            machine.remove_behind(&stack, &name);
        });
        wrong.extend(ends_and_goes_down(&hand, id).await);
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_somebody_deletes_is_made_again_or_named() {
    let (calls, made) = undisturbed().await;
    let mut wrong = Vec::new();
    for stack in ["network", "data", "service", "edge"].map(|layer| format!("tabpy-production-{layer}")) {
        for call in (1..=calls).step_by(9) {
            let hand = hand(prepared());
            let name = stack.clone();
            hand.account.meanwhile(call, move |machine| machine.remove_stack_behind(&name));
            wrong.extend(ends_and_goes_down(&hand, &format!("{stack} at call {call}")).await);
        }
    }
    // The topmost one is simply made again.
    let hand = hand(FakeAccount::from_snapshot(&made));
    hand.account.with(|machine| machine.remove_stack_behind("tabpy-production-edge"));
    good(hand.up().await);
    assert_eq!(hand.account.with(|machine| machine.statuses().len()), 4);
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

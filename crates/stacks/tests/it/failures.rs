//! What fails: causes in words, evidence before the rollback, and the way on.

use crate::hand::{Hand, good};
use model::FaultKind;
use stacks::{CallNotice, Notice};
use std::time::Duration;
use testkit::account::{Boot, Deed, Failure};
use testkit::deployments::{tabpy, tabpy_with};

fn failure(stack: &str, logical_id: &str, deed: Deed, reason: &str) -> Failure {
    let (stack, logical_id, reason) = (stack.to_owned(), logical_id.to_owned(), reason.to_owned());
    Failure { stack, logical_id, deed, reason, times: 1 }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_fails_says_why_and_the_next_run_goes_on() {
    let hand = Hand::new(tabpy());
    let reason = "You are not authorized to perform: ec2:CreateLaunchTemplate on resource: *. User: arn:aws:iam::1:user/x is not \
                  authorized to perform: ec2:CreateLaunchTemplate";
    hand.account.with(|machine| {
        machine.failures.push(failure("service", "TabpyTemplate", Deed::Create, reason));
    });
    let report = hand.up().await.unwrap();
    let [failed] = report.failed.as_slice() else { panic!("{report:?}") };
    assert_eq!(failed.stack, "tabpy-production-service");
    assert_eq!(failed.fault.kind, FaultKind::Permission);
    let [cause] = failed.causes.as_slice() else { panic!("{:?}", failed.causes) };
    assert_eq!(cause.logical_id, "TabpyTemplate");
    assert_eq!(cause.origin.as_ref().unwrap().to_string(), "components.tabpy");
    assert_eq!(cause.denied_action.as_deref(), Some("ec2:CreateLaunchTemplate"));
    insta::assert_snapshot!(failed.fault.help.as_deref().unwrap(), @"let the caller do `ec2:CreateLaunchTemplate`, then run `up` again");
    assert_eq!(report.not_begun, ["tabpy-production-edge"]);
    let evidence = hand.evidence();
    let [evidence] = evidence.as_slice() else { panic!("{evidence:?}") };
    // Taken while what failed was still there.
    assert_eq!(evidence.status, "CREATE_FAILED");
    assert!(evidence.events.iter().any(|event| event.logical_id == "TabpyTemplate" && event.status == "CREATE_FAILED"));
    let notices = hand.notices();
    let kept = notices.iter().position(|notice| matches!(notice, Notice::EvidenceKept { .. }));
    let back = notices.iter().position(|notice| matches!(notice, Notice::RollsBack { .. }));
    assert!(kept.unwrap() < back.unwrap());

    // Another person at another machine goes on.
    let other = Hand::at(hand.account.another(), tabpy());
    let report = good(other.up().await);
    assert_eq!(report.finished.len(), 4);
    assert_eq!(other.account.with(|machine| machine.orphans()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_get_ready_leaves_its_log() {
    let hand = Hand::new(tabpy());
    hand.account.with(|machine| machine.boot = Boot::Fails);
    let report = hand.up().await.unwrap();
    let [failed] = report.failed.as_slice() else { panic!("{report:?}") };
    assert!(!failed.fault.log_tail.is_empty(), "{failed:?}");
    let evidence = hand.evidence();
    assert!(
        evidence[0].hosts.iter().any(|host| host.lines.iter().any(|line| line.contains("set-up failed"))),
        "{evidence:?}"
    );
    hand.account.with(|machine| machine.boot = Boot::Ready);
    good(hand.up().await);
    assert_eq!(hand.account.with(|machine| machine.orphans()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_is_put_back_and_done_again() {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let before = hand.account.with(|machine| machine.shape());
    let changed =
        Hand::at(hand.account.another(), tabpy_with(&[("timeout: 60s, interval: 5s", "timeout: 90s, interval: 5s")]));
    changed.account.with(|machine| {
        machine.failures.push(failure("service", "TabpyHosts", Deed::Update, "Group is busy"));
    });
    let report = changed.up().await.unwrap();
    let [failed] = report.failed.as_slice() else { panic!("{report:?}") };
    assert_eq!(failed.fault.kind, FaultKind::Permanent);
    assert!(failed.fault.cause.contains("Group is busy"), "{:?}", failed.fault);
    let statuses = changed.account.with(|machine| machine.statuses());
    assert_eq!(statuses["tabpy-production-service"], "UPDATE_ROLLBACK_COMPLETE");
    // As the manifest was, nothing is to be done.
    let again = good(hand.up().await);
    assert!(again.finished.iter().all(|(_, outcome)| *outcome == "as it was"), "{again:?}");
    assert_eq!(before.len(), changed.account.with(|machine| machine.shape()).len());
    let report = good(changed.up().await);
    assert!(report.finished.contains(&("tabpy-production-service".to_owned(), "changed")), "{report:?}");
    assert_eq!(changed.account.with(|machine| machine.orphans()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_gone_for_a_minute_is_survived_with_a_message() {
    let hand = Hand::new(tabpy());
    let account = hand.account.clone();
    hand.account.meanwhile(30, move |_| account.cut_off(Duration::from_secs(60)));
    good(hand.up().await);
    let notices = hand.call_notices();
    assert!(notices.iter().any(|notice| matches!(notice, CallNotice::NoAnswer { .. })), "{notices:?}");
    assert!(notices.iter().any(|notice| matches!(notice, CallNotice::AnswersAgain { .. })), "{notices:?}");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_stays_away_is_said_so_in_the_end() {
    let hand = Hand::new(tabpy());
    hand.account.cut_off(Duration::from_secs(86_400));
    let fault = hand.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Transient);
    assert!(fault.cause.contains("given up after"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_stops_can_go_on() {
    let hand = Hand::new(tabpy());
    let interrupt = hand.interrupt.clone();
    hand.account.meanwhile(40, move |_| interrupt.cancel());
    let report = hand.up().await.unwrap();
    let fault = report.fault().unwrap();
    assert_eq!(fault.kind, FaultKind::Interrupted, "{fault:?}");
    insta::assert_snapshot!(fault.help.as_deref().unwrap(), @"run the same command again: it waits for what is under way and goes on from there");
    let other = Hand::at(hand.account.another(), tabpy());
    good(other.up().await);
    assert_eq!(other.account.with(|machine| machine.orphans()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_by_hand_is_found_by_drift() {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let clean = hand.with(async |session| session.drift(&session.observe().await?).await).await.unwrap();
    assert!(clean.is_in_sync(), "{clean:?}");
    assert_eq!(clean.checked + clean.not_checkable.len(), clean.resources);
    assert!(hand.account.with(|machine| machine.remove_behind("tabpy-production-service", "TabpyTargets")));
    let report = hand.with(async |session| session.drift(&session.observe().await?).await).await.unwrap();
    assert_eq!(report.missing.len(), 1, "{report:?}");
    assert!(report.missing[0].origin.is_some());
    println!("checked {} of {}", report.checked, report.resources);
}

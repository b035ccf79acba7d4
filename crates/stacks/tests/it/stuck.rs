//! Every state in which a stack may be found is left again.

use crate::hand::{Hand, good};
use testkit::account::{Deed, Failure};
use testkit::deployments::{tabpy, tabpy_with};

fn failure(logical_id: &str, deed: Deed, times: usize) -> Failure {
    Failure {
        stack: "service".to_owned(),
        logical_id: logical_id.to_owned(),
        deed,
        reason: "AWS is not well".to_owned(),
        times,
    }
}

/// A deployment whose service stack's update fails, and its rollback so many times.
async fn failing_rollback(times: usize) -> Hand {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let changed =
        Hand::at(hand.account.another(), tabpy_with(&[("timeout: 60s, interval: 5s", "timeout: 90s, interval: 5s")]));
    changed.account.with(|machine| {
        machine.failures.push(failure("TabpyHosts", Deed::Update, 1));
        machine.failures.push(failure("TabpyTemplate", Deed::Restore, times));
    });
    changed
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_is_gone_on_with() {
    for times in [1, 2, 3] {
        let hand = failing_rollback(times).await;
        let report = hand.up().await.unwrap();
        assert_eq!(report.failed.len(), 1, "{report:?}");
        assert!(report.failed[0].fault.cause.contains("AWS is not well"), "{report:?}");
        let report = good(hand.up().await);
        assert!(report.finished.contains(&("tabpy-production-service".to_owned(), "changed")), "{times}: {report:?}");
        assert_eq!(hand.account.with(|machine| machine.orphans()), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_is_repeated_and_then_leaves_what_blocks() {
    for times in [1, 2, 3] {
        let hand = Hand::new(tabpy());
        good(hand.up().await);
        hand.account.with(|machine| machine.failures.push(failure("TabpyTargets", Deed::Delete, times)));
        let down = hand.down(true).await.unwrap();
        assert_eq!(down.failed, Vec::new(), "{times}: {down:?}");
        assert_eq!(down.deleted.len(), 4);
        if times == 1 {
            assert!(down.is_proved, "{down:?}");
        } else {
            assert!(!down.is_proved);
            assert!(down.left[0].contains("TabpyTargets") && down.left[0].contains("AWS is not well"), "{down:?}");
            assert_eq!(down.leftovers.len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_made_deployment_goes_down() {
    for call in [20, 35, 50, 65, 80] {
        let hand = Hand::new(tabpy());
        let killed = Hand::at(hand.account.another().with_fault(call, testkit::account::Fault::KilledAfter), tabpy());
        let ended = killed.account.clone().run(killed.up()).await;
        assert!(ended.is_none(), "{call}");
        let mut next = Hand::at(hand.account.another(), tabpy());
        next.holder_is_dead = true;
        let down = next.down(true).await.unwrap();
        assert_eq!(down.failed, Vec::new(), "{call}: {down:?}");
        assert!(down.is_proved, "{call}: {down:?}");
        assert_eq!(hand.account.with(|machine| machine.orphans()), Vec::<String>::new(), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_named_and_can_be_deleted_later() {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let what = hand.with(async |session| session.what_goes(false).await).await.unwrap();
    assert!(what.kept.iter().any(|one| one.resource_type == "AWS::Logs::LogGroup"), "{what:?}");
    assert!(what.goes.iter().any(|one| one.resource_type == "AWS::EC2::VPC"));
    assert!(what.left_before.is_empty(), "{:?}", what.left_before);
    let down = hand.down(false).await.unwrap();
    assert!(down.is_proved, "{down:?}");
    assert_eq!(
        down.kept.len(),
        what.kept.iter().filter(|one| one.resource_type != "AWS::S3::BucketPolicy").count(),
        "{down:?}"
    );
    let later = hand.down(true).await.unwrap();
    assert_eq!(later.deleted_kept.len(), down.kept.len(), "{later:?}");
    assert!(later.is_proved && later.kept.is_empty(), "{later:?}");
}

//! The whole road: up, up again, another manifest, down.

use crate::hand::{Hand, good};
use testkit::deployments::{shop, tabpy, tabpy_with};

#[tokio::test(start_paused = true)]
async fn up_then_up_again_then_down() {
    for deployment in [tabpy(), shop()] {
        let hand = Hand::new(deployment);
        let report = good(hand.up().await);
        assert_eq!(report.finished.len(), 4);
        assert!(report.finished.iter().all(|(_, outcome)| *outcome == "made"), "{report:?}");
        assert_eq!(report.left, Vec::<String>::new());
        let statuses = hand.account.with(|machine| machine.statuses());
        assert!(statuses.values().all(|status| *status == "CREATE_COMPLETE"), "{statuses:?}");
        let shape = hand.account.with(|machine| machine.shape());

        let again = good(hand.up().await);
        assert!(again.finished.iter().all(|(_, outcome)| *outcome == "as it was"), "{again:?}");
        let counts = hand.counts();
        let calls: u64 = counts.values().sum();
        println!("{}: a no-change up makes {calls} calls for 4 stacks: {counts:?}", hand.deployment.name);
        assert!(calls <= 16, "{counts:?}");
        assert_eq!(shape, hand.account.with(|machine| machine.shape()));

        let down = hand.down(true).await.unwrap();
        assert_eq!(down.failed, Vec::new());
        assert_eq!(down.left, Vec::<String>::new(), "{down:?}");
        assert!(down.is_proved, "{down:?}");
        assert_eq!(hand.account.with(|machine| machine.orphans()), Vec::<String>::new());
    }
}

/// A hundred stacks, five questions a second.
#[tokio::test(start_paused = true)]
async fn a_throttled_account_is_asked_more_slowly_and_all_finish() {
    let account = crate::hand::prepared();
    account.limit("cloudformation:DescribeStacks", 5.0);
    let hands: Vec<Hand> = (0..25)
        .map(|number| {
            let deployment = tabpy_with(&[
                ("name: tabpy\n", &format!("name: tabpy{number}\n")),
                ("tabpy.example.org", &format!("tabpy{number}.example.org")),
            ]);
            Hand::at(account.another(), deployment).paced_with(&hands_pacer())
        })
        .collect();
    let reports = futures_util::future::join_all(hands.iter().map(Hand::up)).await;
    for report in reports {
        assert_eq!(good(report).finished.len(), 4);
    }
    assert_eq!(account.with(|machine| machine.statuses().len()), 100);
    let calls: Vec<_> = hands.iter().flat_map(|hand| hand.account.calls()).collect();
    let asked = calls.iter().filter(|call| call.operation == "cloudformation:DescribeStacks").count();
    let refused = calls.iter().filter(|call| call.was_throttled).count();
    println!(
        "100 stacks, 5 DescribeStacks a second: {} calls, {asked} of them DescribeStacks, {refused} refused",
        calls.len()
    );
    assert!(hands.iter().all(|hand| hand.call_notices().is_empty()));
}

fn hands_pacer() -> std::sync::Arc<stacks::Pacer> {
    static PACER: std::sync::OnceLock<std::sync::Arc<stacks::Pacer>> = std::sync::OnceLock::new();
    std::sync::Arc::clone(PACER.get_or_init(|| std::sync::Arc::new(stacks::Pacer::new(7))))
}

/// A layer that the manifest no longer has goes before the layers that it used are changed.
#[tokio::test(start_paused = true)]
async fn a_layer_that_is_no_longer_wanted_goes() {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let mut without = tabpy();
    without.templates.stacks.retain(|stack| stack.layer != model::cfn::Layer::Edge);
    without.graph.resources.retain(|_, resource| resource.layer != Some(model::cfn::Layer::Edge));
    let other = Hand::at(hand.account.another(), without);
    let plan = other.plan().await.unwrap();
    let edge = plan.stack(model::cfn::Layer::Edge).unwrap();
    assert_eq!(edge.action, stacks::plan::StackAction::Delete);
    // Its resources are no longer in the manifest; what they were made for is read from the stack's own template.
    assert!(edge.changes.iter().any(|change| change.component.as_ref().is_some_and(|name| name.as_str() == "web")));
    let report = good(other.up().await);
    assert!(report.finished.contains(&("tabpy-production-edge".to_owned(), "deleted")), "{report:?}");
    assert_eq!(hand.account.with(|machine| machine.statuses().len()), 3);
}

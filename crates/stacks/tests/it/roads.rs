//! The whole road: up, up again, another manifest, down.

use crate::hand::{Hand, good};
use testkit::deployments::{shop, tabpy};

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

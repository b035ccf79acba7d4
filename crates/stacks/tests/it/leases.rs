//! One holder at a time.

use crate::hand::{Hand, good, holder, prepared};
use model::FaultKind;
use stacks::LeaseRequest;
use std::time::Duration;
use testkit::deployments::tabpy;

fn request(host: &str, wait: Option<u64>) -> LeaseRequest<'static> {
    LeaseRequest { holder: holder(host), wait: wait.map(Duration::from_secs), is_dead: &|_| false }
}

#[tokio::test(start_paused = true)]
async fn the_second_is_told_who_the_first_is() {
    let hand = Hand::new(tabpy());
    hand.with(async |session| {
        let lease = session.acquire(&request("first", None)).await?;
        let fault = session.acquire(&request("second", None)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Locked);
        assert!(fault.cause.contains("process 7 on first"), "{fault}");
        // It is renewed as long as there is work.
        session
            .while_held(lease, async {
                tokio::time::sleep(Duration::from_secs(1000)).await;
                let fault = session.acquire(&request("second", Some(300))).await.unwrap_err();
                assert_eq!(fault.kind, FaultKind::Locked);
                Ok(())
            })
            .await?;
        assert_eq!(session.lease().await?, None);
        session.acquire(&request("second", None)).await.map(drop)
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_who_died_is_followed_by_exactly_one() {
    let account = prepared();
    let dead = Hand::at(account.another(), tabpy());
    let lease = dead.with(async |session| session.acquire(&request("dead", None)).await).await.unwrap();
    drop(lease);
    let hands: Vec<Hand> = (0..6).map(|_| Hand::at(account.another(), tabpy())).collect();
    tokio::time::sleep(Duration::from_secs(200)).await;
    let tries = hands.iter().enumerate().map(|(number, hand)| {
        hand.with(async move |session| Ok(session.acquire(&request(&format!("host{number}"), Some(120))).await.is_ok()))
    });
    let got = futures_util::future::join_all(tries).await;
    assert_eq!(got.into_iter().filter(|got| *got == Ok(true)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_removed_stops_its_holder() {
    let hand = Hand::new(tabpy());
    hand.with(async |session| {
        let lease = session.acquire(&request("first", None)).await?;
        let removed = session.unlock().await?;
        assert_eq!(removed.unwrap().host, "first");
        let fault = session.while_held(lease, std::future::pending::<Result<(), _>>()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Locked);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_of_this_machine_need_not_expire() {
    let mut hand = Hand::new(tabpy());
    hand.with(async |session| session.acquire(&request("here", None)).await.map(drop)).await.unwrap();
    hand.holder_is_dead = true;
    good(hand.up().await);
}

#[tokio::test(start_paused = true)]
async fn two_people_at_once_give_one_deployment() {
    let account = prepared();
    let (one, other) = (Hand::at(account.another(), tabpy()), Hand::at(account.another(), tabpy()));
    let (first, second) = futures_util::future::join(one.up(), other.up()).await;
    let outcomes = [first, second];
    // The one who waited finds that the account has moved since its plan, or that all is done.
    assert!(
        outcomes.iter().any(|outcome| outcome.as_ref().is_ok_and(|report| report.failed.is_empty())),
        "{outcomes:?}"
    );
    good(one.up().await);
    assert_eq!(account.with(|machine| machine.orphans()), Vec::<String>::new());
}

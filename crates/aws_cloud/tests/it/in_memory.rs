//! Against the account in memory over HTTP: the contract that it keeps in process, and connections that end without an answer.

use crate::support::account;
use stacks::Account as _;
use stacks::account::CallErrorKind;
use std::time::Duration;
use testkit::account::Fault;
use testkit::{FakeAccount, contract};

#[tokio::test]
async fn the_contract_is_kept() {
    let fake = FakeAccount::with_speed("123456789012", "us-west-2", 200);
    let endpoint = fake.serve().await.unwrap();
    contract::check(&account(&endpoint.url()).await, Duration::from_millis(20)).await;
}

#[tokio::test]
async fn a_lost_answer_is_told_as_one() {
    let fake = FakeAccount::with_speed("123456789012", "us-west-2", 200).with_fault(1, Fault::ReplyLost);
    let endpoint = fake.serve().await.unwrap();
    let account = account(&endpoint.url()).await;
    assert_eq!(account.put_entry("/a", "b", true).await.unwrap_err().kind, CallErrorKind::Unanswered);
    assert_eq!(account.entry("/a").await.unwrap().unwrap().value, "b");
}

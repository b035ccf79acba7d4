//! What is refused before anything is made, and what a plan says.

use crate::hand::{Hand, good, prepared};
use model::{ComponentName, FaultKind};
use stacks::plan::{Data, Downtime, ResourceAction, StackAction};
use testkit::FakeAccount;
use testkit::deployments::{shop, shop_with, tabpy, tabpy_with};

#[tokio::test(start_paused = true)]
async fn another_account_or_region_is_named() {
    let hand = Hand::at(FakeAccount::new("999999999999", "us-west-2"), tabpy());
    let fault = hand.up().await.unwrap_err();
    insta::assert_snapshot!(fault.cause, @"the environment production is in account 123456789012, the credentials lead to 999999999999");
    let hand = Hand::at(FakeAccount::new("123456789012", "eu-west-1"), tabpy());
    let fault = hand.up().await.unwrap_err();
    insta::assert_snapshot!(fault.cause, @"the environment production is in region us-west-2, the credentials lead to eu-west-1");
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_nobody_finds_is_refused_before_anything_is_made() {
    let hand = Hand::at(FakeAccount::default(), tabpy());
    let fault = hand.up().await.unwrap_err();
    assert!(fault.cause.contains("no public hosted zone for tabpy.example.org"), "{fault}");
    let hand = Hand::new(tabpy());
    hand.account.with(|machine| machine.delegate("example.org", &["ns.elsewhere.example"]));
    let fault = hand.up().await.unwrap_err();
    assert!(fault.cause.contains("its parent names ns.elsewhere.example"), "{fault}");
    assert!(fault.help.as_deref().unwrap().contains("NS records"), "{fault:?}");
    assert!(hand.account.with(|machine| machine.statuses()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn quotas_and_permissions_are_asked_before() {
    let hand = Hand::new(tabpy());
    hand.account.with(|machine| machine.quotas.push(("vpc".into(), "L-F678F1CE".into(), 0.0)));
    let fault = hand.up().await.unwrap_err();
    assert!(fault.cause.contains("may have 0; this needs 1 more"), "{fault}");
    let hand = Hand::new(tabpy());
    hand.account.with(|machine| {
        machine.denied.insert("ec2:CreateVpc".to_owned());
        machine.may_ask = true;
    });
    let fault = hand.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permission);
    assert!(fault.cause.contains("ec2:CreateVpc"), "{fault}");
    assert!(hand.account.with(|machine| machine.statuses()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_refused_and_nothing_of_it_is_touched() {
    let account = prepared();
    let mut theirs = tabpy();
    theirs.deployment = "another".to_owned();
    for stack in &mut theirs.templates.stacks {
        for (key, value) in &mut stack.tags {
            if key == stacks::DEPLOYMENT_TAG {
                "another".clone_into(value);
            }
        }
    }
    good(Hand::at(account.another(), theirs).up().await);
    let before = account.with(|machine| machine.shape());
    let hand = Hand::at(account.another(), tabpy());
    let fault = hand.up().await.unwrap_err();
    assert!(fault.cause.contains("the name tabpy-production-network is taken"), "{fault}");
    let down = hand.down(true).await.unwrap();
    assert_eq!((down.deleted, down.deleted_kept), (Vec::<String>::new(), Vec::<String>::new()));
    assert_eq!(before, account.with(|machine| machine.shape()));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_not_replaced_without_being_named() {
    let hand = Hand::new(shop());
    good(hand.up().await);
    let mut changed = Hand::at(
        hand.account.another(),
        shop_with(&[
            ("  key: { kind: secret, generate: { key: { bytes: 32, encoding: hex } } }\n", ""),
            ("    environment: { KEY: \"${key.value}\", LICENCE", "    environment: { LICENCE"),
        ]),
    );
    let plan = changed.plan().await.unwrap();
    let refused: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.cause.as_str()).collect();
    insta::assert_snapshot!(refused.join("\n"), @"KeyValue (AWS::SecretsManager::Secret) would be removed; the old one would stay in the account, and nothing would use it");
    let fault = changed.up().await.unwrap_err();
    assert!(fault.help.as_deref().unwrap().contains("--allow-replace key"), "{fault:?}");
    changed.allow = vec!["key"];
    let report = good(changed.up().await);
    assert!(report.finished.iter().any(|(_, outcome)| *outcome == "changed"), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_happens_to_whom() {
    let hand = Hand::new(tabpy());
    let first = hand.plan().await.unwrap();
    assert!(first.stacks.iter().all(|stack| stack.action == StackAction::Create));
    assert!(first.changes().all(|change| change.action == ResourceAction::Create));
    assert!(
        first.stacks[2].unknown_parameters.iter().any(|(name, _)| name == "NetVpc"),
        "{:?}",
        first.stacks[2].unknown_parameters
    );
    good(hand.up().await);
    let changed =
        Hand::at(hand.account.another(), tabpy_with(&[("timeout: 60s, interval: 5s", "timeout: 90s, interval: 5s")]));
    let plan = changed.plan().await.unwrap();
    let touched: Vec<_> = plan
        .components
        .iter()
        .map(|one| (one.component.as_ref().map(ComponentName::as_str), one.meaning.downtime, one.meaning.data))
        .collect();
    assert_eq!(touched, [(Some("tabpy"), Downtime::Rolling, Data::Safe)]);
    assert!(plan.components[0].meaning.unknown.iter().any(|unknown| unknown.contains("looked up")), "{plan:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_in_a_file_runs_as_it_was_reviewed_or_not_at_all() {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let changed =
        Hand::at(hand.account.another(), tabpy_with(&[("timeout: 60s, interval: 5s", "timeout: 90s, interval: 5s")]));
    let text = changed.plan().await.unwrap().to_file();
    let read = |text: &str| stacks::AccountPlan::from_file("plan.json", text);
    assert!(read(&text.replace("production", "productiom")).unwrap_err().cause.contains("changed after it was made"));
    let plan = read(&text).unwrap();
    let run = async |hand: &Hand| {
        hand.with(async |session| {
            let caller = session.check_account().await?;
            let world = session.observe().await?;
            session.check_plan(&plan, &caller.account, &world)?;
            session.up(&plan, &world, &caller, &hand.up_options("here")).await
        })
        .await
    };
    let fault = run(&hand).await.unwrap_err();
    insta::assert_snapshot!(fault.cause, @"the manifest or a parameter has changed since");
    let report = good(run(&changed).await);
    assert!(report.finished.contains(&("tabpy-production-service".to_owned(), "changed")));
    let fault = run(&changed).await.unwrap_err();
    assert!(fault.cause.contains("the stack tabpy-production-service has changed since"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_gives_the_same_templates_changes_nothing() {
    let hand = Hand::new(tabpy());
    good(hand.up().await);
    let mut same = tabpy();
    same.digest = model::Digest::of_bytes(b"another text of the manifest");
    for stack in &mut same.templates.stacks {
        for (key, value) in &mut stack.tags {
            if key == stacks::MANIFEST_TAG {
                same.digest.short().clone_into(value);
            }
        }
    }
    let other = Hand::at(hand.account.another(), same);
    let report = good(other.up().await);
    assert!(report.finished.iter().all(|(_, outcome)| *outcome == "as it was"), "{report:?}");
}

//! No secret's value is ever where it can be read without the right to read secrets: not in the account, not in what is told, not in
//! what is kept on this machine.

use crate::hand::{Hand, good, prepared};
use stacks::Deployment;
use testkit::FakeAccount;
use testkit::account::{Boot, Deed, Failure, Machine};
use testkit::deployments::{LICENCE, shop, shop_with, tabpy, tabpy_with};

/// All that a run told, planned and kept.
async fn told(account: &FakeAccount, wanted: &Deployment, is_down: bool) -> String {
    let mut hand = Hand::at(account.another(), wanted.clone());
    hand.holder_is_dead = true;
    hand.allow = vec!["key", "licence", "signing", "tabpy", "web", "app", "net"];
    let mut text = format!("{wanted:?}");
    if is_down {
        text += &format!("{:?}", hand.with(async |session| session.what_goes(true).await).await);
        text += &format!("{:?}", hand.down(false).await);
    } else {
        let plan = hand.plan().await.unwrap();
        text += &format!("{plan:?}{}", plan.to_file());
        let world = hand.with(async |session| session.observe().await).await.unwrap();
        text += &format!("{world:?}");
        match hand.up().await {
            Ok(report) => text += &format!("{report:?}"),
            Err(fault) => text += &format!("{fault:?} {fault}"),
        }
        let drift = hand.with(async |session| session.drift(&session.observe().await?).await).await;
        text += &format!("{drift:?}");
    }
    let kept: Vec<String> = hand.evidence().iter().map(|one| serde_json::to_string(one).unwrap()).collect();
    let notices = (hand.notices(), hand.call_notices());
    text + &format!("{kept:?}{notices:?}{:?}{:?}", hand.account, hand.account.calls())
}

/// Values that are found in a text, each with what is around it.
fn found(machine: &Machine, text: &str) -> Vec<String> {
    let values = machine.secrets_drawn.iter().map(|secret| secret.expose().to_owned()).chain([LICENCE.to_owned()]);
    let mut found = Vec::new();
    for value in values {
        // Of a document, what is long and no word: passwords, salts, hashes, keys.
        let parts = value.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c));
        let parts = parts.filter(|part| part.len() >= 20);
        for part in parts.chain([value.as_str()]) {
            if let Some(at) = text.find(part) {
                let from = text.floor_char_boundary(at.saturating_sub(120));
                found.push(format!("...{}<{part}>", &text[from..at]));
            }
        }
    }
    found
}

/// Looks at everything after a run.
async fn checked(account: &FakeAccount, wanted: &Deployment, is_down: bool, what: &str) {
    let told = told(account, wanted, is_down).await;
    let wrong = account.with(|machine| [found(machine, &told), found(machine, &machine.readable())].concat());
    assert_eq!(wrong, Vec::<String>::new(), "{what}");
}

fn fail(account: &FakeAccount, logical_id: &str, deed: Deed) {
    let failure = Failure {
        stack: String::new(),
        logical_id: logical_id.to_owned(),
        deed,
        reason: "AWS is not well".to_owned(),
        times: 1,
    };
    account.with(|machine| machine.failures.push(failure));
}

#[tokio::test(start_paused = true)]
async fn is_nowhere_of_tabpy() {
    let account = prepared();
    account.with(|machine| machine.boot = Boot::Fails);
    checked(&account, &tabpy(), false, "hosts that do not start").await;
    account.with(|machine| machine.boot = Boot::Ready);
    checked(&account, &tabpy(), false, "the first up").await;
    let another_user = tabpy_with(&[("[analyst, dashboards]", "[analyst, dashboards, reports]")]);
    fail(&account, "TabpyHosts", Deed::Update);
    checked(&account, &another_user, false, "an update that fails").await;
    checked(&account, &another_user, false, "an update").await;
    assert!(account.with(|machine| machine.secrets_drawn.len()) >= 3);
    checked(&account, &another_user, true, "down").await;
}

#[tokio::test(start_paused = true)]
async fn is_nowhere_of_the_shop() {
    let account = prepared();
    checked(&account, &shop(), false, "the first up").await;
    let values = account.with(|machine| machine.secret_values());
    assert!(values.values().flatten().any(|value| value.expose() == LICENCE), "the given secret is where it belongs");
    let rotated = shop_with(&[("bytes: 32, encoding: hex } } }", "bytes: 32, encoding: hex } }, generation: 2 }")]);
    fail(&account, "AppHosts", Deed::Update);
    checked(&account, &rotated, false, "another generation").await;
    checked(&account, &rotated, false, "the same again").await;
    checked(&account, &rotated, true, "down").await;
}

/// A check that cannot fail proves nothing.
#[tokio::test(start_paused = true)]
async fn would_be_seen() {
    let account = prepared();
    good(Hand::at(account.clone(), shop()).up().await);
    account.with(|machine| {
        let value = machine.secrets_drawn.last().unwrap().expose().to_owned();
        assert_eq!(found(machine, &machine.readable()), Vec::<String>::new());
        machine.thing_mut("shop-production-service", "AppTargets").unwrap().tags.insert("note".to_owned(), value);
        assert!(!found(machine, &machine.readable()).is_empty());
    });
}

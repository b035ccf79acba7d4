//! Nobody who works with a database loses its login: a new one comes before whoever uses it, an old one goes after.

use crate::support::{Person, account};
use model::{NodeId, Rotations};
use stacks::{Account as _, Deployment};
use std::collections::{BTreeMap, BTreeSet};
use testkit::FakeAccount;
use testkit::deployments::{records, records_rotated, records_with};

const SERVICE: &str = "records-production-service";

fn logins(account: &FakeAccount) -> BTreeSet<String> {
    account.with(|machine| machine.logins.values().flatten().cloned().collect())
}

/// What the text of a deployment's service stack is.
fn service(deployment: &Deployment) -> String {
    let stack = deployment.templates.stacks.iter().find(|stack| stack.name == SERVICE);
    stack.map(|stack| stack.text.clone()).unwrap_or_default()
}

/// Looks at the account after each call: the hosts of each service stack that may be there can log in. Returns the logins that were there.
async fn watched(account: &FakeAccount, uses: &BTreeMap<String, &str>) -> Vec<BTreeSet<String>> {
    let mut all = Vec::new();
    for (call, _, left) in account.recorded() {
        let then = FakeAccount::from_snapshot(&left);
        let there = logins(&then);
        let text = then.template(SERVICE).await.unwrap().unwrap();
        let rests = then.with(|machine| {
            let status = machine.statuses().into_iter().find(|(name, _)| name == SERVICE).unwrap().1;
            status.ends_with("_COMPLETE")
        });
        for (template, login) in uses {
            assert!(there.contains(*login) || (rests && text != *template), "call {call}: {login} is not in {there:?}");
        }
        if all.last() != Some(&there) {
            all.push(there);
        }
    }
    all
}

fn set(logins: &[&str]) -> BTreeSet<String> {
    logins.iter().map(|login| (*login).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_service_has_a_login_at_every_moment_of_its_rotation() {
    let account = account();
    let person = Person::new(account.clone());
    person.up(&records()).await.unwrap();
    account.record(1..10_000);
    let lower = |rotations: &Rotations| records_rotated(&[], rotations);
    let mut rotations = Rotations::default();
    let mut uses = BTreeMap::from([(service(&lower(&rotations)), "app")]);
    rotations.begin(&NodeId::new("db/roles/app"), true);
    uses.insert(service(&lower(&rotations)), "app_b");
    assert_eq!(uses.len(), 2, "hosts with another login are made anew");
    person.rotate(&[("db/roles/app", true)], lower).await.unwrap();
    let [one, both, other] = watched(&account, &uses).await.try_into().unwrap();
    assert_eq!(one, set(&["alice", "app"]));
    assert_eq!(both, set(&["alice", "app", "app_b"]));
    assert_eq!(other, set(&["alice", "app_b"]));

    // An up of somebody who does not know of it changes nothing back: the account says how far it is.
    let told = person.work(&records(), async |session| session.rotations().await).await.unwrap();
    assert_eq!(told.of(&NodeId::new("db/roles/app")), model::Rotation { generation: 2, previous: None, ends: false });
    let fault = person.up(&records()).await.unwrap_err();
    insta::assert_snapshot!(fault.cause, @"somebody else replaced secrets of it in the meantime");
    person.up(&lower(&told)).await.unwrap();
    assert_eq!(logins(&account), set(&["alice", "app_b"]));
}

#[tokio::test(start_paused = true)]
async fn a_login_goes_after_the_service_that_used_it() {
    let account = account();
    let person = Person::new(account.clone());
    let two = (
        "    port: 8000\n",
        "    port: 8000\n  reports:\n    kind: service\n    command: [/usr/bin/reports]\n    uses: { db: { grants: read-only } }\n    port: 8001\n",
    );
    let before = records_with(&[two]);
    person.up(&before).await.unwrap();
    assert_eq!(logins(&account), set(&["alice", "app", "reports"]));
    account.record(1..10_000);
    let person = Person { allow_replace: vec!["reports"], ..Person::new(account.clone()) };
    person.up(&records()).await.unwrap();
    let all = watched(&account, &BTreeMap::from([(service(&before), "reports")])).await;
    assert_eq!(all, [set(&["alice", "app", "reports"]), set(&["alice", "app"])]);
}

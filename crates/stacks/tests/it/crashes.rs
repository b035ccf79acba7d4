//! The client dies, or a message is lost, doubled or late, at every single call of a run. The same command again must end as if
//! nothing had happened: the same resources, none made twice, no secret another one, nothing that nobody owns.

use crate::support::{End, Person, account, difference, end};
use model::{Rotations, Secret};
use stacks::Deployment;
use std::collections::BTreeMap;
use testkit::FakeAccount;
use testkit::account::{Fault, Snapshot};
use testkit::deployments;

/// What is done to a deployment.
#[derive(Clone, Copy, PartialEq)]
enum Verb {
    Up,
    Down,
    /// A login of a database and another password are replaced.
    Rotate,
}

/// A run that is disturbed in every way.
struct Case {
    name: &'static str,
    /// What is there before.
    before: Vec<Deployment>,
    verb: Verb,
    wanted: Deployment,
}

async fn run(person: &Person, case: &Case) -> Result<(), model::Fault> {
    match case.verb {
        Verb::Up => person.up(&case.wanted).await.map(drop),
        Verb::Down => person.down(&case.wanted).await.map(drop),
        Verb::Rotate => person.rotate(&[("db/roles/app", true), ("app/users/ann/password", false)], with_user).await,
    }
}

fn person(account: FakeAccount) -> Person {
    Person { allow_replace: vec!["net", "tabpy", "web", "app"], ..Person::new(account) }
}

/// The password of a login, which goes with it.
fn is_login(name: &str) -> bool {
    name.contains("Roles")
}

type Values = BTreeMap<String, Vec<Secret>>;

/// An undisturbed run: from where, how many calls, where it leads.
struct Undisturbed {
    from: Snapshot,
    calls: Vec<String>,
    end: End,
}

async fn undisturbed(case: &Case) -> Undisturbed {
    let prepared = account();
    for deployment in &case.before {
        person(prepared.another()).up(deployment).await.unwrap_or_else(|fault| panic!("{}: {fault}", case.name));
    }
    let from = prepared.snapshot();
    let alone = FakeAccount::from_snapshot(&from);
    let first = person(alone.clone());
    run(&first, case)
        .await
        .unwrap_or_else(|fault| panic!("{}: {fault}\n{:#?}", case.name, first.notices.lock().unwrap()));
    let end = ended(&alone, case);
    assert_eq!(end.orphans, Vec::<String>::new(), "{}", case.name);
    let calls = alone.calls().into_iter().map(|call| call.operation).collect();
    Undisturbed { from, calls, end }
}

/// The lease of a run that died stays until somebody changes something again; nobody is kept out by it.
fn ended(account: &FakeAccount, case: &Case) -> End {
    let mut end = end(account);
    if case.verb != Verb::Down {
        end.entries.retain(|name| !name.ends_with("/lease"));
    }
    end
}

/// The same command again, and what is wrong afterwards.
async fn again(account: &FakeAccount, case: &Case, alone: &Undisturbed) -> Vec<String> {
    let before: Values = account.with(|machine| machine.secret_values());
    if let Err(fault) = run(&person(account.another()), case).await {
        return vec![format!("the next run fails: {fault}")];
    }
    let mut wrong: Vec<String> = difference(&alone.end, &ended(account, case)).into_iter().collect();
    let after = account.with(|machine| machine.secret_values());
    for (name, before) in &before {
        // A stack that is taken down deletes what nobody keeps.
        if case.verb == Verb::Up && !is_login(name) && !after.get(name).is_some_and(|after| after.starts_with(before)) {
            wrong.push(format!("{name} was changed"));
        }
    }
    wrong
}

/// Whether every point is tried, or those that can differ and some of the others.
fn is_exhaustive() -> bool {
    std::env::var_os("LANDFALL_EXHAUSTIVE").is_some()
}

/// Kills the client before and after the work of every call.
async fn kill(case: &Case) -> usize {
    /// Snapshots that are held at a time.
    const AT_ONCE: usize = 60;
    let alone = undisturbed(case).await;
    let mut wrong = Vec::new();
    let mut survived = 0;
    for first in (1..=alone.calls.len()).step_by(AT_ONCE) {
        let account = FakeAccount::from_snapshot(&alone.from);
        account.record(first..first + AT_ONCE);
        run(&person(account.clone()), case).await.unwrap();
        for (call, is_done, left) in account.recorded() {
            let is_write = is_write(&alone.calls[call - 1]);
            if !is_done && !is_write && !is_exhaustive() {
                continue;
            }
            let account = FakeAccount::from_snapshot(&left);
            let moment = if is_done { "after" } else { "before" };
            let found = again(&account, case, &alone).await;
            survived += usize::from(found.is_empty());
            let operation = &alone.calls[call - 1];
            wrong.extend(found.into_iter().map(|what| {
                format!("{}: killed {moment} call {call} of {} ({operation}): {what}", case.name, alone.calls.len())
            }));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong, {survived} are right:\n{}", wrong.len(), shortened(&wrong));
    survived
}

/// Disturbs every call of a run with every fault; returns how many runs that were.
async fn disturb(case: &Case) -> usize {
    let alone = undisturbed(case).await;
    let mut survived = 0;
    let mut wrong = Vec::new();
    for fault in Fault::TRANSIENT {
        for (at, operation) in alone.calls.iter().enumerate() {
            // A question that is lost or doubled changes nothing, whichever of the two it is.
            let is_tried = is_write(operation) || (fault == Fault::ReplyLost && at % 8 == 0);
            if !is_tried && !is_exhaustive() {
                continue;
            }
            let call = at + 1;
            let account = FakeAccount::from_snapshot(&alone.from).with_fault(call, fault);
            let disturbed = run(&person(account.clone()), case).await;
            let mut found: Vec<String> =
                disturbed.err().map(|fault| format!("the run does not survive: {fault}")).into_iter().collect();
            found.extend(again(&account, case, &alone).await);
            survived += usize::from(found.is_empty());
            wrong.extend(found.into_iter().map(|what| {
                format!("{}: {fault:?} at call {call} of {} ({operation}): {what}", case.name, alone.calls.len())
            }));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong, {survived} are right:\n{}", wrong.len(), shortened(&wrong));
    survived
}

/// Whether a call changes something.
fn is_write(operation: &str) -> bool {
    let verb = operation.rsplit(':').next().unwrap_or_default();
    !["Describe", "Get", "List", "Query", "Simulate"].iter().any(|reads| verb.starts_with(reads))
}

/// The first lines of many.
fn shortened(lines: &[String]) -> String {
    let shown: Vec<&str> = lines.iter().take(12).map(String::as_str).collect();
    shown.join("\n---\n")
}

/// A larger machine (hosts roll), another name (replacement), a source less (removal).
fn changed_tabpy() -> Deployment {
    deployments::tabpy_with(&[
        ("default: medium", "default: large"),
        ("tabpy.example.org", "python.example.org"),
        (r#"[203.0.113.0/24, "2001:db8::/32"]"#, "[203.0.113.0/24]"),
    ])
}

/// A service on a database, with a login of its own.
fn with_user(rotations: &Rotations) -> Deployment {
    let environment = "environment: { DATABASE_URL: \"${self.uses.db.url}\"";
    let user = format!("users: {{ names: [ann] }}\n    {environment}, ANN: \"${{self.users.ann.password}}\"");
    deployments::records_rotated(&[(environment, &user)], rotations)
}

fn rotation() -> Case {
    let wanted = with_user(&Rotations::default());
    Case { name: "rotation", before: vec![wanted.clone()], verb: Verb::Rotate, wanted }
}

/// A role of people that may no longer do anything there: it goes after all stacks.
fn departure() -> Case {
    let fewer = deployments::records_with(&[("people: { admin: read-only }", "people: {}")]);
    Case { name: "departure", before: vec![deployments::records()], verb: Verb::Up, wanted: fewer }
}

fn first_up() -> Case {
    Case { name: "first up of tabpy", before: vec![], verb: Verb::Up, wanted: deployments::tabpy() }
}

fn update() -> Case {
    Case { name: "update of tabpy", before: vec![deployments::tabpy()], verb: Verb::Up, wanted: changed_tabpy() }
}

fn down() -> Case {
    Case { name: "down of tabpy", before: vec![deployments::tabpy()], verb: Verb::Down, wanted: deployments::tabpy() }
}

fn shop() -> Case {
    Case { name: "first up of the shop", before: vec![], verb: Verb::Up, wanted: deployments::shop() }
}

fn down_of_shop() -> Case {
    Case { name: "down of the shop", before: vec![deployments::shop()], verb: Verb::Down, wanted: deployments::shop() }
}

macro_rules! cases {
    ($($name:ident),*) => {
        mod killed { $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                println!("survived {} crash points", super::kill(&super::$name()).await);
            }
        )* }
        mod disturbed { $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                println!("survived {} crash points", super::disturb(&super::$name()).await);
            }
        )* }
    };
}

cases!(first_up, update, down, shop, down_of_shop, rotation, departure);

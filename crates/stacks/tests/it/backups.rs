//! Copies of databases and servers that are made of them.

use crate::hand::{Hand, good, prepared};
use model::{Fault, FaultKind};
use stacks::account::{Databases, DbKind, DbServer, DbSnapshot};
use stacks::backups::Backup;
use stacks::restores::{RestoredServer, Verdict};
use stacks::{Deployment, Notice};
use std::time::Duration;
use testkit::deployments::{records, records_with};

/// A deployment that is up.
async fn deployed(deployment: Deployment) -> Hand {
    let hand = Hand::at(prepared(), deployment);
    good(hand.up().await);
    let _ = hand.notices();
    hand
}

async fn back_up(hand: &Hand, about: Option<&str>) -> Result<Backup, Fault> {
    hand.with(async |session| {
        let world = session.observe().await?;
        session.back_up(&hand.deployment.databases[0], &world, about).await
    })
    .await
}

async fn snapshots(hand: &Hand) -> Vec<DbSnapshot> {
    let found = hand
        .with(async |session| {
            let world = session.observe().await?;
            session.snapshots(&hand.deployment.databases[0], &world).await
        })
        .await;
    found.unwrap()
}

async fn server(hand: &Hand) -> DbServer {
    let found = hand
        .with(async |session| {
            let world = session.observe().await?;
            session.database_server(&hand.deployment.databases[0], &world).await
        })
        .await;
    found.unwrap()
}

async fn restore(hand: &Hand, snapshot: &DbSnapshot, into: &str) -> Result<RestoredServer, Fault> {
    hand.with(async |session| {
        let world = session.observe().await?;
        session.restore(&hand.deployment.databases[0], &world, snapshot, into).await
    })
    .await
}

fn remarks(hand: &Hand) -> Vec<String> {
    let of = |notice| match notice {
        Notice::Remark(text) => Some(text),
        _ => None,
    };
    hand.notices().into_iter().filter_map(of).collect()
}

/// Asks to stop after so many seconds.
fn stop_after(hand: &Hand, seconds: u64) {
    let interrupt = hand.interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        interrupt.cancel();
    });
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_a_name_of_the_house_and_is_waited_for() {
    let hand = deployed(records()).await;
    let made = back_up(&hand, Some("before the import (2)")).await.unwrap();
    let copy = &made.snapshot;
    assert!(copy.id.starts_with("records-production-db-20261121-"), "{}", copy.id);
    assert_eq!((copy.status.as_str(), copy.percent, made.was_begun), ("available", 100, false));
    assert!(made.milliseconds >= 180_000, "{made:?}");
    assert_eq!(copy.about(), Some("before the import 2"));
    assert!(copy.tags.contains(&("landfall:deployment".to_owned(), "records".to_owned())), "{:?}", copy.tags);
    let said = remarks(&hand);
    assert!(said.iter().any(|line| line.contains("creating")), "{said:?}");

    let id = server(&hand).await.id;
    hand.account.with(|machine| machine.copy_daily(DbKind::Instance, &id));
    let all = snapshots(&hand).await;
    let origins: Vec<&str> = all.iter().map(|copy| copy.origin.as_str()).collect();
    assert_eq!(origins, ["automated", "manual"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_stopped_is_gone_on_with_by_the_same_verb() {
    let hand = deployed(records()).await;
    stop_after(&hand, 20);
    let stopped = back_up(&hand, None).await.unwrap_err();
    assert_eq!(stopped.kind, FaultKind::Interrupted);
    assert!(stopped.help.as_deref().is_some_and(|help| help.contains("same command")), "{stopped:?}");

    let next = Hand::at(hand.account.another(), records());
    let made = back_up(&next, None).await.unwrap();
    assert!(made.was_begun);
    assert_eq!(snapshots(&next).await.len(), 1, "no second copy is made");
}

#[tokio::test(start_paused = true)]
async fn a_restored_server_is_as_private_as_the_one_that_was_copied() {
    for deployment in [records(), records_with(&[("version: \"17\"", "version: \"17\", aurora: true")])] {
        let hand = deployed(deployment).await;
        // Not what RDS takes by itself.
        hand.account.with(|machine| machine.sign_databases("rds-ca-ecc384-g1"));
        let original = server(&hand).await;
        let made = back_up(&hand, None).await.unwrap();
        let restored = restore(&hand, &made.snapshot, "records-production-restored").await.unwrap();
        let wrong: Vec<_> = restored.checks.iter().filter(|check| check.verdict == Verdict::Wrong).collect();
        assert!(wrong.is_empty() && restored.is_right(), "{wrong:?}");
        let server = &restored.server;
        assert_eq!(
            (&server.subnet_group, &server.security_groups),
            (&original.subnet_group, &original.security_groups)
        );
        assert_eq!(server.parameter_group.as_ref().map(|it| &it.0), original.parameter_group.as_ref().map(|it| &it.0));
        assert!(server.is_protected && server.is_encrypted && server.administrator_secret.is_some());
        assert_eq!(restored.member.as_ref().unwrap_or(server).is_public, Some(false));
        assert_eq!(restored.member.as_ref().unwrap_or(server).authority.as_deref(), Some("rds-ca-ecc384-g1"));
        let rows = restored.checks.iter().find(|check| check.what == "rows").unwrap();
        assert_eq!(rows.verdict, Verdict::NotChecked);

        // Done is done: it is not touched again.
        let again = restore(&hand, &made.snapshot, "records-production-restored").await.unwrap_err();
        assert!(again.cause.contains("not touched"), "{again}");
        let same = restore(&hand, &made.snapshot, &original.id).await.unwrap_err();
        assert!(same.cause.contains("not touched"), "{same}");
    }
}

#[tokio::test(start_paused = true)]
async fn copies_of_a_server_that_was_replaced_are_found_and_restored() {
    let hand = deployed(records()).await;
    let made = back_up(&hand, None).await.unwrap();
    let id = &made.snapshot.id;
    // The server had another name, until another one took its place.
    hand.account.with(|machine| machine.copied_from(id, "records-production-data-dbserver-before"));
    let next = Hand::at(hand.account.another(), records());
    let all = snapshots(&next).await;
    let found = all.iter().find(|copy| copy.id == *id).unwrap();
    assert_eq!(found.of, "records-production-data-dbserver-before");
    let restored = restore(&next, found, "records-production-restored").await.unwrap();
    assert!(restored.is_right(), "{:?}", restored.checks);

    // Somebody else's copy is not ours, nor is that of another component or environment.
    let tag = |key: &str, value: &str| (format!("landfall:{key}"), value.to_owned());
    let others = [
        vec![tag("deployment", "shop"), tag("environment", "production"), tag("component", "db")],
        vec![tag("deployment", "records"), tag("environment", "staging"), tag("component", "db")],
        vec![tag("deployment", "records"), tag("environment", "production"), tag("component", "other")],
    ];
    for (number, tags) in others.iter().enumerate() {
        let into = restored.server.id.clone();
        let made = next.account.create_db_snapshot(DbKind::Instance, &into, &format!("other-{number}"), tags).await;
        made.unwrap();
    }
    assert_eq!(snapshots(&next).await, all);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_stopped_is_gone_on_with() {
    let hand = deployed(records()).await;
    let made = back_up(&hand, None).await.unwrap();
    stop_after(&hand, 60);
    let stopped = restore(&hand, &made.snapshot, "records-production-restored").await.unwrap_err();
    assert_eq!(stopped.kind, FaultKind::Interrupted, "{stopped}");
    let next = Hand::at(hand.account.another(), records());
    let restored = restore(&next, &made.snapshot, "records-production-restored").await.unwrap();
    assert!(restored.is_right(), "{:?}", restored.checks);
    assert!(remarks(&next).iter().any(|line| line.contains("going on with it")));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_ready_or_of_another_engine_is_refused() {
    let hand = deployed(records()).await;
    let id = server(&hand).await.id;
    let early = hand.account.create_db_snapshot(DbKind::Instance, &id, "by-hand", &[]).await;
    early.unwrap();
    let copy = snapshots(&hand).await.remove(0);
    let refused = restore(&hand, &copy, "records-production-restored").await.unwrap_err();
    assert!(refused.cause.contains("creating"), "{refused}");
    let older = DbSnapshot { status: "available".to_owned(), engine_version: "16.11".to_owned(), ..copy.clone() };
    let refused = restore(&hand, &older, "records-production-restored").await.unwrap_err();
    assert!(refused.cause.contains("the copy is of postgres 16.11"), "{refused}");
    let other = DbSnapshot { status: "available".to_owned(), engine: "oracle-se2".to_owned(), ..copy };
    let refused = restore(&hand, &other, "records-production-restored").await.unwrap_err();
    assert!(refused.cause.contains("oracle-se2"), "{refused}");
}

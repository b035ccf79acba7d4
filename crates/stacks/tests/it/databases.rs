//! What is inside of databases: in its place among the stacks, once, and again when something is different.

use crate::hand::{Hand, good, prepared};
use model::NodeId;
use testkit::deployments::{records, records_with};

#[tokio::test(start_paused = true)]
async fn a_database_is_filled_before_anything_works_with_it() {
    let hand = Hand::at(prepared(), records());
    let report = good(hand.up().await);
    assert_eq!(report.databases, ["db: role app", "db: role alice"]);
    let work = hand.contents.applied().pop().unwrap();
    assert!(work.address.contains("rds.amazonaws.com"), "{}", work.address);
    assert_eq!(work.administrator, "landfall_admin");
    assert!(!work.password.expose().is_empty());
    let logins: Vec<&str> = work.passwords.keys().map(NodeId::as_str).collect();
    assert_eq!(logins, ["db/roles/alice", "db/roles/app"]);
    assert!(work.passwords.values().all(|password| password.expose().len() == 32));
    let text = format!("{work:?}");
    assert!(work.passwords.values().all(|password| !text.contains(password.expose())), "{text}");
    // What services read has the address that the stack tells.
    let environment = hand.account.with(|machine| {
        machine.secret_values().into_values().flatten().find(|value| value.expose().contains("DATABASE_URL"))
    });
    assert!(environment.is_some_and(|text| text.expose().contains(&work.address)), "{}", work.address);

    // Nothing has changed: somebody looks, that is all, without the lease.
    good(hand.up().await);
    assert_eq!(hand.contents.applied().len(), 1);
    assert_eq!(hand.counts().get("ssm:PutParameter"), None);
    hand.contents.fail(1);
    good(hand.up().await);
    assert!(hand.notices().iter().any(|one| format!("{one:?}").contains("was not compared")));

    // What somebody made by hand goes by the next run.
    hand.account.with(|machine| {
        for logins in machine.logins.values_mut() {
            logins.insert("eve".to_owned());
        }
    });
    assert_eq!(good(hand.up().await).databases, ["db: role app", "db: role alice", "db: drop login eve"]);
    assert_eq!(good(hand.up().await).databases, Vec::<String>::new());

    // Another role is another content.
    let changed = Hand::at(hand.account.another(), records_with(&[("read-only", "owner")]));
    let report = good(changed.up().await);
    assert_eq!(report.databases.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn services_wait_for_a_database_that_cannot_be_filled() {
    let hand = Hand::at(prepared(), records());
    hand.contents.fail(1);
    let report = hand.up().await.unwrap();
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].stack, "what is in the databases of records-production");
    assert!(report.failed[0].fault.to_string().contains("the host is not connected"));
    assert_eq!(report.not_begun, ["records-production-service", "what goes from the databases of records-production"]);
    let finished: Vec<&str> = report.finished.iter().map(|(stack, _)| stack.as_str()).collect();
    assert_eq!(finished, ["records-production-network", "records-production-data", "records-production-access"]);
    // The same command goes on from there.
    let report = good(hand.up().await);
    assert_eq!(report.databases.len(), 2);
    assert!(report.not_begun.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_rds_does_not_offer_is_refused_before_anything_is_made() {
    let hand = Hand::at(prepared(), records());
    hand.account.with(|machine| machine.sold_out.extend(["db.t4g.small".to_owned()]));
    let fault = hand.up().await.unwrap_err();
    assert!(fault.operation.contains("(components.db"), "{fault}");
    insta::assert_snapshot!(fault.cause, @"db.t4g.small is offered for 17.7 in 0 zones of us-west-2, and 2 are needed");
    let hand = Hand::at(prepared(), records_with(&[("version: \"17\"", "version: \"18\"")]));
    let fault = hand.up().await.unwrap_err();
    insta::assert_snapshot!(fault.cause, @"no release 18 of postgres is offered in us-west-2");
    insta::assert_snapshot!(fault.help.unwrap_or_default(), @"set `version` to one that is offered: 16.11, 17.7");
    assert!(hand.account.with(|machine| machine.statuses()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_standby_a_cluster_or_an_authority_that_rds_does_not_offer_is_refused() {
    let refused = async |manifest: &str, sold_out: &str| {
        let hand = Hand::at(prepared(), records_with(&[("version: \"17\"", manifest)]));
        hand.account.with(|machine| machine.sold_out.extend([sold_out.to_owned()]));
        let fault = hand.up().await.unwrap_err();
        assert!(hand.account.with(|machine| machine.statuses()).is_empty());
        format!("{}: {}; {}", fault.operation, fault.cause, fault.help.unwrap_or_default())
    };
    let standby = refused("version: \"17\", zones: 2", "standby db.t4g.small").await;
    insta::assert_snapshot!(standby, @"asking RDS for postgres 17 on db.t4g.small (components.db): db.t4g.small is not offered with a standby in us-west-2; set another `size`, `zones: 1`, or another `region`");
    let cluster = refused("version: \"17\", aurora: true, zones: 2", "db.t4g.medium").await;
    insta::assert_snapshot!(cluster, @"asking RDS for aurora-postgresql 17 on db.t4g.medium (components.db.zones): db.t4g.medium is offered for 17.6 in 0 zones of us-west-2, and 2 are needed; set another `size`, or another `region`");
    let release = refused("version: \"16\", aurora: true", "").await;
    insta::assert_snapshot!(release, @"asking RDS for aurora-postgresql 16 on db.t4g.medium (components.db.zones): no release 16 of aurora-postgresql is offered in us-west-2; set `version` to one that is offered: 17.6");
    let authority = refused("version: \"17\"", "rds-ca-rsa2048-g1").await;
    insta::assert_snapshot!(authority, @"asking RDS for postgres 17 on db.t4g.small (components.db): rds-ca-rsa2048-g1 signs no certificate of postgres 17.7 in us-west-2; set another `region`; here there are rds-ca-ecc384-g1, rds-ca-rsa4096-g1");
    // One that stands alone needs no standby.
    let hand = Hand::at(prepared(), records());
    hand.account.with(|machine| machine.sold_out.extend(["standby db.t4g.small".to_owned()]));
    good(hand.up().await);
}

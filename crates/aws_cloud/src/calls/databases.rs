//! Databases of RDS.
//!
//! Source: the API reference of Amazon RDS, version 2014-10-31, 2026-11.

use super::{absent, code_is};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::Rds;
use crate::xml::Element;
use stacks::account::{
    AdministratorSecret, Called, DbEndpoint, DbEngineVersion, DbKind, DbOffer, DbServer, DbSnapshot, RestoreRequest,
};

const NO_SERVER: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault"];
const NO_SNAPSHOT: &[&str] =
    &["DBSnapshotNotFound", "DBSnapshotNotFoundFault", "DBClusterSnapshotNotFoundFault", "DBClusterSnapshotNotFound"];

pub(crate) async fn server(client: &Client, kind: DbKind, id: &str) -> Called<Option<DbServer>> {
    let called = match kind {
        DbKind::Instance => {
            let fields = || Fields::new().with("DBInstanceIdentifier", id);
            client.entries(Rds, "DescribeDBInstances", "DBInstances", fields).await
        }
        DbKind::Cluster => {
            let fields = || Fields::new().with("DBClusterIdentifier", id);
            client.entries(Rds, "DescribeDBClusters", "DBClusters", fields).await
        }
    };
    let found = absent(called, code_is(NO_SERVER))?.unwrap_or_default();
    Ok(found.first().map(|one| match kind {
        DbKind::Instance => instance(one),
        DbKind::Cluster => cluster(one),
    }))
}

fn instance(one: &Element) -> DbServer {
    let endpoint = one.child("Endpoint").and_then(|endpoint| {
        Some(DbEndpoint { host: endpoint.value("Address")?, port: endpoint.text_of("Port")?.parse().ok()? })
    });
    let parameters = one.list("DBParameterGroups").first();
    DbServer {
        kind: DbKind::Instance,
        id: one.word("DBInstanceIdentifier"),
        arn: one.word("DBInstanceArn"),
        status: one.word("DBInstanceStatus"),
        endpoint,
        class: one.value("DBInstanceClass"),
        authority: one.value("CACertificateIdentifier"),
        subnet_group: one.child("DBSubnetGroup").and_then(|group| group.value("DBSubnetGroupName")),
        parameter_group: parameters.map(|it| (it.word("DBParameterGroupName"), it.word("ParameterApplyStatus"))),
        members: Vec::new(),
        ..either(one)
    }
}

fn cluster(one: &Element) -> DbServer {
    let endpoint =
        one.value("Endpoint").and_then(|host| Some(DbEndpoint { host, port: one.text_of("Port")?.parse().ok()? }));
    let mut members: Vec<(bool, String)> = one
        .list("DBClusterMembers")
        .iter()
        .map(|member| (!is(member, "IsClusterWriter").unwrap_or_default(), member.word("DBInstanceIdentifier")))
        .collect();
    members.sort();
    DbServer {
        kind: DbKind::Cluster,
        id: one.word("DBClusterIdentifier"),
        arn: one.word("DBClusterArn"),
        status: one.word("Status"),
        endpoint,
        class: one.value("DBClusterInstanceClass"),
        authority: one.child("CertificateDetails").and_then(|details| details.value("CAIdentifier")),
        subnet_group: one.value("DBSubnetGroup"),
        parameter_group: one.value("DBClusterParameterGroup").map(|name| (name, String::new())),
        members: members.into_iter().map(|(_, member)| member).collect(),
        ..either(one)
    }
}

/// What is said of both in the same words.
fn either(one: &Element) -> DbServer {
    let groups = one.list("VpcSecurityGroups").iter();
    DbServer {
        kind: DbKind::Instance,
        id: String::new(),
        arn: String::new(),
        status: String::new(),
        endpoint: None,
        engine: one.word("Engine"),
        engine_version: one.word("EngineVersion"),
        class: None,
        is_public: is(one, "PubliclyAccessible"),
        is_encrypted: is(one, "StorageEncrypted").unwrap_or_default(),
        is_protected: is(one, "DeletionProtection").unwrap_or_default(),
        authority: None,
        certificate_until: one.child("CertificateDetails").and_then(|details| details.value("ValidTill")),
        administrator: one.word("MasterUsername"),
        administrator_secret: one.child("MasterUserSecret").and_then(|secret| {
            Some(AdministratorSecret { arn: secret.value("SecretArn")?, status: secret.word("SecretStatus") })
        }),
        backup_days: number(one, "BackupRetentionPeriod"),
        restorable_until: one.value("LatestRestorableTime"),
        subnet_group: None,
        security_groups: groups.filter_map(|group| group.value("VpcSecurityGroupId")).collect(),
        parameter_group: None,
        members: Vec::new(),
    }
}

fn is(one: &Element, name: &str) -> Option<bool> {
    one.text_of(name).map(|word| word == "true")
}

fn number(one: &Element, name: &str) -> u32 {
    one.text_of(name).and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// A list as RDS names it: `Tags.Tag.1`.
fn numbered<'a>(fields: Fields, name: &str, values: impl IntoIterator<Item = &'a String>) -> Fields {
    values
        .into_iter()
        .enumerate()
        .fold(fields, |fields, (index, value)| fields.with(format!("{name}.{}", index + 1), value))
}

fn tagged(fields: Fields, tags: &[(String, String)]) -> Fields {
    tags.iter().enumerate().fold(fields, |fields, (index, (key, value))| {
        let tag = format!("Tags.Tag.{}", index + 1);
        fields.with(format!("{tag}.Key"), key).with(format!("{tag}.Value"), value)
    })
}

pub(crate) async fn create_snapshot(
    client: &Client,
    kind: DbKind,
    of: &str,
    snapshot: &str,
    tags: &[(String, String)],
) -> Called<()> {
    let fields = tagged(Fields::new(), tags);
    match kind {
        DbKind::Instance => {
            let fields = fields.with("DBInstanceIdentifier", of).with("DBSnapshotIdentifier", snapshot);
            client.query(Rds, "CreateDBSnapshot", fields).await.map(drop)
        }
        DbKind::Cluster => {
            let fields = fields.with("DBClusterIdentifier", of).with("DBClusterSnapshotIdentifier", snapshot);
            client.query(Rds, "CreateDBClusterSnapshot", fields).await.map(drop)
        }
    }
}

pub(crate) async fn snapshot(client: &Client, kind: DbKind, snapshot: &str) -> Called<Option<DbSnapshot>> {
    let name = match kind {
        DbKind::Instance => "DBSnapshotIdentifier",
        DbKind::Cluster => "DBClusterSnapshotIdentifier",
    };
    let found = snapshots_with(client, kind, Some((name, snapshot))).await;
    Ok(absent(found, code_is(NO_SNAPSHOT))?.unwrap_or_default().into_iter().next())
}

pub(crate) async fn snapshots(client: &Client, kind: DbKind, of: &str) -> Called<Vec<DbSnapshot>> {
    let name = match kind {
        DbKind::Instance => "DBInstanceIdentifier",
        DbKind::Cluster => "DBClusterIdentifier",
    };
    let found = snapshots_with(client, kind, Some((name, of))).await;
    Ok(newest_first(absent(found, code_is(NO_SERVER))?.unwrap_or_default()))
}

/// RDS tells the tags of copies with them, and filters by none.
pub(crate) async fn snapshots_tagged(client: &Client, kind: DbKind, key: &str, value: &str) -> Called<Vec<DbSnapshot>> {
    let mut found = snapshots_with(client, kind, None).await?;
    found.retain(|copy| copy.tags.iter().any(|(name, said)| name == key && said == value));
    Ok(newest_first(found))
}

fn newest_first(mut copies: Vec<DbSnapshot>) -> Vec<DbSnapshot> {
    copies.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.id.cmp(&other.id)));
    copies
}

async fn snapshots_with(client: &Client, kind: DbKind, only: Option<(&str, &str)>) -> Called<Vec<DbSnapshot>> {
    let (action, list) = match kind {
        DbKind::Instance => ("DescribeDBSnapshots", "DBSnapshots"),
        DbKind::Cluster => ("DescribeDBClusterSnapshots", "DBClusterSnapshots"),
    };
    let found = client
        .entries(Rds, action, list, || only.map_or_else(Fields::new, |(field, value)| Fields::new().with(field, value)))
        .await?;
    Ok(found.iter().map(|one| copy(kind, one)).collect())
}

fn copy(kind: DbKind, one: &Element) -> DbSnapshot {
    let (id, arn, of, is_encrypted) = match kind {
        DbKind::Instance => ("DBSnapshotIdentifier", "DBSnapshotArn", "DBInstanceIdentifier", "Encrypted"),
        DbKind::Cluster => {
            ("DBClusterSnapshotIdentifier", "DBClusterSnapshotArn", "DBClusterIdentifier", "StorageEncrypted")
        }
    };
    DbSnapshot {
        kind,
        id: one.word(id),
        arn: one.word(arn),
        of: one.word(of),
        status: one.word("Status"),
        percent: number(one, "PercentProgress"),
        at: one.value("SnapshotCreateTime"),
        origin: one.word("SnapshotType"),
        engine: one.word("Engine"),
        engine_version: one.word("EngineVersion"),
        is_encrypted: is(one, is_encrypted).unwrap_or_default(),
        gibibytes: number(one, "AllocatedStorage"),
        tags: one.list("TagList").iter().map(|tag| (tag.word("Key"), tag.word("Value"))).collect(),
    }
}

pub(crate) async fn delete_snapshot(client: &Client, kind: DbKind, snapshot: &str) -> Called<()> {
    let called = match kind {
        DbKind::Instance => {
            client.query(Rds, "DeleteDBSnapshot", Fields::new().with("DBSnapshotIdentifier", snapshot)).await
        }
        DbKind::Cluster => {
            let fields = Fields::new().with("DBClusterSnapshotIdentifier", snapshot);
            client.query(Rds, "DeleteDBClusterSnapshot", fields).await
        }
    };
    absent(called, code_is(NO_SNAPSHOT)).map(drop)
}

pub(crate) async fn restore(client: &Client, request: &RestoreRequest) -> Called<()> {
    let fields = tagged(Fields::new(), &request.tags)
        .with("DBSubnetGroupName", &request.subnet_group)
        .with("DeletionProtection", if request.is_protected { "true" } else { "false" })
        .with("CopyTagsToSnapshot", "true");
    let fields = numbered(fields, "VpcSecurityGroupIds.VpcSecurityGroupId", &request.security_groups);
    let parameters = request.parameter_group.as_deref();
    match request.kind {
        DbKind::Instance => {
            let fields = fields
                .with("DBInstanceIdentifier", &request.into)
                .with("DBSnapshotIdentifier", &request.snapshot)
                .with("DBInstanceClass", &request.class)
                .with("PubliclyAccessible", "false")
                .maybe("CACertificateIdentifier", request.authority.as_deref())
                .maybe("DBParameterGroupName", parameters);
            client.query(Rds, "RestoreDBInstanceFromDBSnapshot", fields).await.map(drop)
        }
        DbKind::Cluster => {
            let fields = fields
                .with("DBClusterIdentifier", &request.into)
                .with("SnapshotIdentifier", &request.snapshot)
                .with("Engine", &request.engine)
                .maybe("DBClusterParameterGroupName", parameters);
            client.query(Rds, "RestoreDBClusterFromSnapshot", fields).await.map(drop)
        }
    }
}

pub(crate) async fn add_member(
    client: &Client,
    cluster: &str,
    member: &str,
    engine: &str,
    class: &str,
    authority: Option<&str>,
) -> Called<()> {
    let fields = Fields::new()
        .with("DBInstanceIdentifier", member)
        .with("DBClusterIdentifier", cluster)
        .with("Engine", engine)
        .with("DBInstanceClass", class)
        .with("PubliclyAccessible", "false")
        .maybe("CACertificateIdentifier", authority);
    client.query(Rds, "CreateDBInstance", fields).await.map(drop)
}

pub(crate) async fn keep_administrator(client: &Client, kind: DbKind, id: &str) -> Called<()> {
    let fields = Fields::new().with("ManageMasterUserPassword", "true").with("ApplyImmediately", "true");
    match kind {
        DbKind::Instance => {
            client.query(Rds, "ModifyDBInstance", fields.with("DBInstanceIdentifier", id)).await.map(drop)
        }
        DbKind::Cluster => client.query(Rds, "ModifyDBCluster", fields.with("DBClusterIdentifier", id)).await.map(drop),
    }
}

pub(crate) async fn engine_versions(
    client: &Client,
    engine: &str,
    version: Option<&str>,
) -> Called<Vec<DbEngineVersion>> {
    // Asked for by the engine alone: of what a part of a version selects, the reference says nothing.
    let found = client
        .entries(Rds, "DescribeDBEngineVersions", "DBEngineVersions", || Fields::new().with("Engine", engine))
        .await?;
    let is_wanted = |word: &str| {
        version
            .is_none_or(|wanted| word.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let texts = |one: &Element, list: &str| one.list(list).iter().map(|entry| entry.text.clone()).collect();
    Ok(found
        .iter()
        .filter(|one| is_wanted(&one.word("EngineVersion")))
        .map(|one| DbEngineVersion {
            engine: one.word("Engine"),
            version: one.word("EngineVersion"),
            family: one.word("DBParameterGroupFamily"),
            status: one.word("Status"),
            upgrades: one.list("ValidUpgradeTarget").iter().filter_map(|to| to.value("EngineVersion")).collect(),
            authorities: texts(one, "SupportedCACertificateIdentifiers"),
        })
        .collect())
}

pub(crate) async fn offers(client: &Client, engine: &str, version: &str, class: &str) -> Called<Vec<DbOffer>> {
    let fields = || {
        Fields::new()
            .with("Engine", engine)
            .with("EngineVersion", version)
            .with("DBInstanceClass", class)
            .with("Vpc", "true")
    };
    let found = client.entries(Rds, "DescribeOrderableDBInstanceOptions", "OrderableDBInstanceOptions", fields).await?;
    Ok(found
        .iter()
        .map(|one| DbOffer {
            class: one.word("DBInstanceClass"),
            version: one.word("EngineVersion"),
            zones: one.list("AvailabilityZones").iter().filter_map(|zone| zone.value("Name")).collect(),
            multi_az: is(one, "MultiAZCapable").unwrap_or_default(),
            storage: one.word("StorageType"),
        })
        .collect())
}

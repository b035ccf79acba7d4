//! RDS, as its query protocol says it.

use super::super::FakeAccount;
use super::super::requests::refusal;
use super::xml::{element, maybe, result, text};
use super::{Answer, unknown};
use stacks::account::{
    Account as _, CallError, CallErrorKind, Databases as _, DbEngineVersion, DbKind, DbOffer, DbServer, DbSnapshot,
    RestoreRequest,
};
use std::collections::BTreeMap;

/// A list whose entries have a name of their own.
fn named(name: &str, entry: &str, items: impl IntoIterator<Item = String>) -> String {
    let items: String = items.into_iter().map(|item| element(entry, &item)).collect();
    element(name, &items)
}

fn yes(name: &str, is: bool) -> String {
    text(name, if is { "true" } else { "false" })
}

pub(super) async fn answer(account: &FakeAccount, action: &str, fields: &BTreeMap<String, String>) -> Answer {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let several =
        |name: &str| (1..).map_while(|index| fields.get(&format!("{name}.{index}")).cloned()).collect::<Vec<_>>();
    let tags: Vec<(String, String)> = (1..)
        .map_while(|index| {
            let part = |part: &str| fields.get(&format!("Tags.Tag.{index}.{part}")).cloned();
            Some((part("Key")?, part("Value")?))
        })
        .collect();
    let kind = if action.contains("Cluster") { DbKind::Cluster } else { DbKind::Instance };
    let (server_id, snapshot_id) = match kind {
        DbKind::Instance => ("DBInstanceIdentifier", "DBSnapshotIdentifier"),
        DbKind::Cluster => ("DBClusterIdentifier", "DBClusterSnapshotIdentifier"),
    };
    let inside = match action {
        "DescribeDBInstances" | "DescribeDBClusters" => {
            let found = account.db_server(kind, field(server_id)).await?;
            let found = found.ok_or_else(|| absent(kind, "", field(server_id)))?;
            match kind {
                DbKind::Instance => named("DBInstances", "DBInstance", [instance(&found)]),
                DbKind::Cluster => named("DBClusters", "DBCluster", [cluster(&found)]),
            }
        }
        "CreateDBSnapshot" | "CreateDBClusterSnapshot" => {
            account.create_db_snapshot(kind, field(server_id), field(snapshot_id), &tags).await?;
            String::new()
        }
        "DescribeDBSnapshots" | "DescribeDBClusterSnapshots" => {
            let found = if field(snapshot_id).is_empty() && field(server_id).is_empty() {
                account.all_db_snapshots(kind).await?
            } else if field(snapshot_id).is_empty() {
                account.db_snapshots(kind, field(server_id)).await?
            } else {
                let found = account.db_snapshot(kind, field(snapshot_id)).await?;
                vec![found.ok_or_else(|| absent(kind, "Snapshot", field(snapshot_id)))?]
            };
            let (list, entry) = match kind {
                DbKind::Instance => ("DBSnapshots", "DBSnapshot"),
                DbKind::Cluster => ("DBClusterSnapshots", "DBClusterSnapshot"),
            };
            named(list, entry, found.iter().map(copy))
        }
        "DeleteDBSnapshot" | "DeleteDBClusterSnapshot" => {
            account.delete_db_snapshot(kind, field(snapshot_id)).await?;
            String::new()
        }
        "RestoreDBInstanceFromDBSnapshot" | "RestoreDBClusterFromSnapshot" => {
            let snapshot = if kind == DbKind::Instance { snapshot_id } else { "SnapshotIdentifier" };
            let parameters =
                if kind == DbKind::Instance { "DBParameterGroupName" } else { "DBClusterParameterGroupName" };
            let request = RestoreRequest {
                kind,
                snapshot: field(snapshot).to_owned(),
                into: field(server_id).to_owned(),
                engine: field("Engine").to_owned(),
                class: field("DBInstanceClass").to_owned(),
                subnet_group: field("DBSubnetGroupName").to_owned(),
                security_groups: several("VpcSecurityGroupIds.VpcSecurityGroupId"),
                parameter_group: fields.get(parameters).cloned(),
                authority: fields.get("CACertificateIdentifier").cloned(),
                is_protected: field("DeletionProtection") == "true",
                tags,
            };
            account.restore_db(&request).await?;
            String::new()
        }
        "CreateDBInstance" => {
            let (cluster, member) = (field("DBClusterIdentifier"), field("DBInstanceIdentifier"));
            let authority = fields.get("CACertificateIdentifier").map(String::as_str);
            account.add_db_member(cluster, member, field("Engine"), field("DBInstanceClass"), authority).await?;
            String::new()
        }
        "ModifyDBInstance" | "ModifyDBCluster" if field("ManageMasterUserPassword") == "true" => {
            account.keep_db_administrator(kind, field(server_id)).await?;
            String::new()
        }
        "ModifyDBInstance" | "ModifyDBCluster" => {
            account
                .unprotect(
                    if kind == DbKind::Instance { "AWS::RDS::DBInstance" } else { "AWS::RDS::DBCluster" },
                    field(server_id),
                )
                .await?;
            String::new()
        }
        "DescribeDBEngineVersions" => {
            let found = account.db_engine_versions(field("Engine"), None).await?;
            named("DBEngineVersions", "DBEngineVersion", found.iter().map(version))
        }
        "DescribeOrderableDBInstanceOptions" => {
            let found = account.db_offers(field("Engine"), field("EngineVersion"), field("DBInstanceClass")).await?;
            named("OrderableDBInstanceOptions", "OrderableDBInstanceOption", found.iter().map(offer))
        }
        _ => return Err(unknown("rds", action)),
    };
    Ok((200, "text/xml", result(action, &inside)))
}

fn absent(kind: DbKind, what: &str, id: &str) -> CallError {
    let (word, end) = match kind {
        DbKind::Instance => ("DB", if what.is_empty() { "InstanceNotFound" } else { "SnapshotNotFound" }),
        DbKind::Cluster => ("DBCluster", if what.is_empty() { "NotFoundFault" } else { "SnapshotNotFoundFault" }),
    };
    let code = format!("{word}{end}");
    refusal("rds:Describe", CallErrorKind::Refused, &code, format!("{id} not found."))
}

fn either(one: &DbServer) -> String {
    let secret = one.administrator_secret.as_ref().map(|secret| {
        element("MasterUserSecret", &(text("SecretArn", &secret.arn) + &text("SecretStatus", &secret.status)))
    });
    let group = |id: &String| text("VpcSecurityGroupId", id) + &text("Status", "active");
    text("Engine", &one.engine)
        + &text("EngineVersion", &one.engine_version)
        + &yes("StorageEncrypted", one.is_encrypted)
        + &yes("DeletionProtection", one.is_protected)
        + &text("MasterUsername", &one.administrator)
        + &secret.unwrap_or_default()
        + &text("BackupRetentionPeriod", &one.backup_days.to_string())
        + &maybe("LatestRestorableTime", one.restorable_until.as_deref())
        + &named("VpcSecurityGroups", "VpcSecurityGroupMembership", one.security_groups.iter().map(group))
}

fn instance(one: &DbServer) -> String {
    let endpoint = one.endpoint.as_ref().map(|endpoint| {
        element("Endpoint", &(text("Address", &endpoint.host) + &text("Port", &endpoint.port.to_string())))
    });
    let parameters = one
        .parameter_group
        .iter()
        .map(|(name, status)| text("DBParameterGroupName", name) + &text("ParameterApplyStatus", status));
    let subnets = one.subnet_group.as_ref().map(|name| element("DBSubnetGroup", &text("DBSubnetGroupName", name)));
    text("DBInstanceIdentifier", &one.id)
        + &text("DBInstanceArn", &one.arn)
        + &text("DBInstanceStatus", &one.status)
        + &maybe("DBInstanceClass", one.class.as_deref())
        + &endpoint.unwrap_or_default()
        + &yes("PubliclyAccessible", one.is_public == Some(true))
        + &maybe("CACertificateIdentifier", one.authority.as_deref())
        + &subnets.unwrap_or_default()
        + &named("DBParameterGroups", "DBParameterGroup", parameters)
        + &either(one)
}

fn cluster(one: &DbServer) -> String {
    let endpoint = one.endpoint.as_ref();
    let member = |(index, id): (usize, &String)| text("DBInstanceIdentifier", id) + &yes("IsClusterWriter", index == 0);
    text("DBClusterIdentifier", &one.id)
        + &text("DBClusterArn", &one.arn)
        + &text("Status", &one.status)
        + &maybe("Endpoint", endpoint.map(|endpoint| endpoint.host.as_str()))
        + &maybe("Port", endpoint.map(|endpoint| endpoint.port.to_string()).as_deref())
        + &maybe("DBSubnetGroup", one.subnet_group.as_deref())
        + &maybe("DBClusterParameterGroup", one.parameter_group.as_ref().map(|(name, _)| name.as_str()))
        + &named("DBClusterMembers", "DBClusterMember", one.members.iter().enumerate().map(member))
        + &either(one)
}

fn copy(one: &DbSnapshot) -> String {
    let (id, arn, of, encrypted) = match one.kind {
        DbKind::Instance => ("DBSnapshotIdentifier", "DBSnapshotArn", "DBInstanceIdentifier", "Encrypted"),
        DbKind::Cluster => {
            ("DBClusterSnapshotIdentifier", "DBClusterSnapshotArn", "DBClusterIdentifier", "StorageEncrypted")
        }
    };
    text(id, &one.id)
        + &text(arn, &one.arn)
        + &text(of, &one.of)
        + &text("Status", &one.status)
        + &text("PercentProgress", &one.percent.to_string())
        + &maybe("SnapshotCreateTime", one.at.as_deref())
        + &text("SnapshotType", &one.origin)
        + &text("Engine", &one.engine)
        + &text("EngineVersion", &one.engine_version)
        + &yes(encrypted, one.is_encrypted)
        + &text("AllocatedStorage", &one.gibibytes.to_string())
        + &named("TagList", "Tag", one.tags.iter().map(|(key, value)| text("Key", key) + &text("Value", value)))
}

fn version(one: &DbEngineVersion) -> String {
    text("Engine", &one.engine)
        + &text("EngineVersion", &one.version)
        + &text("DBParameterGroupFamily", &one.family)
        + &text("Status", &one.status)
        + &named("ValidUpgradeTarget", "UpgradeTarget", one.upgrades.iter().map(|to| text("EngineVersion", to)))
        + &named("SupportedCACertificateIdentifiers", "member", one.authorities.iter().cloned())
}

fn offer(one: &DbOffer) -> String {
    text("DBInstanceClass", &one.class)
        + &text("EngineVersion", &one.version)
        + &text("StorageType", &one.storage)
        + &yes("MultiAZCapable", one.multi_az)
        + &named("AvailabilityZones", "AvailabilityZone", one.zones.iter().map(|zone| text("Name", zone)))
}

//! A database server in an account: RDS or Aurora, in subnets that no way from the internet leads to or from.

mod access;
mod alarms;
mod parameters;
mod release;

use super::content::{self, Role};
use super::schema::DatabaseSize;
use super::valid::ValidDatabase;
use crate::aws_context::{AWS002, AWS007, AwsContext, DatabaseInAws, EgressInAws, NetworkInAws, list, object};
use model::cfn::types::{DbCluster, DbInstance, DbSubnetGroup, SecurityGroup};
use model::cfn::{DatabasePlace, Kind, Layer, Ref, ResourceType, Value};
use model::process_graph::{DATABASE_ADMINISTRATOR, NodeSpec, PortWish, SecretSpec};
use model::{NodeId, PortId};
use release::Release;

const LAYER: Layer = Layer::Data;
/// The disk that one gets who says none, in GiB: what RDS gives at least.
const SMALLEST_DISK: u64 = 20;
/// The disk grows by itself up to so many times what it was.
const GROWTH: u64 = 4;
/// Who signs the server's certificate, as of 2026-11: `rds-ca-2019` ended in 2024; of the three that are left this is the one that every
/// client can check. Source: "Using SSL/TLS to encrypt a connection to a DB instance" of the RDS user guide.
const AUTHORITY: &str = "rds-ca-rsa2048-g1";

/// Adds the server, its parameters and alarms, and a way to it for whoever changes what is in it.
pub(super) fn lower(valid: &ValidDatabase, cx: &mut AwsContext<'_>) {
    let Some(network) = cx.network() else { return };
    let server = NodeId::new(format!("{}/server", cx.name));
    if !can_stand(valid, &network, cx) {
        return;
    }
    let Some(release) = Release::of(valid, cx) else { return };
    passwords(cx);
    let subnets = cx.add::<DbSubnetGroup>(
        LAYER,
        "Subnets",
        &valid.at,
        object! {
            "DBSubnetGroupDescription": format!("Where {} stands: no way from the internet leads there", cx.name),
            "SubnetIds": Value::list(&network.isolated),
        },
    );
    let group = cx.group(LAYER, "Group", &valid.at, &format!("Database {}", cx.name), &network.vpc);
    let place = Place { subnets, group: group.clone(), port: port(valid) };
    let made = if valid.aurora { cluster(valid, &release, &place, cx) } else { instance(valid, &release, &place, cx) };
    for end in &made.ends {
        cx.aws.interfaces.push(end.clone());
    }
    let address = Value::attribute(&made.logical_id, "Endpoint.Address");
    cx.output(LAYER, "Address", format!("Where {} answers, inside of the network", cx.name), address.clone());
    cx.output(LAYER, "Port", "The port on which it listens", Value::text(place.port.to_string()));
    cx.output(
        LAYER,
        "Administrator",
        "The secret of the administrator, which RDS keeps",
        Value::attribute(&made.logical_id, "MasterUserSecret.SecretArn"),
    );
    let database = DatabaseInAws {
        component: cx.name.clone(),
        engine: valid.engine,
        server: server.clone(),
        group,
        ends: made.ends,
        authorities: valid.authorities.clone(),
        address,
        port: place.port,
        port_id: PortId::new(format!("{}/sql", cx.name)),
    };
    let output = |name: &str| format!("{}{name}", crate::aws_context::pascal(cx.name.as_str()));
    let place = DatabasePlace {
        component: cx.name.clone(),
        origin: valid.at.clone(),
        server,
        logical_id: made.logical_id,
        is_cluster: valid.aurora,
        port: place.port,
        address: output("Address"),
        administrator: output("Administrator"),
        through: String::new(),
        content: content::content(valid, &roles(valid, &network, cx)),
    };
    cx.export_database(database, place);
    access::add(valid, &network, cx);
}

/// Its roles. Whoever logs in comes from the network: a service from its hosts, a person through a host that leads there.
fn roles(valid: &ValidDatabase, network: &NetworkInAws, cx: &AwsContext<'_>) -> Vec<Role> {
    let mut roles = content::roles(valid, cx.name, cx.whole);
    if let Kind::Text(block) = &network.block.kind {
        for role in roles.iter_mut().filter(|role| role.declaration.sources.is_empty()) {
            role.declaration.sources = vec![block.clone()];
        }
    }
    roles
}

/// Whether the network has room for it; reports each reason why not.
fn can_stand(valid: &ValidDatabase, network: &NetworkInAws, cx: &mut AwsContext<'_>) -> bool {
    let before = cx.findings.error_count();
    let name = cx.name;
    if network.isolated.len() < 2 {
        let summary = format!("{name} needs subnets in two zones, the network has {}", network.isolated.len());
        cx.refuse(&AWS007, &network.at, summary, "write `zones: 2` at the network, or name two of its private subnets");
    }
    if usize::from(valid.zones) > network.isolated.len() {
        let (zones, have) = (valid.zones, network.isolated.len());
        let summary = format!("{name} wants to stand in {zones} zones, its network has {have}");
        cx.refuse(&AWS007, &valid.at.key("zones"), summary, "write as many `zones` at the network");
    }
    if valid.zones > 2 && !valid.aurora {
        let summary =
            format!("{name} wants to stand in {} zones, RDS keeps one standby, in a second zone", valid.zones);
        cx.refuse(
            &AWS007,
            &valid.at.key("zones"),
            summary,
            "write `zones: 2`, or `aurora: true` for a cluster of three",
        );
    }
    if matches!(network.egress, EgressInAws::Nothing) {
        let summary = format!("nobody could make the roles of {name}: its network reaches no service of AWS");
        cx.refuse(&AWS002, &valid.at, summary, "write `egress: endpoints` or `egress: nat` at the network");
    }
    cx.findings.error_count() == before
}

/// The port: the one that was wished for, since a server in an account is alone.
fn port(valid: &ValidDatabase) -> u16 {
    match valid.port {
        PortWish::Exactly(port) | PortWish::Preferably(port) => port,
        PortWish::Any => valid.engine.usual_port(),
    }
}

/// The passwords of its roles. The administrator's is RDS's own.
fn passwords(cx: &mut AwsContext<'_>) {
    let processes = cx.processes;
    let administrator = NodeId::new(format!("{}/administrator", cx.name));
    for (id, node) in processes.nodes.iter().filter(|(_, node)| node.component == *cx.name) {
        let NodeSpec::Secret(spec @ SecretSpec::Generated { .. }) = &node.spec else { continue };
        if *id == administrator {
            continue;
        }
        let part = id.as_str().trim_start_matches(cx.name.as_str()).trim_start_matches('/');
        let about = format!("{part} of {}", cx.name);
        cx.password(part, &node.origin, about, id, spec);
    }
}

/// Where a server stands.
struct Place {
    subnets: Ref<DbSubnetGroup>,
    group: Ref<SecurityGroup>,
    port: u16,
}

/// A server that was made.
struct Made {
    logical_id: String,
    ends: Vec<String>,
}

/// What servers and clusters say alike.
fn common(
    valid: &ValidDatabase,
    release: &Release,
    place: &Place,
    cx: &mut AwsContext<'_>,
) -> Vec<(&'static str, Value)> {
    let key = cx.key();
    let window = Window::from(valid.backups.at.as_str());
    let mut all = vec![
        ("Engine", Value::text(release.engine)),
        ("EngineVersion", Value::text(release.version.as_str())),
        ("MasterUsername", Value::text(DATABASE_ADMINISTRATOR)),
        ("ManageMasterUserPassword", Value::from(true)),
        ("MasterUserSecret", object! { "KmsKeyId": &key }),
        ("StorageEncrypted", Value::from(true)),
        ("KmsKeyId", key.value()),
        ("DBSubnetGroupName", place.subnets.value()),
        ("Port", Value::from(place.port)),
        ("DeletionProtection", Value::from(valid.deletion_protection)),
        ("BackupRetentionPeriod", Value::from(valid.backups.keep)),
        ("PreferredBackupWindow", Value::text(window.backups())),
        ("PreferredMaintenanceWindow", Value::text(window.maintenance())),
        ("CopyTagsToSnapshot", Value::from(true)),
        ("EnableCloudwatchLogsExports", Value::list(release.logs.iter().copied())),
        // People and programs log in with roles of their own: one way to get in is enough.
        ("EnableIAMDatabaseAuthentication", Value::from(false)),
        ("NetworkType", Value::text("IPV4")),
    ];
    if release.has_extended_support {
        // Past its support RDS brings it up to date instead of charging for every hour.
        all.push(("EngineLifecycleSupport", Value::text("open-source-rds-extended-support-disabled")));
    }
    all
}

fn map(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::new(Kind::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// Linters want a release with all its numbers. RDS takes the newest of a series and keeps it up to date; another number here would be
/// older than what runs.
fn series_of_releases<T: ResourceType>(of: &Ref<T>, cx: &mut AwsContext<'_>) {
    let config = object! { "config": object! { "ignore_checks": list!["E3691", "W3691"] } };
    cx.set(of, "Metadata", object! { "cfn-lint": config });
}

/// Losing it leaves a copy of what is in it.
fn keep_a_copy<T: ResourceType>(of: &Ref<T>, cx: &mut AwsContext<'_>) {
    cx.set(of, "DeletionPolicy", Value::text("Snapshot"));
    cx.set(of, "UpdateReplacePolicy", Value::text("Snapshot"));
}

/// A server of its own; with a standby when it is to stand in several zones.
fn instance(valid: &ValidDatabase, release: &Release, place: &Place, cx: &mut AwsContext<'_>) -> Made {
    let parameters = parameters::of_instance(valid, release, cx);
    let disk = valid.storage.map_or(SMALLEST_DISK, |size| size.bytes().div_ceil(1 << 30)).max(SMALLEST_DISK);
    let mut entries = common(valid, release, place, cx);
    entries.extend([
        ("DBInstanceClass", Value::text(class(valid))),
        ("DBParameterGroupName", parameters.value()),
        ("VPCSecurityGroups", list![&place.group]),
        ("PubliclyAccessible", Value::from(false)),
        ("CACertificateIdentifier", Value::text(AUTHORITY)),
        ("MultiAZ", Value::from(valid.zones > 1)),
        ("StorageType", Value::text("gp3")),
        ("AllocatedStorage", Value::text(disk.to_string())),
        ("MaxAllocatedStorage", Value::from(disk.saturating_mul(GROWTH).min(65_536))),
        ("AutoMinorVersionUpgrade", Value::from(true)),
        ("DeleteAutomatedBackups", Value::from(false)),
    ]);
    let server = cx.add::<DbInstance>(LAYER, "Server", &valid.at, map(entries));
    keep_a_copy(&server, cx);
    series_of_releases(&server, cx);
    let id = server.logical_id().unwrap_or_default().to_owned();
    alarms::of_server(valid, &server, disk, class(valid), cx);
    Made { ends: vec![id.clone()], logical_id: id }
}

/// An Aurora cluster: storage in three zones, and as many servers as zones are wanted.
fn cluster(valid: &ValidDatabase, release: &Release, place: &Place, cx: &mut AwsContext<'_>) -> Made {
    let parameters = parameters::of_cluster(valid, release, cx);
    let mut entries = common(valid, release, place, cx);
    entries.extend([
        ("DBClusterParameterGroupName", parameters.value()),
        ("VpcSecurityGroupIds", list![&place.group]),
        ("StorageType", Value::text("aurora")),
    ]);
    let cluster = cx.add::<DbCluster>(LAYER, "Cluster", &valid.at, map(entries));
    keep_a_copy(&cluster, cx);
    series_of_releases(&cluster, cx);
    let cluster_id = cluster.logical_id().unwrap_or_default().to_owned();
    let mut ends = vec![cluster_id.clone()];
    for number in 1..=valid.zones {
        let member = object! {
            "DBClusterIdentifier": &cluster,
            "Engine": release.engine,
            "DBInstanceClass": class(valid),
            "DBSubnetGroupName": &place.subnets,
            "PubliclyAccessible": false,
            "CACertificateIdentifier": AUTHORITY,
            "AutoMinorVersionUpgrade": true,
            "PromotionTier": number - 1,
        };
        let server = cx.add::<DbInstance>(LAYER, &format!("Server{number}"), &valid.at.key("zones"), member);
        alarms::of_member(valid, &server, class(valid), cx);
        ends.extend(server.logical_id().map(str::to_owned));
    }
    Made { logical_id: cluster_id, ends }
}

/// The machine. Aurora has none with less than 4 GiB.
fn class(valid: &ValidDatabase) -> &'static str {
    match (valid.size, valid.aurora) {
        (DatabaseSize::Small, false) => "db.t4g.small",
        (DatabaseSize::Small, true) | (DatabaseSize::Medium, _) => "db.t4g.medium",
        (DatabaseSize::Large, _) => "db.t4g.large",
    }
}

/// When AWS copies and mends, in UTC: backups for half an hour from the wished time on, mending on Sundays an hour later.
struct Window {
    minutes: u32,
}

impl From<&str> for Window {
    fn from(text: &str) -> Self {
        let (hours, minutes) = text.split_once(':').unwrap_or(("3", "0"));
        Self { minutes: hours.parse().unwrap_or(3) * 60 + minutes.parse().unwrap_or(0) }
    }
}

impl Window {
    const DAY: u32 = 24 * 60;

    fn time(minutes: u32) -> String {
        let minutes = minutes % Self::DAY;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    fn backups(&self) -> String {
        format!("{}-{}", Self::time(self.minutes), Self::time(self.minutes + 30))
    }

    fn maintenance(&self) -> String {
        let day = |minutes: u32| if minutes >= Self::DAY { "mon" } else { "sun" };
        let (from, to) = (self.minutes + 60, self.minutes + 120);
        format!("{}:{}-{}:{}", day(from), Self::time(from), day(to), Self::time(to))
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn windows_go_over_midnight() {
        let window = Window::from("03:00");
        assert_eq!((window.backups(), window.maintenance()), ("03:00-03:30".into(), "sun:04:00-sun:05:00".into()));
        let window = Window::from("22:45");
        assert_eq!((window.backups(), window.maintenance()), ("22:45-23:15".into(), "sun:23:45-mon:00:45".into()));
        let window = Window::from("23:50");
        assert_eq!((window.backups(), window.maintenance()), ("23:50-00:20".into(), "mon:00:50-mon:01:50".into()));
    }
}

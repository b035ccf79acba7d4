//! When somebody should look at a server.

use super::super::valid::ValidDatabase;
use super::LAYER;
use crate::aws_context::{AlarmSpec, AwsContext};
use model::cfn::Ref;
use model::cfn::types::DbInstance;

/// How many connections a machine takes: RDS gives one for each so many bytes of memory, 12582880 for MySQL and 9531392 for
/// PostgreSQL; the smaller number is taken. Source: "Quotas and constraints" of the RDS user guide, as of 2026-11.
const CONNECTIONS: &[(&str, u32)] = &[("db.t4g.small", 150), ("db.t4g.medium", 320), ("db.t4g.large", 650)];
/// What of them may be used before somebody is told, in percent.
const FULL: u32 = 80;

fn metric<'a>(server: &Ref<DbInstance>, metric: &'a str, about: String) -> AlarmSpec<'a> {
    AlarmSpec {
        about,
        namespace: "AWS/RDS",
        metric,
        dimensions: vec![("DBInstanceIdentifier", server.value())],
        statistic: "Average",
        period_seconds: 300,
        periods: 3,
        threshold: 0,
        comparison: "GreaterThanThreshold",
    }
}

/// The alarms of a server of its own.
pub(super) fn of_server(
    valid: &ValidDatabase,
    server: &Ref<DbInstance>,
    disk: u64,
    class: &str,
    cx: &mut AwsContext<'_>,
) {
    let about = format!("The disk of {} is nearly full, and grew as far as it may: raise `storage`", cx.name);
    // A tenth of the disk as it was made; it grows when less is left, if it still may.
    let tenth = u32::try_from((disk << 30) / 10).unwrap_or(u32::MAX);
    let alarm = AlarmSpec {
        threshold: tenth,
        statistic: "Minimum",
        comparison: "LessThanThreshold",
        ..metric(server, "FreeStorageSpace", about)
    };
    cx.alarm(LAYER, "DiskFull", &valid.at.key("storage"), &alarm);
    of_member(valid, server, class, cx);
}

/// The alarms of every server, also of those that stand in a cluster.
pub(super) fn of_member(valid: &ValidDatabase, server: &Ref<DbInstance>, class: &str, cx: &mut AwsContext<'_>) {
    let id = server.logical_id().unwrap_or_default();
    let own = crate::aws_context::pascal(cx.name.as_str());
    let part = |what: &str| format!("{}{what}", id.strip_prefix(&own).unwrap_or(id));
    let about = format!("{} has been busy for a quarter of an hour: a larger `size`, or better queries", cx.name);
    let alarm = AlarmSpec { threshold: 90, ..metric(server, "CPUUtilization", about) };
    cx.alarm(LAYER, &part("Busy"), &valid.at.key("size"), &alarm);
    let most = CONNECTIONS.iter().find(|(known, _)| *known == class).map_or(100, |(_, most)| *most);
    let about =
        format!("{} has nearly as many connections as it takes: fewer `connections`, or a larger `size`", cx.name);
    let alarm = AlarmSpec {
        threshold: most * FULL / 100,
        statistic: "Maximum",
        ..metric(server, "DatabaseConnections", about)
    };
    cx.alarm(LAYER, &part("Connections"), &valid.at.key("size"), &alarm);
}

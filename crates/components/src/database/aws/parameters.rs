//! What a server is told: TLS for everybody, no statement in a log.

use super::super::valid::ValidDatabase;
use super::LAYER;
use super::release::Release;
use crate::aws_context::{AwsContext, object};
use model::cfn::types::{DbClusterParameterGroup, DbParameterGroup};
use model::cfn::{Ref, Value};
use model::database::Engine;

/// For MySQL and MariaDB.
const MYSQL: &[(&str, &str)] = &[
    ("general_log", "0"),
    ("local_infile", "0"),
    // Where there are backups there is a binary log, and then only who may do everything makes triggers and routines (error 1419): on RDS
    // nobody may. Sources: MySQL's manual, "Stored Program Binary Logging"; RDS's and Aurora's parameters of MySQL; MariaDB's variable
    // of the same name, 2026-11.
    ("log_bin_trust_function_creators", "1"),
    ("require_secure_transport", "1"),
    // Slow statements would be written down with what is in them.
    ("slow_query_log", "0"),
    ("tls_version", "TLSv1.2,TLSv1.3"),
];
/// For PostgreSQL.
const POSTGRES: &[(&str, &str)] = &[
    ("log_connections", "1"),
    ("log_disconnections", "1"),
    ("log_min_duration_statement", "-1"),
    // A statement that fails would be written down, and with it a password's verifier.
    ("log_min_error_statement", "panic"),
    ("log_statement", "none"),
    ("password_encryption", "scram-sha-256"),
    ("rds.accepted_password_auth_method", "scram"),
    ("rds.force_ssl", "1"),
    ("ssl_min_protocol_version", "TLSv1.2"),
];
/// What is no parameter of Aurora's clusters.
const NOT_OF_CLUSTERS: &[&str] = &["log_connections", "log_disconnections"];

fn parameters(valid: &ValidDatabase) -> &'static [(&'static str, &'static str)] {
    match valid.engine {
        Engine::Mysql | Engine::Mariadb => MYSQL,
        Engine::Postgres => POSTGRES,
    }
}

/// The parameters of a server.
pub(super) fn of_instance(valid: &ValidDatabase, release: &Release, cx: &mut AwsContext<'_>) -> Ref<DbParameterGroup> {
    let properties = properties(parameters(valid).iter().copied(), release, cx);
    cx.add::<DbParameterGroup>(LAYER, "Parameters", &valid.at.key("version"), properties)
}

/// The parameters of a cluster.
pub(super) fn of_cluster(
    valid: &ValidDatabase,
    release: &Release,
    cx: &mut AwsContext<'_>,
) -> Ref<DbClusterParameterGroup> {
    let all = parameters(valid).iter().copied().filter(|(name, _)| !NOT_OF_CLUSTERS.contains(name));
    let properties = properties(all, release, cx);
    cx.add::<DbClusterParameterGroup>(LAYER, "Parameters", &valid.at.key("version"), properties)
}

fn properties(
    all: impl Iterator<Item = (&'static str, &'static str)>,
    release: &Release,
    cx: &AwsContext<'_>,
) -> Value {
    object! {
        "Description": format!("{}: TLS for everybody, no statement in a log", cx.name),
        "Family": release.family.as_str(),
        "Parameters": Value::map(all.map(|(name, value)| (name, Value::text(value)))),
    }
}

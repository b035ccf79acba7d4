//! What RDS calls an engine and its release.

use super::super::valid::ValidDatabase;
use crate::aws_context::{AWS008, AwsContext};
use model::database::Engine;

/// An engine and its release in the words of RDS.
pub(super) struct Release {
    pub(super) engine: &'static str,
    pub(super) version: String,
    /// The family of its parameters.
    pub(super) family: String,
    /// The logs that go to CloudWatch: those in which no statement stands.
    pub(super) logs: &'static [&'static str],
    /// Whether RDS would go on with it for money when its support is over.
    pub(super) has_extended_support: bool,
}

impl Release {
    /// The release that a manifest wants. Aurora has its own selection.
    pub(super) fn of(valid: &ValidDatabase, cx: &mut AwsContext<'_>) -> Option<Self> {
        let at = valid.at.key("aurora");
        let version = valid.version.clone();
        let of = |engine, family: String, logs| {
            let has_extended_support = engine != "mariadb";
            Some(Self { engine, version: version.clone(), family, logs, has_extended_support })
        };
        let series = valid.version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let major = valid.version.split('.').next().unwrap_or_default();
        match (valid.engine, valid.aurora) {
            (Engine::Mysql, false) => of("mysql", format!("mysql{series}"), &["error"]),
            (Engine::Mariadb, false) => of("mariadb", format!("mariadb{series}"), &["error"]),
            (Engine::Postgres, false) => of("postgres", format!("postgres{major}"), &["postgresql", "upgrade"]),
            (Engine::Postgres, true) => of("aurora-postgresql", format!("aurora-postgresql{major}"), &["postgresql"]),
            (Engine::Mysql, true) => of("aurora-mysql", format!("aurora-mysql{series}"), &["error"]),
            (Engine::Mariadb, true) => {
                let summary = format!("{} is MariaDB, and there is no Aurora for it", cx.name);
                cx.refuse(&AWS008, &at, summary, "write `engine: mysql`, or leave `aurora` out");
                None
            }
        }
    }
}

//! The engines' releases: which there are, until when they are supported. A dated table, see `engines.json`.

use model::database::Engine;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Debug, Deserialize)]
struct Table {
    as_of: String,
    extended_support: ExtendedSupport,
    extensions: Vec<String>,
    engines: Vec<Family>,
}

#[derive(Debug, Deserialize)]
struct ExtendedSupport {
    dollars_per_vcpu_hour: String,
    engines: Vec<Engine>,
}

#[derive(Debug, Deserialize)]
struct Family {
    engine: Engine,
    minimum_here: String,
    usual: String,
    /// The oldest first.
    releases: Vec<Release>,
}

/// A release of an engine.
#[derive(Debug, Deserialize)]
pub(super) struct Release {
    /// As `8.4` or `16`.
    pub(super) version: String,
    /// The last day of standard support in RDS.
    pub(super) rds_ends: String,
}

/// How long a release is supported.
pub(super) enum Lifecycle {
    /// Nothing is known of it.
    Unknown,
    /// For more than a year.
    Supported,
    /// Until a day within a year.
    Ending { release: &'static Release, cost: String },
    /// No more.
    Ended { release: &'static Release, cost: String },
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("engines.json")).expect("the table is tested"));

fn family(engine: Engine) -> &'static Family {
    TABLE.engines.iter().find(|family| family.engine == engine).expect("every engine is in the table")
}

/// The day of the table.
pub(super) fn as_of() -> &'static str {
    &TABLE.as_of
}

/// The extensions of PostgreSQL that are known.
pub(super) fn extensions() -> &'static [String] {
    &TABLE.extensions
}

/// The oldest release that will do on this machine.
pub(super) fn minimum_here(engine: Engine) -> &'static str {
    &family(engine).minimum_here
}

/// The release that one gets who says none.
pub(super) fn usual(engine: Engine) -> &'static str {
    &family(engine).usual
}

/// The releases that are supported on a day, as `2026-11-20`.
pub(super) fn supported(engine: Engine, today: &str) -> Vec<&'static str> {
    let releases = family(engine).releases.iter();
    releases.filter(|release| release.rds_ends.as_str() >= today).map(|release| release.version.as_str()).collect()
}

/// How long a release is supported, seen from a day as `2026-11-20`.
pub(super) fn lifecycle(engine: Engine, version: &str, today: &str) -> Lifecycle {
    let Some(release) = family(engine).releases.iter().find(|release| release.version == version) else {
        return Lifecycle::Unknown;
    };
    let cost = if TABLE.extended_support.engines.contains(&engine) {
        format!("RDS charges {} dollars for each vCPU and hour", TABLE.extended_support.dollars_per_vcpu_hour)
    } else {
        "RDS moves it to the next release by force".to_owned()
    };
    // Dates of this form are in the order of their texts.
    if release.rds_ends.as_str() < today {
        Lifecycle::Ended { release, cost }
    } else if release.rds_ends <= a_year_after(today) {
        Lifecycle::Ending { release, cost }
    } else {
        Lifecycle::Supported
    }
}

fn a_year_after(day: &str) -> String {
    let (year, rest) = day.split_at(day.len().min(4));
    year.parse::<u32>().map_or_else(|_| String::new(), |year| format!("{:04}{rest}", year + 1))
}

#[cfg(test)]
mod tests {
    use super::{Lifecycle, TABLE, lifecycle, usual};
    use model::database::Engine;

    fn word(engine: Engine, version: &str, today: &str) -> &'static str {
        match lifecycle(engine, version, today) {
            Lifecycle::Unknown => "unknown",
            Lifecycle::Supported => "supported",
            Lifecycle::Ending { .. } => "ending",
            Lifecycle::Ended { .. } => "ended",
        }
    }

    #[test]
    fn the_last_day_still_counts() {
        let day = |today| word(Engine::Mysql, "8.0", today);
        assert_eq!(
            [day("2025-07-30"), day("2025-07-31"), day("2026-07-31"), day("2026-08-01")],
            ["supported", "ending", "ending", "ended"]
        );
        assert_eq!(word(Engine::Mysql, "8", "2026-11-20"), "unknown");
        assert_eq!(word(Engine::Mariadb, "10.6", "2026-11-20"), "ended");
    }

    #[test]
    fn the_table_has_dates_and_a_usual_release_for_every_engine() {
        let is_date = |text: &str| {
            text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == (at == 4 || at == 7))
        };
        assert!(is_date(&TABLE.as_of));
        for engine in [Engine::Mysql, Engine::Mariadb, Engine::Postgres] {
            assert_eq!(word(engine, usual(engine), &TABLE.as_of), "supported", "{engine}");
        }
        for release in TABLE.engines.iter().flat_map(|family| &family.releases) {
            assert!(is_date(&release.rds_ends), "{release:?}");
        }
        assert!(TABLE.extensions.is_sorted());
    }
}

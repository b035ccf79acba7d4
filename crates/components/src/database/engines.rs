//! The engines' releases: which there are, until when they are supported. A dated table, see `engines.json`.

use model::database::Engine;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Debug, Deserialize)]
struct Table {
    engines: Vec<Family>,
}

#[derive(Debug, Deserialize)]
struct Family {
    engine: Engine,
    minimum_here: String,
    usual: String,
    releases: Vec<Release>,
}

/// A release of an engine.
#[derive(Debug, Deserialize)]
pub(super) struct Release {
    /// As `8.4` or `16`.
    pub(super) version: String,
    /// The last day of standard support in RDS, where AWS offers it or did.
    pub(super) rds_ends: Option<String>,
    /// The last day on which its makers fix it.
    pub(super) makers_end: Option<String>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("engines.json")).expect("the table is tested"));

fn family(engine: Engine) -> &'static Family {
    TABLE.engines.iter().find(|family| family.engine == engine).expect("every engine is in the table")
}

/// The oldest release that will do on this machine.
pub(super) fn minimum_here(engine: Engine) -> &'static str {
    &family(engine).minimum_here
}

/// The release that one gets who says none.
pub(super) fn usual(engine: Engine) -> &'static str {
    &family(engine).usual
}

/// The known releases, the oldest first.
pub(super) fn releases(engine: Engine) -> &'static [Release] {
    &family(engine).releases
}

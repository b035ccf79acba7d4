//! From what was said of a database server to what makes sense.

use super::schema::{DatabaseSpec, DatabasesSaid, GrantsSaid};
use super::valid::{Backups, PersonGrants, ValidDatabase};
use crate::context::ValidationContext;
use crate::said::PortSaid;
use indexmap::IndexMap;
use model::Findings;
use model::database::{DatabaseDeclaration, GrantLevel};
use model::process_graph::PortWish;

/// Checks a database server. Reports everything that is wrong.
pub(super) fn validate(
    spec: DatabaseSpec,
    cx: &ValidationContext<'_>,
    _findings: &mut Findings,
) -> Option<ValidDatabase> {
    let engine = spec.engine.engine();
    let databases: IndexMap<String, DatabaseDeclaration> = match spec.databases {
        DatabasesSaid::Names(names) => names.into_iter().map(|name| (name, DatabaseDeclaration::default())).collect(),
        DatabasesSaid::Mapping(said) => said.into_keys().map(|name| (name, DatabaseDeclaration::default())).collect(),
    };
    let mut people: IndexMap<String, PersonGrants> = IndexMap::new();
    for (role, said) in spec.people {
        let grants: IndexMap<String, GrantLevel> = match said {
            GrantsSaid::Everywhere(word) => databases.keys().map(|name| (name.clone(), word.level())).collect(),
            GrantsSaid::ByDatabase(said) => said.into_iter().map(|(name, word)| (name, word.level())).collect(),
        };
        for person in crate::people::with_roles(cx.people, std::slice::from_ref(&role)) {
            let at = cx.at.key("people").key(&role);
            let entry = people.entry(person.to_owned()).or_insert(PersonGrants { grants: IndexMap::new(), at });
            for (database, level) in &grants {
                let known = entry.grants.entry(database.clone()).or_insert(*level);
                *known = (*known).max(*level);
            }
        }
    }
    Some(ValidDatabase {
        engine,
        version: spec.version.unwrap_or_else(|| super::engines::usual(engine).to_owned()),
        size: spec.size,
        port: spec.port.map_or(PortWish::Preferably(engine.usual_port()), PortSaid::wish),
        databases,
        people,
        backups: Backups { keep: spec.backups.keep, at: spec.backups.at },
        aurora: spec.aurora,
        zones: spec.zones,
        deletion_protection: spec.deletion_protection,
        storage: spec.storage,
        at: cx.at.clone(),
    })
}

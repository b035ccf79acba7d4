//! Who uses a database names one that is there, under a name that it can have.

use super::{Facts, TOG005, TOG006, TOG009};
use crate::database_use::{DatabaseFacts, DatabaseUse, RoleWanted};
use crate::said::{nearest, report, report_key};
use indexmap::IndexMap;
use model::database::Engine;
use model::{ComponentName, Finding, Findings, ManifestPath, Place};

/// Names of roles that servers have for themselves.
const TAKEN: &[&str] = &["admin", "mariadb", "mysql", "none", "postgres", "public", "rdsadmin", "rdsrepladmin", "root"];

pub(super) fn check(facts: &IndexMap<&ComponentName, Facts>, findings: &mut Findings) {
    for (name, own) in facts {
        for said in &own.uses {
            let Some(holds) = facts.get(&said.component).and_then(|other| other.holds.as_ref()) else { continue };
            check_use(said, holds, findings);
        }
        for (to, at) in &own.of_databases {
            if facts.get(to).is_some_and(|other| other.holds.is_none()) {
                let summary = format!("{to} is no database, so this limits nobody");
                let help = format!("remove it, or lead {name} to a database");
                report_key(findings, &TOG009, at, summary, help);
            }
        }
        if let Some(holds) = &own.holds {
            check_roles(name, holds, facts, findings);
        }
    }
}

fn check_use(said: &DatabaseUse, holds: &DatabaseFacts, findings: &mut Findings) {
    let names: Vec<&str> = holds.databases.iter().map(String::as_str).collect();
    let server = &said.component;
    match &said.database {
        None if names.len() > 1 => {
            let summary = format!("{server} has {} databases: {}", names.len(), names.join(", "));
            let help = format!("say which one: `database: {}`", names[0]);
            report_key(findings, &TOG005, &said.at, summary, help);
        }
        Some(database) if !names.contains(&database.as_str()) => {
            let at = said.at.key("database");
            let help = match nearest(database, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("{server} has {}; add it there under `databases`", names.join(", ")),
            };
            report(findings, &TOG005, &at, format!("{server} has no database `{database}`"), help);
        }
        _ => {}
    }
}

fn check_roles(
    server: &ComponentName,
    holds: &DatabaseFacts,
    facts: &IndexMap<&ComponentName, Facts>,
    findings: &mut Findings,
) {
    let users = facts.values().flat_map(|own| &own.uses).filter(|said| said.component == *server);
    let wanted = users.map(|said| RoleWanted { name: said.by.to_string(), at: said.at.clone(), is_person: false });
    let mut known: IndexMap<String, ManifestPath> = IndexMap::new();
    for role in wanted.chain(holds.people.iter().cloned()) {
        let RoleWanted { name, at, is_person } = &role;
        if let Some(problem) = problem(name, holds.engine) {
            let who = if *is_person { "the person" } else { "the component" };
            let help = format!("take another name for {who} `{name}`");
            report_key(findings, &TOG006, at, format!("`{name}` cannot be a role in {server}: {problem}"), help);
        }
        if let Some(first) = known.get(name) {
            let summary = format!("in {server}, `{name}` would be both a component's role and a person's");
            let finding = Finding::new(&TOG006, Place::Key(at.clone()), summary)
                .related(Place::Key(first.clone()), "the component uses it here");
            findings.push(finding.help("rename the component or the person"));
        }
        known.insert(name.clone(), at.clone());
    }
}

fn problem(name: &str, engine: Engine) -> Option<String> {
    // Two are for `_b`, the second login while a password is replaced.
    let longest = if engine.speaks_mysql() { 30 } else { 61 };
    if name.len() > longest {
        return Some(format!("{engine} takes at most {longest} characters, this has {}", name.len()));
    }
    TAKEN.contains(&name).then(|| "the server has a role of that name for itself".to_owned())
}

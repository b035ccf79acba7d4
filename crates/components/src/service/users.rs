//! Who logs in to a service.

use super::codes::{SVC012, SVC013};
use super::schema::UsersSpec;
use super::valid::{ValidUser, ValidUsers};
use crate::context::ValidationContext;
use crate::people::with_roles;
use crate::said::report;
use crate::together::RoleNamed;
use model::process_graph::SecretRecipe;
use model::{Finding, Findings, ManifestPath, Place};
use std::collections::BTreeMap;

/// Checks the users of a service.
pub(super) fn validate(
    said: UsersSpec,
    at: &ManifestPath,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<ValidUsers> {
    let before = findings.error_count();
    if said.names.is_empty() && said.people.is_empty() {
        let help = "name one, as `names: [analyst]`, or a role of people, as `people: [admin]`, or remove `users`";
        report(findings, &SVC012, &at.key("names"), "nobody could log in: there is no user", help);
    }
    let mut all: Vec<ValidUser> = Vec::new();
    for (index, name) in said.names.iter().enumerate() {
        let place = at.key("names").index(index);
        let fits = (1..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !fits {
            let help = "use letters, digits, `.`, `_` and `-`, beginning with a letter or digit";
            report(findings, &SVC012, &place, format!("`{name}` cannot be the name of a user"), help);
        }
        all.push(ValidUser { name: name.clone(), roles: Vec::new(), at: place });
    }
    for person in with_roles(cx.people, &said.people) {
        let roles = cx.people[person].roles.clone();
        let named = said.people.iter().position(|role| roles.contains(role)).unwrap_or_default();
        all.push(ValidUser { name: person.to_owned(), roles, at: at.key("people").index(named) });
    }
    let mut seen: BTreeMap<String, ManifestPath> = BTreeMap::new();
    for ValidUser { name, at: place, .. } in &all {
        if let Some(first) = seen.get(&name.to_lowercase()) {
            let finding =
                Finding::new(&SVC012, Place::Value(place.clone()), format!("the user `{name}` is there already"))
                    .help("servers compare names without regard to case; keep one of them")
                    .related(Place::Value(first.clone()), "first named here");
            findings.push(finding);
        } else {
            seen.insert(name.to_lowercase(), place.clone());
        }
    }
    let recipe = said.password.recipe(&at.key("password"), findings);
    if let Some(SecretRecipe::Password { alphabet, .. }) = &recipe
        && let Some(bad) = alphabet.chars().find(|c| ":\"'\\".contains(*c))
    {
        let place = at.key("password").key("alphabet");
        let summary = format!("a password with `{bad}` locks its user out");
        report(findings, &SVC013, &place, summary, "write `alphabet: url-safe`");
    }
    let named = said.people.iter().enumerate();
    let roles = named.map(|(index, role)| RoleNamed { role: role.clone(), at: at.key("people").index(index) });
    let valid = ValidUsers { all, roles: roles.collect(), recipe: recipe?, generation: said.generation };
    (findings.error_count() == before).then_some(valid)
}

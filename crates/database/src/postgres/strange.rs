//! What a PostgreSQL server has that nobody asked for.

use super::difference::is_looked_at;
use super::rights::{KINDS, WRITERS_OF_LARGE_OBJECTS, plural, wanted_defaults};
use super::state::{ObjectGrant, State};
use super::{LEVELS, LOADER, grantee, group, name};
use crate::observed::Strange;
use model::database::{DatabaseContent, GrantLevel};
use std::collections::{BTreeMap, BTreeSet};

/// Something that a managed role, or everybody, was given by hand inside a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stray {
    /// Empty means everybody.
    pub(super) to: String,
    pub(super) what: String,
    pub(super) owner: String,
    pub(super) statements: Vec<String>,
}

impl State {
    /// Grants inside a database that are neither the groups' own nor the owner's.
    pub(super) fn strays(&self, content: &DatabaseContent, database: &str) -> Vec<Stray> {
        let Some(inside) = self.inside(database) else { return Vec::new() };
        let mut found: BTreeMap<(&str, &str, &str, &str), Vec<&str>> = BTreeMap::new();
        for grant in inside.grants.iter().filter(|grant| !is_fine(database, grant)) {
            let key = (grant.to.as_str(), grant.kind.as_str(), grant.object.as_str(), grant.owner.as_str());
            found.entry(key).or_default().push(&grant.privilege);
        }
        let objects = found.into_iter().map(|((to, kind, object, owner), privileges)| {
            let statements = match kind {
                "COLUMN" => privileges
                    .iter()
                    .map(|privilege| format!("REVOKE {privilege} {object} FROM {} CASCADE;", grantee(to)))
                    .collect(),
                _ => vec![format!("REVOKE {} ON {kind} {object} FROM {} CASCADE;", privileges.join(", "), grantee(to))],
            };
            let what = match kind {
                "COLUMN" => format!("{} {object}", privileges.join(", ")),
                _ => format!("{} on {} {object}", privileges.join(", "), kind.to_lowercase()),
            };
            Stray { to: to.to_owned(), what, owner: owner.to_owned(), statements }
        });
        // What a group has as it should, but may give on.
        let given_on = inside.grants.iter().filter(|grant| grant.may_give && is_fine(database, grant)).map(|grant| {
            let on = format!("{} ON {} {}", grant.privilege, grant.kind, grant.object);
            Stray {
                to: grant.to.clone(),
                what: format!(
                    "the right to give on {} on {} {}",
                    grant.privilege,
                    grant.kind.to_lowercase(),
                    grant.object
                ),
                owner: grant.owner.clone(),
                statements: vec![format!("REVOKE GRANT OPTION FOR {on} FROM {} CASCADE;", grantee(&grant.to))],
            }
        });
        objects.chain(given_on).chain(self.default_strays(content, database)).collect()
    }

    fn default_strays(&self, content: &DatabaseContent, database: &str) -> Vec<Stray> {
        let Some(inside) = self.inside(database) else { return Vec::new() };
        let managed = self.managed_names(content);
        let owners = group(database, GrantLevel::Owner);
        let wanted: BTreeSet<(&str, String, &str)> = wanted_defaults(database)
            .into_iter()
            .flat_map(|(kind, who, privileges)| privileges.iter().map(move |one| (kind.letter, who.clone(), *one)))
            .collect();
        let mut found: BTreeMap<(&str, &str, &str, &str), Vec<&str>> = BTreeMap::new();
        for (whose, schema, letter, to, privilege) in &inside.defaults {
            let is_ours = managed.contains(to) || (to.is_empty() && is_looked_at(letter));
            let is_wanted = *whose == owners
                && schema.is_empty()
                && wanted.contains(&(letter.as_str(), to.clone(), privilege.as_str()));
            if is_ours && !is_wanted {
                found.entry((whose, schema, letter, to)).or_default().push(privilege);
            }
        }
        let stray = |((whose, schema, letter, to), privileges): ((&str, &str, &str, &str), Vec<&str>)| {
            let place = if schema.is_empty() { String::new() } else { format!(" IN SCHEMA {}", name(schema)) };
            let (rights, kind) = (privileges.join(", "), plural(letter));
            Stray {
                to: to.to_owned(),
                what: format!("{rights} on future {} of {whose}", kind.to_lowercase()),
                owner: whose.to_owned(),
                statements: vec![format!(
                    "ALTER DEFAULT PRIVILEGES FOR ROLE {}{place} REVOKE {rights} ON {kind} FROM {};",
                    name(whose),
                    grantee(to)
                )],
            }
        };
        found.into_iter().map(stray).collect()
    }

    pub(crate) fn strange(&self, content: &DatabaseContent) -> Vec<Strange> {
        let mut strange = Vec::new();
        for database in content.databases.keys() {
            for stray in self.strays(content, database) {
                let to = if stray.to.is_empty() { "everybody".to_owned() } else { stray.to.clone() };
                let what = format!("{} in {database}", stray.what);
                strange.push(Strange::GrantByHand { to, what });
            }
        }
        self.strange_databases(content, &mut strange);
        self.strange_logins(content, &mut strange);
        for (to, parameter, privilege) in self.parameter_strays(content) {
            let what = format!("{privilege} on parameter {parameter}");
            strange.push(Strange::GrantByHand { to: to.clone(), what });
        }
        let line = |line: &String| Strange::WithoutTls { who: format!("by pg_hba.conf ({line}), logins") };
        strange.extend(self.hba.iter().map(line));
        strange
    }

    fn strange_databases(&self, content: &DatabaseContent, strange: &mut Vec<Strange>) {
        let managed = self.managed_names(content);
        let is_half = |database: &String| self.databases.get(database).is_some_and(|there| there.is_half);
        for database in self.names() {
            if is_half(&database) {
                strange.push(Strange::HalfRestored { database });
            } else if !content.databases.contains_key(&database) {
                strange.push(Strange::UnmanagedDatabase { database });
            }
        }
        for (database, there) in &self.databases {
            let is_public = there.grants.iter().any(|(to, privilege)| to.is_empty() && privilege == "CONNECT");
            if is_public && there.allows_connections {
                strange.push(match there.is_mine {
                    true => Strange::GrantByHand {
                        to: "everybody".to_owned(),
                        what: format!("CONNECT on database {database}"),
                    },
                    false => Strange::PublicConnect { database: database.clone() },
                });
            }
            if there.limit >= 0 && content.databases.contains_key(database) {
                let what = format!("it takes {} connections", there.limit);
                strange.push(Strange::DatabaseChanged { database: database.clone(), what });
            }
            for (to, privileges) in self.database_strays(content, database, there) {
                strange.push(Strange::GrantByHand { to, what: format!("{privileges} on database {database}") });
            }
            let is_declared = content.databases.contains_key(database);
            for (to, privilege) in there
                .grants
                .iter()
                .filter(|(to, _)| is_declared && !to.is_empty() && to != LOADER && !managed.contains(to))
            {
                let (login, what) = (to.clone(), privilege.clone());
                strange.push(Strange::UnmanagedGrant { login, database: database.clone(), what });
            }
        }
    }

    fn strange_logins(&self, content: &DatabaseContent, strange: &mut Vec<Strange>) {
        let managed = self.managed_names(content);
        let groups: BTreeMap<String, &String> = content
            .databases
            .keys()
            .flat_map(|database| LEVELS.map(|level| (group(database, level), database)))
            .collect();
        for (login, role) in &self.roles {
            let is_own = *login == self.me || login == LOADER || login.starts_with("pg_") || login.starts_with("rds");
            if let Some(recorded) = self.recorded.get(login) {
                for membership in role.member_of.iter().filter(|membership| membership.may_give) {
                    let what = format!("the right to make others members of {}", membership.group);
                    strange.push(Strange::GrantByHand { to: login.clone(), what });
                }
                for (database, setting) in self.own_settings(content, login) {
                    let what = format!("{setting}{}", in_database(database));
                    strange.push(Strange::LoginChanged { login: login.clone(), what });
                }
                for (group_name, _) in self.memberships(login) {
                    let is_recorded = recorded.grants.iter().any(|grant| is_group_of(grant, group_name));
                    if !is_recorded && !is_wanted(content, &recorded.role, group_name) {
                        let what = format!("membership in {group_name}");
                        strange.push(Strange::GrantByHand { to: login.clone(), what });
                    }
                }
                let mut changed = role.attributes.clone();
                if !role.can_login {
                    changed.push("it may not log in".to_owned());
                }
                if role.has_expiry {
                    changed.push("its password ends".to_owned());
                }
                if !changed.is_empty() {
                    strange.push(Strange::LoginChanged { login: login.clone(), what: changed.join(", ") });
                }
            } else if role.can_login && !is_own && !managed.contains(login) {
                strange.push(Strange::UnmanagedLogin { login: login.clone(), what: role.attributes.join(", ") });
                for (group_name, _) in self.memberships(login) {
                    if let Some(database) = groups.get(group_name) {
                        let what = format!("do what {group_name} may");
                        strange.push(Strange::UnmanagedGrant {
                            login: login.clone(),
                            database: (*database).clone(),
                            what,
                        });
                    }
                }
            } else if groups.contains_key(login) && (role.can_login || !role.attributes.is_empty()) {
                strange.push(Strange::GrantByHand { to: login.clone(), what: "LOGIN or more".to_owned() });
            }
        }
    }
}

/// Where a setting of a login holds.
pub(super) fn in_database(database: &str) -> String {
    if database.is_empty() { String::new() } else { format!(" in {database}") }
}

fn is_wanted(content: &DatabaseContent, role: &str, group_name: &str) -> bool {
    let declared = content.roles.get(role);
    declared
        .is_some_and(|declared| declared.grants.iter().any(|(database, level)| group(database, *level) == group_name))
}

/// Whether `database=level` of the ledger stands for a group.
fn is_group_of(grant: &str, group_name: &str) -> bool {
    let Some((database, level)) = grant.rsplit_once('=') else { return false };
    LEVELS.iter().any(|one| one.to_string() == level && group(database, *one) == group_name)
}

/// Whether a grant inside a database is as it should be.
fn is_fine(database: &str, grant: &ObjectGrant) -> bool {
    if grant.to.is_empty() {
        return grant.kind == "SCHEMA" && grant.privilege == "USAGE";
    }
    if grant.is_of_system && grant.kind != "ROUTINE" {
        return false;
    }
    let level = LEVELS.into_iter().find(|level| group(database, *level) == grant.to);
    let writes = level == Some(GrantLevel::ReadWrite) && grant.kind == "ROUTINE";
    match level {
        None => false,
        Some(_) if writes => WRITERS_OF_LARGE_OBJECTS.contains(&grant.object.as_str()),
        Some(GrantLevel::Owner) => !grant.is_of_system || grant.kind == "ROUTINE",
        Some(level) => {
            let kind = KINDS.iter().find(|kind| kind.word == grant.kind);
            kind.is_some_and(|kind| kind.privileges(level).contains(&grant.privilege.as_str()))
        }
    }
}

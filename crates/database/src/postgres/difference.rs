//! What is to be done so that a PostgreSQL server holds what is wanted. Pure.

use super::logins::surplus_attributes;
use super::rights::{KINDS, close_large_objects, give, set_default, wanted_defaults};
use super::state::{Database, Inside, State};
use super::strange::Stray;
use super::{LEVELS, LONGEST_NAME, grantee, group, name, text};
use crate::change::{Change, Step, What};
use crate::check::{Limits, Passwords, check};
use crate::error::{Result, refused};
use crate::observed::AppliedData;
use crate::server::LEDGER;
use model::database::{DatabaseContent, GrantLevel};
use std::collections::BTreeSet;

const LIMITS: Limits = Limits {
    login: LONGEST_NAME,
    database: LONGEST_NAME - "_owner".len(),
    own_databases: &["postgres", "template0", "template1", "rdsadmin"],
    own_logins: &["pg_", "rds", "postgres"],
};

const LEDGER_TABLES: &str = "CREATE SCHEMA IF NOT EXISTS landfall;
CREATE TABLE IF NOT EXISTS landfall.login (login text PRIMARY KEY, role text NOT NULL, salt text NOT NULL, fingerprint text NOT NULL, grants text NOT NULL);";

const APPLIED_TABLE: &str = "CREATE SCHEMA IF NOT EXISTS landfall;
CREATE TABLE IF NOT EXISTS landfall.applied_data (number bigint GENERATED ALWAYS AS IDENTITY, path text PRIMARY KEY, digest text NOT NULL, at timestamptz NOT NULL DEFAULT now());";

pub(crate) fn difference(content: &DatabaseContent, state: &State, passwords: &Passwords) -> Result<Vec<Change>> {
    check(content, &LIMITS, &state.me)?;
    let mut plan = Plan { content, state, passwords, changes: Vec::new() };
    plan.no_group_is_a_login()?;
    plan.ledger();
    plan.groups();
    plan.logins()?;
    plan.databases()?;
    plan.shut();
    for database in content.databases.keys() {
        plan.inside(database);
    }
    plan.drops();
    plan.loads();
    Ok(plan.changes)
}

/// The changes as they come together.
pub(super) struct Plan<'a> {
    pub(super) content: &'a DatabaseContent,
    pub(super) state: &'a State,
    pub(super) passwords: &'a Passwords,
    pub(super) changes: Vec<Change>,
}

impl Plan<'_> {
    pub(super) fn push(&mut self, what: What, steps: Vec<Step>) {
        self.changes.push(Change::new(what, steps));
    }

    fn no_group_is_a_login(&self) -> Result<()> {
        let groups: BTreeSet<String> =
            self.content.databases.keys().flat_map(|database| LEVELS.map(|level| group(database, level))).collect();
        for login in self.content.roles.values().flat_map(|role| role.logins.keys()) {
            if groups.contains(login) {
                let what = format!("{login} would be a login and a group of a database");
                return Err(refused(what, "name the component, person or database otherwise"));
            }
            let is_powerful =
                self.state.roles.get(login).is_some_and(|role| role.attributes.iter().any(|a| a == "SUPERUSER"));
            if is_powerful && !self.state.recorded.contains_key(login) {
                let what = format!("login {login} is a superuser that somebody made by hand");
                return Err(refused(what, "rename that login, or the component or person"));
            }
        }
        Ok(())
    }

    fn ledger(&mut self) {
        let mut steps = Vec::new();
        if !self.state.has_ledger_database {
            steps.push(Step::alone(format!("CREATE DATABASE {LEDGER} TEMPLATE template0 ENCODING 'UTF8';")));
        }
        if !self.state.has_ledger {
            let sql = format!("REVOKE ALL ON DATABASE {LEDGER} FROM PUBLIC; {LEDGER_TABLES}");
            steps.push(Step::inside(LEDGER, sql));
            self.push(What::PrepareLedger, steps);
        }
    }

    fn groups(&mut self) {
        for database in self.content.databases.keys() {
            let missing: Vec<String> = LEVELS
                .map(|level| group(database, level))
                .into_iter()
                .filter(|group| !self.state.roles.contains_key(group))
                .collect();
            let mut steps: Vec<Step> =
                missing.iter().map(|group| Step::home(format!("CREATE ROLE {} NOLOGIN;", name(group)))).collect();
            let owner = group(database, GrantLevel::Owner);
            if !self.state.is_superuser && !self.state.memberships(&self.state.me).contains_key(owner.as_str()) {
                steps.push(Step::home(format!("GRANT {} TO CURRENT_USER;", name(&owner))));
            }
            if !steps.is_empty() {
                self.push(What::CreateGroups { database: database.clone() }, steps);
            }
            for group in LEVELS.map(|level| group(database, level)) {
                self.mend_group(&group);
            }
        }
    }

    fn mend_group(&mut self, group: &str) {
        let Some(role) = self.state.roles.get(group) else { return };
        let words = surplus_attributes(role);
        if role.can_login || !words.is_empty() {
            let sql = format!("ALTER ROLE {} NOLOGIN{words};", name(group));
            self.push(What::MendGroup { group: group.to_owned() }, vec![Step::home(sql)]);
        }
        for (other, by) in self.state.memberships(group) {
            self.leave_group(group, other, by, false);
        }
    }

    fn databases(&mut self) -> Result<()> {
        for database in self.content.databases.keys() {
            let owner = group(database, GrantLevel::Owner);
            match self.state.databases.get(database) {
                None => {
                    let sql = format!(
                        "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8';",
                        name(database),
                        name(&owner)
                    );
                    self.push(What::CreateDatabase { database: database.clone() }, vec![Step::alone(sql)]);
                }
                Some(there) if there.owner == owner => self.mend_database(database, there),
                Some(there) if there.is_mine => {
                    let sql = format!("ALTER DATABASE {} OWNER TO {};", name(database), name(&owner));
                    let what = What::TakeDatabase { database: database.clone(), from: there.owner.clone() };
                    self.push(what, vec![Step::home(sql)]);
                }
                Some(there) => {
                    return Err(refused(
                        format!(
                            "database {database} belongs to {}, and the administrator may not act for it",
                            there.owner
                        ),
                        format!("make {} a member of {}, or choose another name", self.state.me, there.owner),
                    ));
                }
            }
        }
        Ok(())
    }

    fn mend_database(&mut self, database: &str, there: &Database) {
        if there.limit >= 0 {
            let what =
                What::MendDatabase { database: database.to_owned(), what: "any number of connections".to_owned() };
            self.push(what, vec![Step::home(format!("ALTER DATABASE {} CONNECTION LIMIT -1;", name(database)))]);
        }
    }

    /// Takes what is everybody's, and what managed roles have by hand, from every database that the administrator may change.
    fn shut(&mut self) {
        for (database, there) in &self.state.databases {
            if !there.is_mine || !there.allows_connections {
                continue;
            }
            if there.grants.iter().any(|(to, _)| to.is_empty()) {
                let sql = format!("REVOKE ALL ON DATABASE {} FROM PUBLIC;", name(database));
                self.push(What::CloseDatabase { database: database.clone() }, vec![Step::home(sql)]);
            }
            for (to, privileges) in self.state.database_strays(self.content, database, there) {
                let sql = format!("REVOKE {privileges} ON DATABASE {} FROM {} CASCADE;", name(database), grantee(&to));
                let what = What::Revoke { from: to, what: format!("{privileges} on database {database}") };
                self.push(what, vec![Step::home(sql)]);
            }
        }
        if !self.state.is_superuser {
            return;
        }
        for (to, parameter, privilege) in self.state.parameter_strays(self.content) {
            let sql = format!("REVOKE {privilege} ON PARAMETER {parameter} FROM {} CASCADE;", name(to));
            let what = What::Revoke { from: to.clone(), what: format!("{privilege} on parameter {parameter}") };
            self.push(what, vec![Step::home(sql)]);
        }
    }

    fn inside(&mut self, database: &str) {
        let fresh = Inside::default();
        let inside = self.state.inside(database).unwrap_or(&fresh);
        let is_new = self.state.inside(database).is_none();
        self.complete(database, inside, is_new);
        if let Some(declared) = self.content.databases.get(database) {
            for extension in declared.extensions.iter().filter(|extension| !inside.extensions.contains(*extension)) {
                let create = format!("CREATE EXTENSION IF NOT EXISTS {};", name(extension));
                // Into the schema that everybody looks in, unless it has one of its own.
                let sql = format!("SET LOCAL search_path = public; {create} SET LOCAL search_path = pg_catalog;");
                let what = What::CreateExtension { database: database.to_owned(), extension: extension.clone() };
                self.push(what, vec![Step::inside(database, sql)]);
            }
        }
        for login in &inside.owners {
            let owner = name(&group(database, GrantLevel::Owner));
            let give = Step::inside(database, format!("REASSIGN OWNED BY {} TO {owner};", name(login)));
            let steps = self.with_power_over(login, vec![give], true);
            self.push(What::GiveToOwners { login: login.clone(), database: database.to_owned() }, steps);
        }
        for stray in self.state.strays(self.content, database) {
            if self.state.can_change(&stray) {
                self.push_stray(database, &stray);
            }
        }
        self.default_roles(database);
    }

    fn push_stray(&mut self, database: &str, stray: &Stray) {
        let steps = stray.statements.iter().map(|sql| Step::inside(database, sql.clone())).collect();
        let from = if stray.to.is_empty() { "everybody".to_owned() } else { stray.to.clone() };
        self.push(What::Revoke { from, what: format!("{} in {database}", stray.what) }, steps);
    }

    /// The ledger's schema, connections and default privileges of the groups, and what was made before those were set.
    fn complete(&mut self, database: &str, inside: &Inside, is_new: bool) {
        let mut steps = Vec::new();
        let [reading, writing] = [GrantLevel::ReadOnly, GrantLevel::ReadWrite].map(|level| group(database, level));
        if is_new {
            steps.push(Step::inside(database, format!("REVOKE ALL ON DATABASE {} FROM PUBLIC;", name(database))));
        }
        let there = self.state.databases.get(database);
        let has = |group: &str, wanted: &str| {
            there.is_some_and(|there| there.grants.iter().any(|(to, privilege)| to == group && privilege == wanted))
        };
        for (group, privileges) in [(&reading, "CONNECT"), (&writing, "CONNECT"), (&writing, "TEMPORARY")] {
            if !has(group, privileges) {
                let sql = format!("GRANT {privileges} ON DATABASE {} TO {};", name(database), name(group));
                steps.push(Step::inside(database, sql));
            }
        }
        if !inside.has_ledger {
            steps.push(Step::inside(database, APPLIED_TABLE));
        }
        let owner = group(database, GrantLevel::Owner);
        let public_is_owners = match &inside.public_owner {
            Some(public) => public == "pg_database_owner" || *public == owner,
            None => !is_new || self.state.number >= 150_000,
        };
        if !public_is_owners && self.state.is_superuser {
            let sql =
                format!("ALTER SCHEMA public OWNER TO {}; REVOKE CREATE ON SCHEMA public FROM PUBLIC;", name(&owner));
            steps.push(Step::inside(database, sql));
        }
        for (kind, who, privileges) in wanted_defaults(database) {
            let is_there = |privilege: &&'static str| {
                let row = (owner.clone(), String::new(), kind.letter.to_owned(), who.clone(), (*privilege).to_owned());
                inside.defaults.contains(&row)
            };
            if !privileges.iter().all(is_there) {
                steps.push(set_default(database, kind, &who, privileges));
            }
        }
        if self.state.is_superuser && (is_new || !inside.open_writers.is_empty()) {
            steps.push(close_large_objects(database));
        }
        if is_new {
            let sql = format!("GRANT USAGE ON SCHEMA public TO {}, {};", name(&reading), name(&writing));
            steps.push(Step::inside(database, sql));
        }
        steps.extend(inside.lacking.iter().map(|(kind, object, who)| give(database, kind, object, who)));
        if !steps.is_empty() {
            self.push(What::CompleteGroups { database: database.to_owned() }, steps);
        }
    }

    /// Owners act as the owner group, so that what one makes is everybody's.
    fn default_roles(&mut self, database: &str) {
        let setting = format!("role={}", group(database, GrantLevel::Owner));
        for declared in self.content.roles.values() {
            for login in declared.logins.keys() {
                let is_owner = declared.grants.get(database) == Some(&GrantLevel::Owner);
                let settings = self.state.roles.get(login).map(|role| role.settings.as_slice()).unwrap_or_default();
                let there = settings.iter().find(|(of, setting)| of == database && setting.starts_with("role="));
                let sql = match there {
                    Some((_, is)) if is_owner && *is == setting => continue,
                    None if !is_owner => continue,
                    _ if is_owner => format!("SET role = {}", text(&group(database, GrantLevel::Owner))),
                    _ => "RESET role".to_owned(),
                };
                let sql = format!("ALTER ROLE {} IN DATABASE {} {sql};", name(login), name(database));
                let what = if is_owner {
                    format!("act as the owner group in {database}")
                } else {
                    format!("act as itself in {database}")
                };
                self.push(What::ChangeLogin { login: login.clone(), what }, vec![Step::inside(database, sql)]);
            }
        }
    }

    fn loads(&mut self) {
        for (database, declared) in &self.content.databases {
            let applied = self.state.inside(database).map(|inside| inside.applied.as_slice()).unwrap_or_default();
            for data in &declared.data {
                let is_applied = |one: &AppliedData| one.path == data.path || one.digest == data.digest.as_str();
                if !applied.iter().any(is_applied) {
                    let step = Step::Load { database: database.clone(), data: data.clone() };
                    self.push(What::Load { database: database.clone(), path: data.path.clone() }, vec![step]);
                }
            }
        }
    }
}

impl State {
    /// Grants on a database that managed roles have besides what the groups have.
    pub(super) fn database_strays(
        &self,
        content: &DatabaseContent,
        database: &str,
        there: &Database,
    ) -> Vec<(String, String)> {
        let managed = self.managed_names(content);
        let of_group = |to: &str, privilege: &str| {
            (to == group(database, GrantLevel::ReadOnly) && privilege == "CONNECT")
                || (to == group(database, GrantLevel::ReadWrite) && matches!(privilege, "CONNECT" | "TEMPORARY"))
        };
        let strays = there.grants.iter().filter(|(to, privilege)| managed.contains(to) && !of_group(to, privilege));
        strays.cloned().collect()
    }

    /// Grants on settings of the server that managed roles have.
    pub(super) fn parameter_strays(&self, content: &DatabaseContent) -> Vec<&(String, String, String)> {
        let managed = self.managed_names(content);
        self.parameters.iter().filter(|(to, _, _)| managed.contains(to)).collect()
    }

    /// Managed logins and groups.
    pub(super) fn managed_names(&self, content: &DatabaseContent) -> BTreeSet<String> {
        let logins = content.roles.values().flat_map(|role| role.logins.keys().cloned());
        let groups = content.databases.keys().flat_map(|database| LEVELS.map(|level| group(database, level)));
        self.recorded.keys().cloned().chain(logins).chain(groups).collect()
    }

    /// Whether the administrator may take a grant away: it is the owner's to give.
    pub(super) fn can_change(&self, stray: &Stray) -> bool {
        self.is_superuser
            || stray.owner == self.me
            || stray.owner == "pg_database_owner"
            || self.memberships(&self.me).contains_key(stray.owner.as_str())
    }
}

/// The kinds that default privileges are looked at for.
pub(super) fn is_looked_at(letter: &str) -> bool {
    KINDS.iter().any(|kind| kind.letter == letter)
}

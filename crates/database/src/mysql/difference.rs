//! What is to be done so that a MySQL or MariaDB server holds what is wanted. Pure.

use super::state::{Account, Login, Recorded, State};
use super::{hosts, name, privileges, shown, text};
use crate::change::{Change, DropReason, Form, Step, What};
use crate::check::{Limits, Passwords, check, password};
use crate::error::Result;
use crate::quote::{account, grant_pattern};
use crate::verifier::{CachingSha2, Native};
use model::database::{DatabaseContent, RoleDeclaration};
use model::{NodeId, Secret};
use std::collections::{BTreeMap, BTreeSet};

const LIMITS: Limits = Limits {
    login: 32,
    database: 64,
    own_databases: &["mysql", "sys", "information_schema", "performance_schema", "innodb"],
    own_logins: &["mysql.", "mariadb.", "root", "rdsadmin", "rdsrepladmin"],
};

/// How a statement about an account ends that lets it in.
const UNLOCKED: &str = " ACCOUNT UNLOCK;";

const LEDGER_TABLES: [&str; 3] = [
    "CREATE DATABASE IF NOT EXISTS landfall CHARACTER SET utf8mb4;",
    "CREATE TABLE IF NOT EXISTS landfall.login (login varchar(128) COLLATE utf8mb4_bin, host varchar(255) COLLATE utf8mb4_bin, \
     role varchar(128) NOT NULL, grants text NOT NULL, PRIMARY KEY (login, host)) ENGINE = InnoDB;",
    "CREATE TABLE IF NOT EXISTS landfall.data_file (number bigint AUTO_INCREMENT PRIMARY KEY, database_name varchar(64) COLLATE utf8mb4_bin \
     NOT NULL, path varchar(512) COLLATE utf8mb4_bin NOT NULL, digest char(64) NOT NULL, at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, \
     state varchar(16) NOT NULL, statements bigint NOT NULL DEFAULT 0, prefix char(64) NOT NULL DEFAULT '', UNIQUE (database_name, path)) ENGINE = InnoDB;",
];

pub(crate) fn difference(content: &DatabaseContent, state: &State, passwords: &Passwords) -> Result<Vec<Change>> {
    check(content, &LIMITS, &state.me)?;
    let mut plan = Plan { state, passwords, changes: Vec::new() };
    if !state.has_ledger {
        plan.push(What::PrepareLedger, LEDGER_TABLES.map(Step::home).to_vec());
    }
    for database in content.databases.keys().filter(|database| !state.databases.contains(database)) {
        let sql = format!("CREATE DATABASE {} CHARACTER SET utf8mb4;", name(database));
        plan.push(What::CreateDatabase { database: database.clone() }, vec![Step::home(sql)]);
    }
    plan.orphans();
    let mut wanted = BTreeSet::new();
    for (role, declared) in &content.roles {
        for host in hosts::patterns(role, &declared.sources)? {
            for (login, node) in &declared.logins {
                let account = (login.clone(), host.clone());
                plan.login(role, declared, &account, node)?;
                wanted.insert(account);
            }
        }
    }
    plan.drops(content, &wanted);
    plan.loads(content);
    Ok(plan.changes)
}

struct Plan<'a> {
    state: &'a State,
    passwords: &'a Passwords,
    changes: Vec<Change>,
}

impl Plan<'_> {
    fn push(&mut self, what: What, steps: Vec<Step>) {
        self.changes.push(Change::new(what, steps));
    }

    fn login(&mut self, role: &str, declared: &RoleDeclaration, key: &Account, node: &NodeId) -> Result<()> {
        let secret = password(self.passwords, node)?;
        let (quoted, shown) = (account(&key.0, &key.1), shown(&key.0, &key.1));
        // In MySQL nought means no limit.
        let limit = declared.connections.map_or(0, i64::from);
        let requirements = format!(" REQUIRE SSL WITH MAX_USER_CONNECTIONS {limit};");
        let (form, plugin) = match self.state.is_mariadb {
            true => (Form::Native, "mysql_native_password"),
            false => (Form::CachingSha2, "caching_sha2_password"),
        };
        let password_step = |before: String, after: String| Step::Password {
            login: key.0.clone(),
            host: Some(key.1.clone()),
            node: node.clone(),
            form,
            before: format!("{before}IDENTIFIED WITH {plugin} AS "),
            after,
        };
        let record = self.record(role, declared, key);
        let there = self.state.accounts.get(key);
        match there {
            None => {
                let create = password_step(format!("CREATE USER {quoted} "), requirements);
                // First written down, then made: what is cut off in between is known to be ours.
                let steps = record.into_iter().chain([create]).collect();
                self.push(What::CreateLogin { login: shown.clone(), role: role.to_owned() }, steps);
            }
            // It was kept for what it had made.
            Some(there) if there.is_locked && !self.state.recorded.contains_key(key) => {
                let after = requirements.replace(';', UNLOCKED);
                let open = password_step(format!("ALTER USER {quoted} "), after);
                let steps = record.into_iter().chain([open]).collect();
                self.push(What::CreateLogin { login: shown.clone(), role: role.to_owned() }, steps);
            }
            Some(there) => {
                let set = password_step(format!("ALTER USER {quoted} "), ";".to_owned());
                let is_recorded = self.state.recorded.contains_key(key);
                let mut recorded: Vec<Step> = record.into_iter().collect();
                if !is_recorded {
                    recorded.push(set);
                    self.push(What::AdoptLogin { login: shown.clone(), role: role.to_owned() }, recorded);
                } else {
                    if !fits(there, secret) {
                        self.push(What::SetPassword { login: shown.clone() }, vec![set]);
                    }
                    if !recorded.is_empty() {
                        let what = "what the ledger says of it".to_owned();
                        self.push(What::ChangeLogin { login: shown.clone(), what }, recorded);
                    }
                }
                self.requirements(there, &quoted, &shown, limit, &requirements);
            }
        }
        self.grants(declared, key, there.unwrap_or(&Login::default()));
        Ok(())
    }

    /// The step that writes the login down, when it is not, or otherwise.
    fn record(&self, role: &str, declared: &RoleDeclaration, key: &Account) -> Option<Step> {
        let grants = recorded_grants(declared);
        let same = |recorded: &Recorded| recorded.role == role && recorded.grants == grants;
        if self.state.recorded.get(key).is_some_and(same) {
            return None;
        }
        let grants: Vec<String> = grants.into_iter().collect();
        let values = [&key.0, &key.1, role, &grants.join("\n")].map(text).join(", ");
        Some(Step::home(format!(
            "INSERT INTO landfall.login (login, host, role, grants) VALUES ({values}) ON DUPLICATE KEY UPDATE role = VALUES(role), grants = VALUES(grants);"
        )))
    }

    fn requirements(&mut self, there: &Login, quoted: &str, login: &str, limit: i64, requirements: &str) {
        let mut said = Vec::new();
        if !there.needs_tls {
            said.push("TLS is required".to_owned());
        }
        if there.limit != limit {
            said.push(if limit == 0 { "any number of connections".to_owned() } else { format!("{limit} connections") });
        }
        if there.is_locked {
            said.push("it may log in".to_owned());
        }
        if !said.is_empty() {
            let step = Step::home(format!("ALTER USER {quoted}{}", requirements.replace(';', UNLOCKED)));
            self.push(What::ChangeLogin { login: login.to_owned(), what: said.join(", ") }, vec![step]);
        }
    }

    fn grants(&mut self, declared: &RoleDeclaration, key: &Account, there: &Login) {
        let (quoted, login) = (account(&key.0, &key.1), shown(&key.0, &key.1));
        for (database, level) in &declared.grants {
            let pattern = grant_pattern(database);
            let has = there.grants.get(&pattern);
            let missing: Vec<&str> = privileges(*level)
                .iter()
                .copied()
                .filter(|privilege| !has.is_some_and(|has| has.contains(*privilege)))
                .collect();
            if !missing.is_empty() {
                let sql = format!("GRANT {} ON {}.* TO {quoted};", missing.join(", "), name(&pattern));
                let what = What::Grant { login: login.clone(), database: database.clone(), level: *level };
                self.push(what, vec![Step::home(sql)]);
            }
        }
        let strays = strays(declared.grants.iter().map(|(database, level)| (database.as_str(), *level)), there);
        for (what, statement) in strays {
            let steps =
                vec![Step::home(format!("{statement} FROM {quoted};")), Step::EndSessions { login: key.0.clone() }];
            self.push(What::Revoke { from: login.clone(), what }, steps);
        }
    }

    /// A grant cannot be taken from an account that is not there, but dropping that account takes it away.
    fn orphans(&mut self) {
        for (key, what) in self.state.managed_orphans() {
            let drop = Step::home(format!("DROP USER {};", account(&key.0, &key.1)));
            let steps = vec![drop, Step::EndSessions { login: key.0.clone() }];
            self.changes.push(Change::new(What::Revoke { from: shown(&key.0, &key.1), what }, steps));
        }
    }

    fn drops(&mut self, content: &DatabaseContent, wanted: &BTreeSet<Account>) {
        for (key, recorded) in self.state.recorded.iter().filter(|(key, _)| !wanted.contains(*key)) {
            let declared = content.roles.get(&recorded.role);
            let why = match declared {
                None => DropReason::RoleGone,
                Some(declared) if declared.logins.contains_key(&key.0) => DropReason::SourceGone,
                Some(_) => DropReason::RotationOver,
            };
            let mut steps = Vec::new();
            if self.state.accounts.contains_key(key) {
                steps.push(Step::DropAccount { login: key.0.clone(), host: key.1.clone() });
            }
            // Sessions outlive their account. The name may still be wanted from elsewhere: those connect again.
            steps.push(Step::EndSessions { login: key.0.clone() });
            steps.push(Step::home(format!(
                "DELETE FROM landfall.login WHERE login = {} AND host = {};",
                text(&key.0),
                text(&key.1)
            )));
            self.push(What::DropLogin { login: shown(&key.0, &key.1), why }, steps);
        }
    }

    fn loads(&mut self, content: &DatabaseContent) {
        for (database, declared) in &content.databases {
            for data in &declared.data {
                let is_applied = self.state.loads.iter().any(|load| {
                    let same = load.applied.path == data.path || load.applied.digest == data.digest.as_str();
                    load.applied.database == *database && load.state == "done" && same
                });
                if !is_applied {
                    let step = Step::Load { database: database.clone(), data: data.clone() };
                    self.push(What::Load { database: database.clone(), path: data.path.clone() }, vec![step]);
                }
            }
        }
    }
}

fn fits(there: &Login, secret: &Secret) -> bool {
    let stored = there.stored.as_slice();
    match there.plugin.as_str() {
        "mysql_native_password" => Native::fits(&String::from_utf8_lossy(stored), secret.expose()),
        "caching_sha2_password" => CachingSha2::parse(stored).is_some_and(|stored| stored.fits(secret.expose())),
        _ => false,
    }
}

/// What a login's grants are written down as.
pub(super) fn recorded_grants(declared: &RoleDeclaration) -> BTreeSet<String> {
    declared.grants.iter().map(|(database, level)| format!("{database}={level}")).collect()
}

/// What a login has besides what it should: for people, and the statement without its `FROM`.
pub(super) fn strays<'a>(
    wanted: impl Iterator<Item = (&'a str, model::database::GrantLevel)>,
    there: &Login,
) -> Vec<(String, String)> {
    let wanted: BTreeMap<String, &[&str]> =
        wanted.map(|(database, level)| (grant_pattern(database), privileges(level))).collect();
    let mut strays = Vec::new();
    if !there.global.is_empty() {
        let all = there.global.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        strays.push((format!("{all} on everything"), format!("REVOKE {all} ON *.*")));
    }
    for (pattern, has) in &there.grants {
        let allowed = wanted.get(pattern).copied().unwrap_or_default();
        let surplus: Vec<&str> =
            has.iter().map(String::as_str).filter(|privilege| !allowed.contains(privilege)).collect();
        if !surplus.is_empty() {
            let all = surplus.join(", ");
            strays.push((format!("{all} on {pattern}"), format!("REVOKE {all} ON {}.*", name(pattern))));
        }
    }
    strays.extend(there.objects.iter().cloned());
    strays.extend(there.roles.iter().map(|role| (format!("role {role}"), format!("REVOKE {role}"))));
    strays
}

//! Looks at a MySQL or MariaDB server: three questions.

use super::state::{Account, Load, Login, Recorded, State, as_grantee};
use super::{name, text};
use crate::backup::half::MARK;
use crate::connection::{Connection, Row};
use crate::error::Result;
use crate::observed::AppliedData;
use crate::server::Server;
use crate::{quote, verifier};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

const FIRST: &str = "SELECT @@version, SUBSTRING_INDEX(CURRENT_USER(), '@', 1),
 (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'landfall' AND TABLE_NAME IN ('login', 'data_file'));
SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
 WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') AND LEFT(SCHEMA_NAME, 8) <> 'landfall' ORDER BY SCHEMA_NAME;
SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> 'USAGE';
SELECT GRANTEE, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES;
SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES;
SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, COLUMN_NAME FROM information_schema.COLUMN_PRIVILEGES;
SELECT User, Host, Db, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv;";

const MARIADB_USERS: &str =
    "SELECT User, Host, plugin, HEX(IF(authentication_string = '', Password, authentication_string)), ssl_type, max_user_connections,
 is_role = 'Y',
 IFNULL((SELECT JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv one WHERE one.User = user.User AND one.Host = user.Host), 0) = 1
 FROM mysql.user;
SELECT User, Host, Role, '' FROM mysql.roles_mapping WHERE Admin_option = 'N';";
const MYSQL_USERS: &str =
    "SELECT User, Host, plugin, HEX(authentication_string), ssl_type, max_user_connections, account_locked = 'Y' AND authentication_string = ''
 AND plugin LIKE 'caching%', account_locked = 'Y' FROM mysql.user;
SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST FROM mysql.role_edges;";

const LEDGER_ROWS: &str = "SELECT login, host, role, grants FROM landfall.login;
SELECT database_name, path, digest, DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s'), state, statements FROM landfall.data_file ORDER BY number;";

fn field(row: &Row, index: usize) -> String {
    row.get(index).cloned().flatten().unwrap_or_default()
}

pub(crate) async fn observe(server: &mut Server) -> Result<State> {
    let home = server.home().await?;
    let answers = home.ask(FIRST).await?;
    let mut answers = answers.into_iter().map(|answer| answer.rows);
    let mut next = || answers.next().unwrap_or_default();
    let facts = next().into_iter().next().unwrap_or_default();
    let version = field(&facts, 0);
    let mut state = State {
        is_mariadb: version.contains("MariaDB"),
        me: field(&facts, 1),
        has_ledger: field(&facts, 2) == "2",
        databases: next().iter().map(|row| field(row, 0)).collect(),
        ..State::default()
    };
    state.version = match version.split_once("-MariaDB") {
        Some((number, _)) => format!("MariaDB {number}"),
        None => format!("MySQL {version}"),
    };
    let mut grants = Grants::default();
    for row in next() {
        grants.global(&row);
    }
    for row in next() {
        grants.databases(&row);
    }
    for row in next().into_iter().chain(next()) {
        grants.tables(&row);
    }
    for row in next() {
        grants.routines(&row);
    }
    users(home, &mut state, grants).await?;
    Ok(state)
}

/// What was read before it is known to which account it belongs.
#[derive(Default)]
struct Grants {
    global: BTreeMap<String, BTreeSet<String>>,
    databases: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    objects: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Grants {
    /// What is left when every account has taken its own.
    fn without_account(self) -> IndexMap<Account, BTreeSet<String>> {
        let mut orphans: IndexMap<Account, BTreeSet<String>> = IndexMap::new();
        let account = |grantee: &str| {
            let (login, host) = grantee.strip_prefix('\'')?.strip_suffix('\'')?.rsplit_once("'@'")?;
            Some((login.to_owned(), host.to_owned()))
        };
        for (grantee, databases) in self.databases {
            let Some(account) = account(&grantee) else { continue };
            let held = databases.into_iter().filter(|(_, privileges)| !privileges.is_empty());
            orphans.entry(account).or_default().extend(held.map(|(pattern, privileges)| {
                format!("{} on {pattern}", privileges.into_iter().collect::<Vec<_>>().join(", "))
            }));
        }
        for (grantee, objects) in self.objects {
            let Some(account) = account(&grantee) else { continue };
            orphans.entry(account).or_default().extend(objects.into_iter().map(|(what, _)| what));
        }
        orphans.retain(|_, what| !what.is_empty());
        orphans
    }

    fn global(&mut self, row: &Row) {
        let all = self.global.entry(field(row, 0)).or_default();
        all.insert(field(row, 1));
        if field(row, 2) == "YES" {
            all.insert("GRANT OPTION".to_owned());
        }
    }

    fn databases(&mut self, row: &Row) {
        let all = self.databases.entry(field(row, 0)).or_default().entry(field(row, 1)).or_default();
        all.extend(Some(field(row, 2)).filter(|privilege| privilege != "USAGE"));
        if field(row, 3) == "YES" {
            all.insert("GRANT OPTION".to_owned());
        }
    }

    fn tables(&mut self, row: &Row) {
        let (schema, table, privilege) = (field(row, 1), field(row, 2), field(row, 3));
        let (shown, quoted) = match row.get(4) {
            Some(_) => (format!(" ({})", field(row, 4)), format!(" ({})", name(&field(row, 4)))),
            None => (String::new(), String::new()),
        };
        let what = format!("{privilege}{shown} on {schema}.{table}");
        let statement = format!("REVOKE {privilege}{quoted} ON {}.{}", name(&schema), name(&table));
        self.objects.entry(field(row, 0)).or_default().insert((what, statement));
    }

    fn routines(&mut self, row: &Row) {
        let account = as_grantee(&(field(row, 0), field(row, 1)));
        let (schema, routine, kind) = (field(row, 2), field(row, 3), field(row, 4));
        for privilege in field(row, 5).split(',').filter(|privilege| !privilege.is_empty()) {
            let privilege = if privilege.eq_ignore_ascii_case("grant") { "GRANT OPTION" } else { privilege };
            let what = format!("{privilege} on {} {schema}.{routine}", kind.to_lowercase());
            let statement = format!("REVOKE {privilege} ON {kind} {}.{}", name(&schema), name(&routine));
            self.objects.entry(account.clone()).or_default().insert((what, statement));
        }
    }
}

async fn users(home: &mut Connection, state: &mut State, mut grants: Grants) -> Result<()> {
    let users = if state.is_mariadb { MARIADB_USERS } else { MYSQL_USERS };
    let ledger = if state.has_ledger { LEDGER_ROWS } else { "" };
    let half = match state.is_mariadb {
        true => format!("SELECT db FROM mysql.proc WHERE name = '{MARK}';"),
        false => format!("SELECT ROUTINE_SCHEMA FROM information_schema.ROUTINES WHERE ROUTINE_NAME = '{MARK}';"),
    };
    let answers = home.ask(format!("{users}{half}{ledger}")).await?;
    let mut answers = answers.into_iter().map(|answer| answer.rows);
    let mut next = || answers.next().unwrap_or_default();
    for row in next() {
        let account: Account = (field(&row, 0), field(&row, 1));
        let grantee = as_grantee(&account);
        let login = Login {
            plugin: field(&row, 2),
            stored: verifier::from_hex(&field(&row, 3)).unwrap_or_default(),
            needs_tls: !field(&row, 4).is_empty(),
            limit: field(&row, 5).parse().unwrap_or(0),
            is_role: field(&row, 6) == "1",
            is_locked: field(&row, 7) == "1",
            global: grants.global.remove(&grantee).unwrap_or_default(),
            grants: grants.databases.remove(&grantee).unwrap_or_default(),
            objects: grants.objects.remove(&grantee).unwrap_or_default(),
            roles: BTreeSet::new(),
        };
        state.accounts.insert(account, login);
    }
    state.orphans = grants.without_account();
    for row in next() {
        let (role, host) = (field(&row, 2), field(&row, 3));
        let quoted = if host.is_empty() { name(&role) } else { quote::account(&role, &host) };
        if let Some(login) = state.accounts.get_mut(&(field(&row, 0), field(&row, 1))) {
            login.roles.insert(quoted);
        }
    }
    state.half = next().iter().map(|row| field(row, 0)).collect();
    for row in next() {
        let grants = field(&row, 3).split_terminator('\n').map(str::to_owned).collect();
        state.recorded.insert((field(&row, 0), field(&row, 1)), Recorded { role: field(&row, 2), grants });
    }
    for row in next() {
        state.loads.push(Load {
            applied: AppliedData {
                database: field(&row, 0),
                path: field(&row, 1),
                digest: field(&row, 2),
                at: field(&row, 3),
            },
            state: field(&row, 4),
            statements: field(&row, 5).parse().unwrap_or(0),
        });
    }
    Ok(())
}

/// The sessions of a login, to be ended.
pub(crate) fn sessions_question(login: &str) -> String {
    format!("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = {};", text(login))
}

/// How much runs in the name of an account: views, triggers, routines and events fail when it is gone.
pub(crate) fn made_by_question((login, host): &Account) -> String {
    let definer = text(&format!("{login}@{host}"));
    let all = ["VIEWS", "TRIGGERS", "ROUTINES", "EVENTS"]
        .map(|kind| format!("(SELECT COUNT(*) FROM information_schema.{kind} WHERE DEFINER = {definer})"));
    format!("SELECT {};", all.join(" + "))
}

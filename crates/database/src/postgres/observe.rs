//! Looks at a PostgreSQL server: two questions to the server, two to each database of the manifest, all databases at once.

use super::state::{Database, Membership, Recorded, Role, State};
use super::{LEVELS, group, inside};
use crate::backup::half::COMMENT;
use crate::connection::{Connection, Row};
use crate::error::Result;
use crate::server::{LEDGER, Server};
use model::database::DatabaseContent;

const FIRST: &str = "
SELECT current_setting('server_version_num'), current_setting('server_version'), current_user,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
       has_table_privilege('pg_catalog.pg_authid', 'SELECT'), to_regclass('landfall.login') IS NOT NULL,
       has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE');
SELECT rolname, rolcanlogin, rolinherit, rolconnlimit, rolvaliduntil IS NOT NULL AND rolvaliduntil <> 'infinity',
       concat_ws(' ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
       CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
       CASE WHEN rolbypassrls THEN 'BYPASSRLS' END)
  FROM pg_roles ORDER BY rolname;
SELECT member.rolname, granted.rolname, coalesce(grantor.rolname, ''), m.admin_option
  FROM pg_auth_members m JOIN pg_roles member ON member.oid = m.member JOIN pg_roles granted ON granted.oid = m.roleid
  LEFT JOIN pg_roles grantor ON grantor.oid = m.grantor;
SELECT datname, owner.rolname, pg_has_role(datdba, 'USAGE'), datallowconn, datconnlimit, coalesce(shobj_description(pg_database.oid, 'pg_database'), '')
  FROM pg_database JOIN pg_roles owner ON owner.oid = datdba ORDER BY datname;
SELECT datname, coalesce(grantee.rolname, ''), a.privilege_type
  FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a LEFT JOIN pg_roles grantee ON grantee.oid = a.grantee
 WHERE datallowconn AND a.grantee <> datdba;
SELECT role.rolname, coalesce(datname, ''), unnest(setconfig)
  FROM pg_db_role_setting JOIN pg_roles role ON role.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase;
SELECT DISTINCT role.rolname, datname
  FROM pg_shdepend JOIN pg_roles role ON role.oid = refobjid JOIN pg_database ON pg_database.oid = dbid
 WHERE refclassid = 'pg_authid'::regclass AND role.rolcanlogin;";

const LEDGER_ROWS: &str = "SELECT login, role, salt, fingerprint, grants FROM landfall.login ORDER BY login;";
const VERIFIERS: &str = "SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin;";
const PARAMETERS: &str = "SELECT rolname, parname, privilege_type FROM pg_parameter_acl, aclexplode(paracl) a JOIN pg_roles r ON r.oid = a.grantee;";
/// Lines that match logins over TCP without TLS; `reject` lets nobody in.
const HBA: &str = "SELECT line_number, type, array_to_string(database, ','), array_to_string(user_name, ','), coalesce(address, ''), auth_method
  FROM pg_hba_file_rules WHERE error IS NULL AND type IN ('host', 'hostnossl') AND auth_method <> 'reject' ORDER BY line_number;";

pub(super) fn field(row: &Row, index: usize) -> String {
    row.get(index).cloned().flatten().unwrap_or_default()
}

pub(super) fn is_true(row: &Row, index: usize) -> bool {
    field(row, index) == "t"
}

pub(crate) async fn observe(server: &mut Server, content: &DatabaseContent) -> Result<State> {
    let home = server.home().await?;
    let mut state = first(home).await?;
    state.has_ledger_database = state.databases.contains_key(LEDGER);
    let there = |name: &&String| state.databases.get(*name).is_some_and(|database| database.allows_connections);
    let names: Vec<String> = content.databases.keys().filter(there).cloned().collect();
    let mut connections = server.take(&names).await?;
    let looks = connections.iter_mut().map(|(name, connection)| {
        let has_groups = LEVELS.iter().all(|level| state.roles.contains_key(&group(name, *level)));
        inside::observe(connection, name, has_groups, managed(&state, content))
    });
    let insides = futures_util::future::try_join_all(looks).await?;
    for ((name, connection), inside) in connections.into_iter().zip(insides) {
        if let Some(database) = state.databases.get_mut(&name) {
            database.inside = Some(inside);
        }
        server.put(name, connection);
    }
    Ok(state)
}

/// Everybody whose grants are looked at.
fn managed(state: &State, content: &DatabaseContent) -> Vec<String> {
    let logins = content.roles.values().flat_map(|role| role.logins.keys().cloned());
    let groups = content.databases.keys().flat_map(|database| LEVELS.map(|level| group(database, level)));
    state.recorded.keys().cloned().chain(logins).chain(groups).collect()
}

async fn first(home: &mut Connection) -> Result<State> {
    let mut answers = home.ask(FIRST).await?.into_iter().map(|answer| answer.rows);
    let mut next = || answers.next().unwrap_or_default();
    let facts = next().into_iter().next().unwrap_or_default();
    let mut state = State {
        number: field(&facts, 0).parse().unwrap_or(0),
        version: format!("PostgreSQL {}", field(&facts, 1)),
        me: field(&facts, 2),
        is_superuser: is_true(&facts, 3),
        shows_verifiers: is_true(&facts, 4),
        has_ledger: is_true(&facts, 5),
        ..State::default()
    };
    for row in next() {
        let role = Role {
            can_login: is_true(&row, 1),
            inherits: is_true(&row, 2),
            limit: field(&row, 3).parse().unwrap_or(-1),
            has_expiry: is_true(&row, 4),
            attributes: field(&row, 5).split_whitespace().map(str::to_owned).collect(),
            ..Role::default()
        };
        state.roles.insert(field(&row, 0), role);
    }
    for row in next() {
        if let Some(role) = state.roles.get_mut(&field(&row, 0)) {
            role.member_of.push(Membership { group: field(&row, 1), by: field(&row, 2), may_give: is_true(&row, 3) });
        }
    }
    for row in next() {
        let database = Database {
            owner: field(&row, 1),
            is_mine: is_true(&row, 2) || state.is_superuser,
            allows_connections: is_true(&row, 3),
            limit: field(&row, 4).parse().unwrap_or(-1),
            is_half: field(&row, 5) == COMMENT,
            ..Database::default()
        };
        state.databases.insert(field(&row, 0), database);
    }
    for row in next() {
        if let Some(database) = state.databases.get_mut(&field(&row, 0)) {
            database.grants.push((field(&row, 1), field(&row, 2)));
        }
    }
    for row in next() {
        if let Some(role) = state.roles.get_mut(&field(&row, 0)) {
            role.settings.push((field(&row, 1), field(&row, 2)));
        }
    }
    for row in next() {
        if let Some(role) = state.roles.get_mut(&field(&row, 0)) {
            role.depends.insert(field(&row, 1));
        }
    }
    second(home, &mut state, is_true(&facts, 6)).await?;
    Ok(state)
}

/// What can be asked only once it is known to be there and readable.
async fn second(home: &mut Connection, state: &mut State, shows_hba: bool) -> Result<()> {
    let has_parameters = state.number >= 150_000;
    let asked = [
        (state.has_ledger, LEDGER_ROWS),
        (state.shows_verifiers, VERIFIERS),
        (shows_hba, HBA),
        (has_parameters, PARAMETERS),
    ];
    let sql: String = asked.iter().filter(|(is_asked, _)| *is_asked).map(|(_, sql)| *sql).collect();
    if sql.is_empty() {
        return Ok(());
    }
    let mut answers = home.ask(sql).await?.into_iter().map(|answer| answer.rows);
    let mut next = |is_asked: bool| if is_asked { answers.next().unwrap_or_default() } else { Vec::new() };
    for row in next(state.has_ledger) {
        let recorded = Recorded {
            role: field(&row, 1),
            salt: field(&row, 2),
            fingerprint: field(&row, 3),
            grants: field(&row, 4).split_terminator('\n').map(str::to_owned).collect(),
        };
        state.recorded.insert(field(&row, 0), recorded);
    }
    for row in next(state.shows_verifiers) {
        if let Some(role) = state.roles.get_mut(&field(&row, 0)) {
            role.verifier = row.get(1).cloned().flatten();
        }
    }
    for row in next(shows_hba) {
        let shown: Vec<String> = row.into_iter().skip(1).flatten().filter(|text| !text.is_empty()).collect();
        state.hba.push(shown.join(" "));
    }
    state.parameters = next(has_parameters).iter().map(|row| (field(row, 0), field(row, 1), field(row, 2))).collect();
    Ok(())
}

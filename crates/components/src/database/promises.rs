//! What a database server promises, as probes: what each role may, and above all what it may not.

use super::content::Role;
use super::data::Table;
use super::local::password;
use super::valid::ValidDatabase;
use crate::context::LocalContext;
use crate::database_use::LocalDatabase;
use model::database::GrantLevel;
use model::private_access::DatabaseLogin;
use model::probe::{Addresses, Probe, Question, SqlExpectation};
use model::{ManifestPath, ProbeId, Text};

/// Seconds until a killed server must answer again: it first reads what it had written.
const BACK_WITHIN_SECONDS: u32 = 60;
/// No generated password is this one.
const WRONG_PASSWORD: &str = "this-is-not-the-password";
/// A table that nobody may make.
const NEVER_MADE: &str = "landfall_must_not_exist";

/// Adds the probes of a server and of all its roles.
pub(super) fn database(valid: &ValidDatabase, here: &LocalDatabase, roles: &[Role], cx: &mut LocalContext<'_>) {
    let promises = Promises { valid, here, cx };
    let mut probes: Vec<Probe> = roles.iter().flat_map(|role| promises.role(role)).collect();
    probes.extend(promises.server(roles.first()));
    for probe in probes {
        cx.probe(probe);
    }
}

struct Promises<'a, 'c> {
    valid: &'a ValidDatabase,
    here: &'a LocalDatabase,
    cx: &'a LocalContext<'c>,
}

/// A statement that must succeed or be refused.
struct Asked<'t> {
    what: String,
    claim: String,
    database: &'t str,
    statement: String,
    expect: SqlExpectation,
    help: &'t str,
}

impl Promises<'_, '_> {
    /// What a role may, and what it may not.
    fn role(&self, role: &Role) -> Vec<Probe> {
        let name = &role.name;
        let mut asked = Vec::new();
        for (database, level) in &role.declaration.grants {
            // Beside the only database there is no other one to name.
            let (of, part) = match role.declaration.grants.len() {
                1 => (String::new(), String::new()),
                _ => (format!(" in {database}"), format!("/{database}")),
            };
            let table = self.table(database);
            asked.push(Asked {
                what: format!("{name}/reads{part}"),
                claim: match table {
                    Some(table) => format!("{name} reads {}{of}", table.name),
                    None => format!("{name} logs in{of}"),
                },
                database,
                statement: table
                    .map_or_else(|| "SELECT 1".to_owned(), |table| format!("SELECT 1 FROM {} LIMIT 1", table.written)),
                expect: SqlExpectation::Rows { at_least: u64::from(table.is_none_or(|table| table.has_rows)) },
                help: "look at what changed by hand: `landfall drift`; `landfall up` gives the role its rights again",
            });
            if let (GrantLevel::ReadOnly, Some(table)) = (level, table) {
                let table = &table.written;
                asked.push(Asked {
                    what: format!("{name}/writes-nothing{part}"),
                    claim: format!("{name} cannot add rows{of}"),
                    database,
                    // Adds no row even if it were let through.
                    statement: format!("INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0"),
                    expect: SqlExpectation::Denied,
                    help: GRANTED_BY_HAND,
                });
            }
            if *level < GrantLevel::Owner {
                asked.push(Asked {
                    what: format!("{name}/makes-no-tables{part}"),
                    claim: format!("{name} cannot make tables{of}"),
                    database,
                    statement: format!("CREATE TABLE {NEVER_MADE} (never integer)"),
                    expect: SqlExpectation::Denied,
                    help: GRANTED_BY_HAND,
                });
            }
        }
        let Some(first) = role.declaration.grants.keys().next() else { return Vec::new() };
        let passwords = if self.valid.engine.speaks_mysql() { "mysql.user" } else { "pg_catalog.pg_authid" };
        asked.push(Asked {
            what: format!("{name}/sees-no-passwords"),
            claim: format!("{name} cannot read the password hashes in {passwords}"),
            database: first,
            statement: format!("SELECT 1 FROM {passwords} LIMIT 1"),
            expect: SqlExpectation::Denied,
            help: GRANTED_BY_HAND,
        });
        let others = self.valid.databases.keys().filter(|database| !role.declaration.grants.contains_key(*database));
        asked.extend(others.map(|other| Asked {
            what: format!("{name}/not-in/{other}"),
            claim: format!("{name} does not get into {other}"),
            database: other,
            statement: "SELECT 1".to_owned(),
            // The password is right: what is refused is the database.
            expect: SqlExpectation::Denied,
            help: GRANTED_BY_HAND,
        }));
        asked.into_iter().map(|asked| self.asked(role, asked)).collect()
    }

    fn asked(&self, role: &Role, asked: Asked<'_>) -> Probe {
        let question = Question::Sql {
            port: self.here.port.clone(),
            login: self.login(role, asked.database),
            tls: true,
            statement: asked.statement,
            expect: asked.expect,
        };
        self.probe(&asked.what, &role.at, asked.claim, question, asked.help)
    }

    /// What the server itself refuses, and that it comes back.
    fn server(&self, role: Option<&Role>) -> Vec<Probe> {
        let name = self.cx.name;
        let (engine_at, port_at) = (self.valid.at.key("engine"), self.valid.at.key("port"));
        let port = &self.here.port;
        let mut probes = Vec::new();
        let mut alive = Question::Tcp { port: port.clone(), on: Addresses::Loopback, open: true };
        if let Some((role, database)) = role.and_then(|role| Some((role, role.declaration.grants.keys().next()?))) {
            let login = self.login(role, database);
            let refused = |login, tls| Question::Sql {
                port: port.clone(),
                login,
                tls,
                statement: "SELECT 1".to_owned(),
                expect: SqlExpectation::LoginRefused,
            };
            let claim = format!("{name} refuses a login without TLS");
            let help = "the server's configuration was changed by hand; `landfall up` writes it again";
            probes.push(self.probe("plain-text", &engine_at, claim, refused(login.clone(), false), help));
            let wrong = DatabaseLogin { password: Text::literal(WRONG_PASSWORD), ..login.clone() };
            let claim = format!("{name} refuses a wrong password");
            probes.push(self.probe("wrong-password", &engine_at, claim, refused(wrong, true), help));
            let table = self.table(database);
            alive = Question::Sql {
                port: port.clone(),
                login,
                tls: true,
                statement: table
                    .map_or_else(|| "SELECT 1".to_owned(), |table| format!("SELECT 1 FROM {} LIMIT 1", table.written)),
                expect: SqlExpectation::Rows { at_least: u64::from(table.is_none_or(|table| table.has_rows)) },
            };
        }
        let claim = format!("{name}'s port is closed on every other address of this machine");
        let question = Question::Tcp { port: port.clone(), on: Addresses::EveryOther, open: false };
        let help = "another program listens there, or the server's configuration was changed by hand";
        probes.push(self.probe("loopback-only", &port_at, claim, question, help));
        let claim = format!("{name} is back with its data within {BACK_WITHIN_SECONDS} s after kill -9");
        let question = Question::Restart {
            program: self.here.program.clone(),
            within_seconds: BACK_WITHIN_SECONDS,
            alive: Box::new(alive),
        };
        let help = format!("look at its log: `landfall logs {name}`");
        probes.push(self.probe("restart", &engine_at, claim, question, &help));
        probes
    }

    fn probe(&self, what: &str, origin: &ManifestPath, claim: String, question: Question, help: &str) -> Probe {
        Probe {
            id: ProbeId::new(format!("{}/{what}", self.cx.name)),
            component: self.cx.name.clone(),
            origin: origin.clone(),
            claim,
            question,
            help: help.to_owned(),
            contrast: None,
        }
    }

    fn login(&self, role: &Role, database: &str) -> DatabaseLogin {
        DatabaseLogin {
            engine: self.here.engine,
            server_name: None,
            database: database.to_owned(),
            user: Text::literal(&role.login),
            password: password(role, self.cx),
        }
    }

    /// A table to try with: one that has rows if there is any.
    fn table(&self, database: &str) -> Option<&Table> {
        let tables = self.valid.tables.get(database)?;
        tables.iter().find(|table| table.has_rows).or_else(|| tables.first())
    }
}

const GRANTED_BY_HAND: &str = "somebody granted more by hand: `landfall drift` shows what, `landfall up` takes it away";

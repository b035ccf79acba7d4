//! MySQL and MariaDB: a login is a name and a host pattern and holds its grants itself.
//!
//! The administrator need not have SUPER; it reads `mysql.*` and never writes it. The ledger is a database of its own.

mod difference;
mod hosts;
mod observe;
mod state;
mod strange;

pub(crate) use difference::difference;
pub(crate) use observe::{made_by_question, observe, sessions_question};
pub(crate) use state::State;

use crate::quote;
use model::database::{Engine, GrantLevel};

fn name(text: &str) -> String {
    quote::name(Engine::Mysql, text)
}

fn text(value: &str) -> String {
    quote::text(Engine::Mysql, value)
}

/// The privileges of a level on a database.
fn privileges(level: GrantLevel) -> &'static [&'static str] {
    match level {
        GrantLevel::ReadOnly => &["SELECT"],
        // Routines of data files run with the rights of who calls them (see `load`).
        GrantLevel::ReadWrite => &["SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"],
        GrantLevel::Owner => &[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "CREATE",
            "ALTER",
            "DROP",
            "INDEX",
            "REFERENCES",
            "CREATE TEMPORARY TABLES",
            "LOCK TABLES",
            "CREATE VIEW",
            "SHOW VIEW",
            "TRIGGER",
            "EVENT",
            "EXECUTE",
            "CREATE ROUTINE",
            "ALTER ROUTINE",
        ],
    }
}

/// How a login is shown to people: with its host pattern where that says something.
fn shown(login: &str, host: &str) -> String {
    if host == "%" { login.to_owned() } else { format!("{login}@{host}") }
}

//! PostgreSQL: groups without login hold the grants of a database, logins are members of groups.
//!
//! The administrator need not be superuser: with CREATEDB and CREATEROLE it makes itself a member of every owner group, and acts
//! for it. The ledger is a database of its own (managed logins) and a schema in each database (what was loaded).

mod difference;
mod inside;
mod loader;
mod logins;
mod observe;
mod rights;
mod state;
mod strange;

pub(crate) use difference::difference;
pub(crate) use loader::{LOADER, Loader};
pub(crate) use observe::observe;
pub(crate) use state::State;

use crate::quote;
use model::database::{Engine, GrantLevel};

/// What an identifier may have at most; the server cuts longer ones without a word.
const LONGEST_NAME: usize = 63;

/// The group that holds a level's grants.
pub(crate) fn group(database: &str, level: GrantLevel) -> String {
    let suffix = match level {
        GrantLevel::ReadOnly => "read",
        GrantLevel::ReadWrite => "write",
        GrantLevel::Owner => "owner",
    };
    format!("{database}_{suffix}")
}

pub(crate) const LEVELS: [GrantLevel; 3] = [GrantLevel::Owner, GrantLevel::ReadWrite, GrantLevel::ReadOnly];

fn name(text: &str) -> String {
    quote::name(Engine::Postgres, text)
}

fn text(value: &str) -> String {
    quote::text(Engine::Postgres, value)
}

/// Somebody in a GRANT; the empty name is everybody.
fn grantee(name_: &str) -> String {
    if name_.is_empty() { "PUBLIC".to_owned() } else { name(name_) }
}

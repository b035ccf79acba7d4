//! What a server could not hold, or must not be asked for, found before anything is touched.

use crate::error::{Error, Result, refused};
use crate::server::LEDGER;
use indexmap::IndexMap;
use model::database::{DatabaseContent, RoleDeclaration};
use model::{NodeId, Secret};
use std::collections::BTreeMap;

/// The passwords of logins by the nodes that make them.
pub type Passwords = IndexMap<NodeId, Secret>;

/// What an engine allows.
pub(crate) struct Limits {
    /// Bytes of a login's name.
    pub(crate) login: usize,
    /// Bytes of a database's name.
    pub(crate) database: usize,
    /// Databases of its own.
    pub(crate) own_databases: &'static [&'static str],
    /// How names of its own logins begin.
    pub(crate) own_logins: &'static [&'static str],
}

/// Finds what cannot be: the first of each kind is enough, as the manifest's own check comes before.
pub(crate) fn check(content: &DatabaseContent, limits: &Limits, administrator: &str) -> Result<()> {
    for name in content.databases.keys() {
        if limits.own_databases.contains(&name.as_str()) || name.starts_with(LEDGER) {
            return Err(refused(
                format!("database {name} is the server's own or this product's"),
                "choose another name",
            ));
        }
        length("database", name, limits.database)?;
    }
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (role, declared) in &content.roles {
        for login in declared.logins.keys() {
            login_is_possible(role, login, limits, administrator)?;
            if let Some(other) = owners.insert(login, role) {
                return Err(refused(
                    format!("{other} and {role} would both log in as {login}"),
                    "name one of them otherwise; while a password is rotated, NAME_b belongs to NAME",
                ));
            }
        }
        grants_are_possible(content, role, declared)?;
    }
    Ok(())
}

fn grants_are_possible(content: &DatabaseContent, role: &str, declared: &RoleDeclaration) -> Result<()> {
    match declared.grants.keys().find(|database| !content.databases.contains_key(*database)) {
        None => Ok(()),
        Some(database) => Err(refused(
            format!("{role} is granted something on database {database}, which is not declared"),
            "declare the database",
        )),
    }
}

fn login_is_possible(role: &str, login: &str, limits: &Limits, administrator: &str) -> Result<()> {
    if login == administrator {
        return Err(refused(
            format!("{role} would log in as {login}, which is the administrator"),
            "name the component or person otherwise",
        ));
    }
    if let Some(own) = limits.own_logins.iter().find(|own| login.starts_with(**own)) {
        return Err(refused(
            format!("{role} would log in as {login}, and names that begin with {own} are the server's own"),
            "name the component or person otherwise",
        ));
    }
    length("login", login, limits.login)
}

fn length(what: &str, name: &str, most: usize) -> Result<()> {
    if name.is_empty() || name.contains('\0') {
        return Err(refused(format!("a {what} must have a name without NUL"), "name it"));
    }
    if name.len() > most {
        return Err(refused(format!("{what} {name} has more than {most} bytes"), "choose a shorter name"));
    }
    Ok(())
}

/// The password of a login.
pub(crate) fn password<'a>(passwords: &'a Passwords, node: &NodeId) -> Result<&'a Secret, Error> {
    passwords
        .get(node)
        .ok_or_else(|| refused(format!("there is no password {node}"), "make the deployment's secrets first"))
}

//! What changes in a database server's content, in words.

use model::database::{DatabaseContent, RoleDeclaration};
use model::process_graph::DatabaseContentSpec;

/// So many differences are told; the number of the others.
const TOLD: usize = 4;

/// How a description differs from the one that was made before; nothing when it differs otherwise than people could say.
pub(super) fn difference(before: &DatabaseContentSpec, wanted: &DatabaseContentSpec) -> Vec<String> {
    let mut words = databases(&before.content, &wanted.content);
    words.extend(roles(&before.content, &wanted.content));
    if before.backups_kept != wanted.backups_kept {
        words.push(format!("{} backups are kept instead of {}", wanted.backups_kept, before.backups_kept));
    }
    let more = words.len().saturating_sub(TOLD);
    words.truncate(TOLD);
    words.extend((more > 0).then(|| format!("and {more} more")));
    words
}

fn databases(before: &DatabaseContent, wanted: &DatabaseContent) -> Vec<String> {
    let mut words = Vec::new();
    // What might be taken for a loss comes first.
    let gone = before.databases.keys().filter(|name| !wanted.databases.contains_key(*name));
    words.extend(gone.map(|name| format!("database {name} is no longer named: it stays, with all that is in it")));
    for (name, declared) in &wanted.databases {
        let Some(before) = before.databases.get(name) else {
            words.push(format!("database {name} is new"));
            continue;
        };
        for data in &declared.data {
            match before.data.iter().find(|one| one.path == data.path) {
                None => words.push(format!("{} is to be loaded into {name}", data.path)),
                Some(one) if one.digest != data.digest => words.push(format!(
                    "{} changed, and is loaded into {name} only if that has not happened yet",
                    data.path
                )),
                Some(_) => {}
            }
        }
        let new = declared.extensions.iter().filter(|extension| !before.extensions.contains(extension));
        words.extend(new.map(|extension| format!("extension {extension} is new in {name}")));
    }
    words
}

fn roles(before: &DatabaseContent, wanted: &DatabaseContent) -> Vec<String> {
    let gone = before.roles.keys().filter(|role| !wanted.roles.contains_key(*role));
    let mut words: Vec<String> = gone.map(|role| format!("{role} has no login any more")).collect();
    for (role, declared) in &wanted.roles {
        match before.roles.get(role) {
            None => words.push(format!("{role} gets a login: {}", grants(declared))),
            Some(before) => words.extend(role_difference(role, before, declared)),
        }
    }
    words
}

fn role_difference(role: &str, before: &RoleDeclaration, wanted: &RoleDeclaration) -> Vec<String> {
    let mut words = Vec::new();
    if before.grants != wanted.grants {
        words.push(format!("{role}: {} instead of {}", grants(wanted), grants(before)));
    }
    if !before.logins.keys().eq(wanted.logins.keys()) {
        let logins: Vec<&str> = wanted.logins.keys().map(String::as_str).collect();
        words.push(format!("{role} logs in as {}", logins.join(" or ")));
    }
    if before.connections != wanted.connections
        && let Some(connections) = wanted.connections
    {
        words.push(format!("{role} may hold {connections} connections"));
    }
    words
}

fn grants(role: &RoleDeclaration) -> String {
    let grants: Vec<String> = role.grants.iter().map(|(database, level)| format!("{level} in {database}")).collect();
    if grants.is_empty() { "nothing".to_owned() } else { grants.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexMap;
    use model::database::{DataForm, DatabaseDeclaration, Engine, GrantLevel, InitialData};
    use model::{Digest, NodeId, PortId};

    fn spec(
        databases: &[(&str, &[(&str, &str)])],
        roles: &[(&str, GrantLevel, &[&str])],
        kept: u32,
    ) -> DatabaseContentSpec {
        let data = |(path, text): &(&str, &str)| InitialData {
            path: (*path).to_owned(),
            digest: Digest::of_bytes(text.as_bytes()),
            form: DataForm::Sql,
        };
        let databases = databases.iter().map(|(name, files)| {
            let declared = DatabaseDeclaration { extensions: Vec::new(), data: files.iter().map(data).collect() };
            ((*name).to_owned(), declared)
        });
        let roles = roles.iter().map(|(name, level, logins)| {
            let role = RoleDeclaration {
                logins: logins.iter().map(|login| ((*login).to_owned(), NodeId::new(format!("db/{login}")))).collect(),
                grants: IndexMap::from([("shop".to_owned(), *level)]),
                connections: Some(10),
                sources: Vec::new(),
            };
            ((*name).to_owned(), role)
        });
        let content =
            DatabaseContent { engine: Engine::Mariadb, databases: databases.collect(), roles: roles.collect() };
        DatabaseContentSpec {
            server: NodeId::new("db/server"),
            port: PortId::new("db/sql"),
            content,
            backups_kept: kept,
        }
    }

    #[test]
    fn what_is_no_longer_named_is_said_to_stay() {
        let before = spec(
            &[("shop", &[("a.sql", "1"), ("b.sql", "1")]), ("old", &[])],
            &[("app", GrantLevel::Owner, &["app"]), ("ann", GrantLevel::ReadOnly, &["ann"])],
            7,
        );
        let after = spec(
            &[("shop", &[("a.sql", "1"), ("b.sql", "2"), ("c.sql", "1")]), ("new", &[])],
            &[("app", GrantLevel::ReadWrite, &["app", "app_b"]), ("bob", GrantLevel::ReadOnly, &["bob"])],
            3,
        );
        assert_eq!(difference(&before, &before), Vec::<String>::new());
        let mut all = databases(&before.content, &after.content);
        all.extend(roles(&before.content, &after.content));
        insta::assert_snapshot!(all.join("\n"), @r"
        database old is no longer named: it stays, with all that is in it
        b.sql changed, and is loaded into shop only if that has not happened yet
        c.sql is to be loaded into shop
        database new is new
        ann has no login any more
        app: read-write in shop instead of owner in shop
        app logs in as app or app_b
        bob gets a login: read-only in shop
        ");
        assert_eq!(difference(&before, &after).last().unwrap(), "and 5 more");
    }
}

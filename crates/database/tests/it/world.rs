//! What tests want of a server, in few words.

use crate::servers::Running;
use database::{
    Change, Connection, Error, Given, Observed, Passwords, Progress, Server, apply, difference, observe, query,
};
use indexmap::IndexMap;
use model::database::{DataForm, DatabaseContent, DatabaseDeclaration, GrantLevel, InitialData, RoleDeclaration};
use model::{Digest, NodeId, Secret};
use std::io::Write as _;
use std::path::Path;

/// A content without anything.
pub(crate) fn content(server: &Running, databases: &[&str]) -> DatabaseContent {
    let databases = databases.iter().map(|name| ((*name).to_owned(), DatabaseDeclaration::default())).collect();
    DatabaseContent { engine: server.engine(), databases, roles: IndexMap::new() }
}

/// Adds a role that logs in by its own name; its password is `NAME's password`.
pub(crate) fn role<'a>(
    content: &'a mut DatabaseContent,
    name: &str,
    grants: &[(&str, GrantLevel)],
) -> &'a mut RoleDeclaration {
    let declared = RoleDeclaration {
        logins: [(name.to_owned(), NodeId::new(format!("db/roles/{name}")))].into_iter().collect(),
        grants: grants.iter().map(|(database, level)| ((*database).to_owned(), *level)).collect(),
        connections: Some(7),
        sources: Vec::new(),
    };
    content.roles.insert(name.to_owned(), declared);
    content.roles.get_mut(name).unwrap()
}

/// Writes a file and names it in a database.
pub(crate) fn data(
    content: &mut DatabaseContent,
    folder: &Path,
    database: &str,
    path: &str,
    text: &str,
    table: Option<&str>,
) {
    std::fs::write(folder.join(path), text).unwrap();
    let form = table.map_or(DataForm::Sql, |table| DataForm::Csv { table: table.to_owned() });
    let data = InitialData { path: path.to_owned(), digest: Digest::of_bytes(text.as_bytes()), form };
    let all = &mut content.databases.get_mut(database).unwrap().data;
    all.retain(|one| one.path != path);
    all.push(data);
}

pub(crate) fn password_of(login: &str) -> String {
    format!("{login}'s pässword")
}

pub(crate) fn passwords(content: &DatabaseContent) -> Passwords {
    let logins = content.roles.values().flat_map(|role| &role.logins);
    logins.map(|(login, node)| (node.clone(), Secret::new(password_of(login)))).collect()
}

/// Looks and compares.
pub(crate) async fn look(server: &mut Server, content: &DatabaseContent) -> (Observed, Vec<Change>) {
    let observed = observe(server, content).await.unwrap();
    let changes = difference(content, &observed, &passwords(content)).unwrap();
    (observed, changes)
}

pub(crate) fn lines(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

/// Looks and makes it so; then there must be nothing left to do. Returns what was done.
pub(crate) async fn converge(
    server: &mut Server,
    content: &DatabaseContent,
    folder: &Path,
) -> Result<Vec<String>, Error> {
    let (_, changes) = look(server, content).await;
    let passwords = passwords(content);
    let mut at = String::new();
    let mut progress = |progress: Progress<'_>| {
        if let Progress::Begun(change) = progress {
            at = change.to_string();
        }
        Ok(())
    };
    let result = apply(server, &changes, Given { passwords: &passwords, folder }, &mut progress).await;
    if let Err(error) = result {
        let _ = writeln!(std::io::stderr().lock(), "while: {at}");
        return Err(error);
    }
    let (_, left) = look(server, content).await;
    assert_eq!(lines(&left), Vec::<String>::new(), "nothing is left to do");
    Ok(lines(&changes))
}

/// What comes of a statement of somebody.
pub(crate) async fn ask(server: &Running, login: &str, database: &str, sql: &str) -> Result<u64, Error> {
    let mut connection = Connection::open(&server.login(login, &password_of(login), database)).await?;
    let found = query(&mut connection, sql).await?;
    connection.close().await;
    Ok(found.count)
}

/// Asserts that it is refused for want of rights.
pub(crate) async fn denied(server: &Running, login: &str, database: &str, sql: &str) {
    let result = ask(server, login, database, sql).await;
    assert!(matches!(result, Err(Error::Denied { .. })), "{login} in {database}: {sql}: {result:?}");
}

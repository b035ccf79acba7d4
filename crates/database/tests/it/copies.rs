//! Backups and restores by the engines' own tools.

use crate::servers::{ALL, Kind, Running, mysql_root, postgres_programs, turn};
use crate::world::{ask, content, converge, data, role};
use database::{Backup, DESCRIPTION, Error, Server, Strange, abandon_restore, backup, check, finish_restore, restore};
use model::database::DatabaseContent;
use model::database::GrantLevel::{Owner, ReadOnly};
use std::path::{Path, PathBuf};

fn programs(server: &Running) -> Option<PathBuf> {
    match server.kind {
        Kind::Postgres => postgres_programs(),
        Kind::Mariadb => None,
        Kind::Mysql => mysql_root().map(|root| root.join("usr/bin")),
    }
}

async fn filled(server: &Running, folder: &Path) -> DatabaseContent {
    let mut wanted = content(server, &["teams", "odd näme"]);
    role(&mut wanted, "app", &[("teams", Owner)]);
    role(&mut wanted, "bi", &[("teams", ReadOnly)]);
    let schema = "CREATE TABLE teams (id int PRIMARY KEY, name varchar(40));\nCREATE TABLE none_yet (id int);\nINSERT INTO teams VALUES (1, 'ä'), (2, NULL);\n";
    data(&mut wanted, folder, "teams", "schema.sql", schema, None);
    converge(&mut Server::new(server.administrator()), &wanted, folder).await.unwrap();
    wanted
}

/// Whether a look at the server says that the copy is half restored.
async fn again_is_half(server: &Running, wanted: &DatabaseContent) -> bool {
    let mut looking = Server::new(server.administrator());
    let strange = database::observe(&mut looking, wanted).await.unwrap().strange(wanted);
    looking.close().await;
    strange.contains(&Strange::HalfRestored { database: "again".to_owned() })
}

#[tokio::test]
async fn what_was_copied_comes_back_under_another_name() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = filled(&server, folder.path()).await;
        let (programs, access, into) = (programs(&server), server.administrator(), folder.path().join("copy"));
        let made = backup(programs.as_deref(), &access, &wanted, &into).await.unwrap();
        assert_eq!(made, Backup::read(&into).unwrap());
        let rows: Vec<(&str, u64)> =
            made.databases["teams"].rows.iter().map(|(table, rows)| (table.as_str(), *rows)).collect();
        assert_eq!(rows, [("none_yet", 0), ("teams", 2)]);
        assert_eq!(made.roles.keys().collect::<Vec<_>>(), ["app", "bi"]);
        let again = backup(programs.as_deref(), &access, &wanted, &into).await;
        assert!(matches!(again, Err(Error::Refused { .. })), "{again:?}");

        for entry in std::fs::read_dir(&into).unwrap().flatten() {
            let mode = std::os::unix::fs::MetadataExt::mode(&entry.metadata().unwrap()) & 0o777;
            assert_eq!(mode, 0o600, "{}", entry.path().display());
        }

        let restored = restore(programs.as_deref(), &access, &into, "teams", "again").await.unwrap();
        assert_eq!((restored.tables, restored.differences.len()), (2, 0));
        assert!(again_is_half(&server, &wanted).await, "it bears its mark until it was checked");
        let anew = restore(programs.as_deref(), &access, &into, "teams", "again").await.unwrap();
        assert!(anew.replaces_half && !restored.replaces_half);
        finish_restore(&access, "again").await.unwrap();
        assert!(!again_is_half(&server, &wanted).await);
        assert!(!abandon_restore(&access, "again").await.unwrap(), "a whole one is never taken away");
        let twice = restore(programs.as_deref(), &access, &into, "teams", "again").await;
        assert!(matches!(twice, Err(Error::Refused { .. })), "{twice:?}");
        server.sql(Some("again"), "DELETE FROM teams WHERE id = 1").await;
        let differences = check(&access, &into, "teams", "again").await.unwrap();
        assert_eq!((differences.len(), differences[0].had, differences[0].has), (1, Some(2), Some(1)));

        // Named in the content, it is like any other.
        wanted.databases.insert("again".to_owned(), model::database::DatabaseDeclaration::default());
        wanted.roles.get_mut("app").unwrap().grants.insert("again".to_owned(), Owner);
        wanted.roles.get_mut("bi").unwrap().grants.insert("again".to_owned(), ReadOnly);
        converge(&mut Server::new(access.clone()), &wanted, folder.path()).await.unwrap();
        assert_eq!(ask(&server, "bi", "again", "SELECT * FROM teams").await.unwrap(), 1);
        ask(&server, "app", "again", "ALTER TABLE teams ADD more int").await.unwrap();
    }
}

#[tokio::test]
async fn extensions_that_an_owner_may_not_make_come_back_too() {
    let Some(server) = turn(Kind::Postgres).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = content(&server, &["teams"]);
    wanted.databases["teams"].extensions = vec!["dblink".to_owned(), "pg_trgm".to_owned()];
    let schema = "CREATE SCHEMA tools; CREATE TABLE tools.words (word text);\n\
                  CREATE INDEX ON tools.words USING gin (word gin_trgm_ops); INSERT INTO tools.words VALUES ('a');";
    data(&mut wanted, folder.path(), "teams", "schema.sql", schema, None);
    converge(&mut Server::new(server.administrator()), &wanted, folder.path()).await.unwrap();
    server.sql(Some("teams"), "CREATE EXTENSION fuzzystrmatch SCHEMA tools").await;
    let (programs, access, into) = (programs(&server), server.administrator(), folder.path().join("copy"));
    backup(programs.as_deref(), &access, &wanted, &into).await.unwrap();
    let restored = restore(programs.as_deref(), &access, &into, "teams", "again").await.unwrap();
    assert_eq!((restored.tables, restored.differences.len()), (1, 0));
    let question = "SELECT extname || '|' || rolname || '|' || nspname FROM pg_extension JOIN pg_roles r ON r.oid = extowner \
                    JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1";
    let has: Vec<String> = server.sql(Some("again"), question).await.into_iter().flatten().flatten().collect();
    let admin = crate::servers::ADMINISTRATOR;
    assert_eq!(
        has,
        [format!("dblink|{admin}|public"), format!("fuzzystrmatch|{admin}|tools"), format!("pg_trgm|{admin}|public")]
    );
}

#[tokio::test]
async fn what_fails_leaves_no_half_and_no_password() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let wanted = filled(&server, folder.path()).await;
        let (programs, access, into) = (programs(&server), server.administrator(), folder.path().join("copy"));
        // A tool that writes something and dies, as when the disk is full.
        let broken = folder.path().join("bin");
        std::fs::create_dir(&broken).unwrap();
        for name in ["pg_dump", "mariadb-dump", "mysqldump", "pg_restore", "mariadb", "mysql"] {
            let path = broken.join(name);
            let script = "#!/bin/sh\necho \"$@\" >\"$0.arguments\"\nenv >\"$0.environment\"\necho half\necho 'No space left on device' >&2\nexit 5\n";
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let error = backup(Some(&broken), &access, &wanted, &into).await.unwrap_err();
        assert!(error.to_string().contains("No space left on device"), "{error}");
        let left: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        assert!(!left.iter().any(|name| name.contains("copy")), "{left:?}");
        for entry in std::fs::read_dir(&broken).unwrap().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(!text.contains("administrator's own"), "{}", entry.path().display());
        }
        let temporary = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        let own = format!("landfall-tool-{}-", std::process::id());
        assert_eq!(temporary.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)).count(), 0);

        backup(programs.as_deref(), &access, &wanted, &into).await.unwrap();
        let error = restore(Some(&broken), &access, &into, "teams", "again").await.unwrap_err();
        assert!(matches!(error, Error::Tool { .. }), "{error:?}");
        let file = into.join(&Backup::read(&into).unwrap().databases["teams"].file);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.pop();
        std::fs::write(&file, bytes).unwrap();
        let error = restore(programs.as_deref(), &access, &into, "teams", "again").await.unwrap_err();
        assert!(error.to_string().contains("its digest is another"), "{error}");
        let question = if kind == Kind::Postgres {
            "SELECT 1 FROM pg_database WHERE datname = 'again'"
        } else {
            "SHOW DATABASES LIKE 'again'"
        };
        assert_eq!(server.sql(None, question).await.len(), 0);
        std::fs::write(into.join(DESCRIPTION), "{}").unwrap();
        assert!(restore(programs.as_deref(), &access, &into, "teams", "again").await.is_err());
    }
}

//! Cut off anywhere, hostile names, administrators without power.

use crate::servers::{ALL, Kind, Running, SPEAK_MYSQL, turn};
use crate::world::{ask, content, converge, data, denied, lines, look, passwords, role};
use database::{Access, Error, Given, Progress, Server, apply};
use model::Secret;
use model::database::DatabaseContent;
use model::database::GrantLevel::{Owner, ReadOnly, ReadWrite};
use std::path::Path;

/// Everything that a change may be, on the way from nothing and on the way back.
fn contents(server: &Running, folder: &Path) -> [DatabaseContent; 2] {
    let mut full = content(server, &["teams", "shop"]);
    role(&mut full, "app", &[("teams", ReadWrite), ("shop", Owner)]);
    role(&mut full, "bi", &[("teams", ReadOnly)]);
    let schema = "CREATE TABLE teams (id int);\nCREATE VIEW v AS SELECT * FROM teams;\nINSERT INTO teams VALUES (1);\n";
    data(&mut full, folder, "teams", "schema.sql", schema, None);
    data(&mut full, folder, "teams", "teams.csv", "id\n2\n", Some("teams"));
    let mut less = full.clone();
    less.roles.shift_remove("bi");
    less.roles.get_mut("app").unwrap().grants.insert("shop".to_owned(), ReadOnly);
    [full, less]
}

#[tokio::test]
async fn cut_off_after_any_change_it_comes_to_the_same_end() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        for wanted in contents(&server, folder.path()) {
            let passwords = passwords(&wanted);
            let mut cuts = 0;
            loop {
                // One change more each time than the time before, from what the last cut left.
                let mut administrator = Server::new(server.administrator());
                let (_, changes) = look(&mut administrator, &wanted).await;
                if changes.is_empty() {
                    break;
                }
                let mut progress = |progress: Progress<'_>| match progress {
                    Progress::Done(_) => Err(Error::Lost { cause: "cut off".to_owned() }),
                    Progress::Begun(_) => Ok(()),
                };
                let given = Given { passwords: &passwords, folder: folder.path() };
                // Cut off after the first change, where that left something; PostgreSQL takes the open transaction back.
                let first = apply(&mut administrator, &changes, given, &mut progress).await;
                assert_eq!(first, Err(Error::Lost { cause: "cut off".to_owned() }));
                let mut after = Server::new(server.administrator());
                let (_, left) = look(&mut after, &wanted).await;
                if lines(&left) == lines(&changes) {
                    // Then it is let go as far as the next change that is on its own.
                    let mut count = 0;
                    let most = cuts + 1;
                    let mut progress = |progress: Progress<'_>| {
                        count += usize::from(matches!(progress, Progress::Done(_)));
                        if count > most { Err(Error::Lost { cause: "cut off".to_owned() }) } else { Ok(()) }
                    };
                    let _ = apply(&mut after, &changes, given, &mut progress).await;
                }
                cuts += 1;
                assert!(cuts < 200, "{kind:?}: it does not come to an end: {:?}", lines(&left));
            }
            assert!(cuts > 0);
        }
        ask(&server, "app", "teams", "INSERT INTO teams VALUES (3)").await.unwrap();
        assert_eq!(ask(&server, "app", "teams", "SELECT * FROM teams").await.unwrap(), 3);
        assert_eq!(ask(&server, "app", "teams", "SELECT * FROM v").await.unwrap(), 3);
        assert!(matches!(ask(&server, "bi", "teams", "SELECT 1").await, Err(Error::LoginRefused { .. })));
        denied(&server, "app", "shop", "CREATE TABLE x (id int)").await;
    }
}

#[tokio::test]
async fn names_are_names_whatever_they_hold() {
    let hostile = ["a'b", "a\"b", "a`b", "a\\b", "a%b_c", "a; DROP DATABASE x; --", "ä€", "$$", "a/*", "select"];
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        // MySQL's own files cannot bear every name.
        let databases: Vec<String> = hostile.iter().map(|name| format!("{name}.d")).collect();
        let databases: Vec<&str> = databases.iter().map(String::as_str).collect();
        let mut wanted = content(&server, &databases);
        for (name, database) in hostile.iter().zip(&databases) {
            role(&mut wanted, name, &[(database, Owner)]);
        }
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        for (name, database) in hostile.iter().zip(&databases) {
            ask(&server, name, database, "CREATE TABLE t (id int)")
                .await
                .unwrap_or_else(|error| panic!("{kind:?} {name}: {error}"));
        }
        wanted.roles.clear();
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
    }
}

#[tokio::test]
async fn an_administrator_of_rds_will_do() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        match kind {
            Kind::Postgres => {
                let sql = "CREATE ROLE master LOGIN CREATEDB CREATEROLE PASSWORD 'master''s'";
                server.sql(None, sql).await;
                server.sql(None, "CREATE DATABASE initial OWNER master").await;
            }
            _ => {
                server.sql(None, "CREATE USER master@'%' IDENTIFIED BY 'master''s'").await;
                let privileges = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, \
                    CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, \
                    CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER";
                server.sql(None, &format!("GRANT {privileges} ON *.* TO master@'%' WITH GRANT OPTION")).await;
                // As RDS has it.
                server.sql(None, "CREATE PROCEDURE mysql.rds_kill(IN thread BIGINT) KILL thread").await;
            }
        }
        let access = Access { user: "master".to_owned(), password: Secret::new("master's"), ..server.administrator() };
        let database = if kind == Kind::Postgres { "initial" } else { "teams" };
        let mut administrator = Server::new(access);
        for wanted in contents(&server, folder.path()) {
            let mut wanted = wanted;
            if kind == Kind::Postgres {
                let there = wanted.databases.shift_remove("teams").unwrap();
                wanted.databases.insert("initial".to_owned(), there);
                for declared in wanted.roles.values_mut() {
                    if let Some(level) = declared.grants.shift_remove("teams") {
                        declared.grants.insert("initial".to_owned(), level);
                    }
                }
                wanted.databases.get_mut("initial").unwrap().extensions.push("pg_trgm".to_owned());
            }
            converge(&mut administrator, &wanted, folder.path()).await.unwrap();
            ask(&server, "app", database, "INSERT INTO teams VALUES (3)").await.unwrap();
            denied(&server, "app", database, "CREATE TABLE mine (id int)").await;
        }
        assert!(matches!(ask(&server, "bi", database, "SELECT 1").await, Err(Error::LoginRefused { .. })));
        // A changed secret changes the login although nobody shows what is stored.
        let [_, mut wanted] = contents(&server, folder.path());
        if kind == Kind::Postgres {
            wanted.databases.clear();
            wanted.roles.values_mut().for_each(|declared| declared.grants.clear());
        }
        let mut changed = passwords(&wanted);
        for secret in changed.values_mut() {
            *secret = Secret::new("another");
        }
        let observed = database::observe(&mut administrator, &wanted).await.unwrap();
        let changes = database::difference(&wanted, &observed, &changed).unwrap();
        assert!(lines(&changes).contains(&"set the password of app".to_owned()), "{:?}", lines(&changes));
        if SPEAK_MYSQL.contains(&kind) {
            server.sql(None, "DROP PROCEDURE mysql.rds_kill").await;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_touched() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let mut administrator = Server::new(server.administrator());
        let refusal = async |administrator: &mut Server, wanted: &DatabaseContent| {
            let observed = database::observe(administrator, wanted).await.unwrap();
            let error = database::difference(wanted, &observed, &passwords(wanted)).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error:?}");
            error.to_string()
        };
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "landfall_admin", &[]);
        assert!(refusal(&mut administrator, &wanted).await.contains("the administrator"));
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "a", &[("shop", Owner)]);
        assert!(refusal(&mut administrator, &wanted).await.contains("shop, which is not declared"));
        let wanted = content(&server, &["landfall"]);
        assert!(refusal(&mut administrator, &wanted).await.contains("this product's"));
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, &"x".repeat(64), &[]);
        assert!(refusal(&mut administrator, &wanted).await.contains("more than"));
        if kind == Kind::Postgres {
            let mut wanted = content(&server, &["teams"]);
            role(&mut wanted, "teams_read", &[]);
            assert!(refusal(&mut administrator, &wanted).await.contains("a group of a database"));
        }
    }
}

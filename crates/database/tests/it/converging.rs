//! From anything to what is wanted.

use crate::servers::{ALL, Kind, SPEAK_MYSQL, turn};
use crate::world::{ask, content, converge, data, denied, look, role};
use database::{Error, Server};
use model::database::GrantLevel::{Owner, ReadOnly, ReadWrite};
use model::database::{DatabaseContent, Engine};

const SCHEMA: &str =
    "CREATE TABLE teams (id int PRIMARY KEY, name varchar(100));\nINSERT INTO teams VALUES (1, 'a;b');\n";

#[tokio::test]
async fn each_level_may_what_it_says_and_no_more() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams", "te_ms"]);
        role(&mut wanted, "reader", &[("teams", ReadOnly)]);
        role(&mut wanted, "writer", &[("teams", ReadWrite)]);
        role(&mut wanted, "owner", &[("teams", Owner)]);
        role(&mut wanted, "other", &[("te_ms", Owner)]);
        data(&mut wanted, folder.path(), "teams", "schema.sql", SCHEMA, None);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();

        assert_eq!(ask(&server, "reader", "teams", "SELECT * FROM teams").await.unwrap(), 1);
        ask(&server, "writer", "teams", "INSERT INTO teams VALUES (2, 'x')").await.unwrap();
        ask(&server, "owner", "teams", "CREATE TABLE later (id int)").await.unwrap();
        // What is made later is seen by those who may read and written by those who may write.
        ask(&server, "writer", "teams", "INSERT INTO later VALUES (2)").await.unwrap();
        assert_eq!(ask(&server, "reader", "teams", "SELECT * FROM later").await.unwrap(), 1);
        ask(&server, "owner", "teams", "ALTER TABLE teams ADD extra int").await.unwrap();

        for statement in ["INSERT INTO teams (id) VALUES (3)", "UPDATE teams SET id = 9", "DELETE FROM teams"] {
            denied(&server, "reader", "teams", statement).await;
        }
        for login in ["reader", "writer"] {
            denied(&server, login, "teams", "CREATE TABLE mine (id int)").await;
            denied(&server, login, "teams", "DROP TABLE teams").await;
            denied(&server, login, "teams", "ALTER TABLE teams ADD mine int").await;
        }
        let secrets = if kind == Kind::Postgres { "SELECT * FROM pg_authid" } else { "SELECT * FROM mysql.user" };
        for login in ["reader", "writer", "owner"] {
            denied(&server, login, "teams", secrets).await;
            match kind {
                Kind::Postgres => {
                    for database in ["te_ms", "postgres", "template1", "landfall"] {
                        denied(&server, login, database, "SELECT 1").await;
                    }
                    denied(&server, login, "teams", "SELECT * FROM landfall.applied_data").await;
                }
                _ => {
                    denied(&server, login, "teams", "SELECT * FROM landfall.login").await;
                    denied(&server, login, "te_ms", "SELECT 1").await;
                }
            }
        }
        // `te_ms` is a name, not a pattern.
        denied(&server, "other", "teams", "SELECT * FROM teams").await;
    }
}

#[tokio::test]
async fn what_is_no_longer_wanted_goes_with_its_sessions_and_its_objects_stay() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "keeper", &[("teams", Owner)]);
        role(&mut wanted, "leaver", &[("teams", Owner)]);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        let own =
            if kind == Kind::Postgres { "RESET role; CREATE TABLE own (id int)" } else { "CREATE TABLE own (id int)" };
        if kind == Kind::Postgres {
            server.sql(Some("teams"), "GRANT CREATE ON SCHEMA public TO leaver").await;
        }
        ask(&server, "leaver", "teams", own).await.unwrap();
        let mut open =
            database::Connection::open(&server.login("leaver", &crate::world::password_of("leaver"), "teams"))
                .await
                .unwrap();
        database::query(&mut open, "SELECT 1").await.unwrap();

        wanted.roles.shift_remove("leaver");
        let done = converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert!(done.contains(&"drop login leaver, its role is no longer wanted".to_owned()), "{done:?}");
        let session = database::query(&mut open, "SELECT 1").await;
        assert!(matches!(session, Err(Error::Lost { .. })), "{kind:?} {session:?}");
        let again = ask(&server, "leaver", "teams", "SELECT 1").await;
        assert!(matches!(again, Err(Error::LoginRefused { .. })), "{again:?}");
        assert_eq!(ask(&server, "keeper", "teams", "SELECT * FROM own").await.unwrap(), 0);
        ask(&server, "keeper", "teams", "DROP TABLE own").await.unwrap();
    }
}

#[tokio::test]
async fn what_was_given_by_hand_is_told_and_taken_away_and_strangers_stay() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "bi", &[("teams", ReadOnly)]);
        data(&mut wanted, folder.path(), "teams", "schema.sql", SCHEMA, None);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        let (observed, _) = look(&mut administrator, &wanted).await;
        assert_eq!(
            observed.strange(&wanted).iter().map(ToString::to_string).filter(|line| line.contains("by hand")).count(),
            0
        );
        let by_hand: &[&str] = match kind {
            Kind::Postgres => &[
                "GRANT INSERT ON teams TO bi",
                "GRANT SELECT (rolname, rolpassword) ON pg_authid TO bi",
                "GRANT UPDATE ON teams TO teams_read",
                "GRANT DELETE ON teams TO PUBLIC",
                "GRANT pg_read_all_data TO bi",
                "ALTER ROLE bi CREATEDB",
                "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
                "ALTER DEFAULT PRIVILEGES FOR ROLE teams_owner GRANT INSERT ON TABLES TO bi",
                "CREATE ROLE stranger LOGIN",
                "CREATE DATABASE strangers_own",
                "GRANT teams_write TO stranger",
            ],
            _ => &[
                "GRANT INSERT ON teams.teams TO bi",
                "GRANT SELECT ON mysql.* TO bi",
                "GRANT UPDATE (name) ON teams.teams TO bi",
                "GRANT PROCESS ON *.* TO bi WITH GRANT OPTION",
                "GRANT SELECT ON `te%`.* TO bi",
                "ALTER USER bi REQUIRE NONE",
                "CREATE USER stranger IDENTIFIED BY 'x'",
                "GRANT SELECT ON teams.* TO stranger",
                "CREATE DATABASE strangers_own",
            ],
        };
        for statement in by_hand {
            server.sql(Some("teams"), statement).await;
        }
        let (observed, _) = look(&mut administrator, &wanted).await;
        let strange: Vec<String> = observed.strange(&wanted).iter().map(ToString::to_string).collect();
        let strange: Vec<String> = strange.into_iter().filter(|line| !line.contains("login root@")).collect();
        let strange = strange.join("\n");
        match kind {
            Kind::Postgres => insta::assert_snapshot!(strange, @r"
bi was given INSERT on future tables of teams_owner in teams by hand
bi was given INSERT on table public.teams in teams by hand
bi was given SELECT (rolname) ON pg_catalog.pg_authid in teams by hand
bi was given SELECT (rolpassword) ON pg_catalog.pg_authid in teams by hand
bi was given membership in pg_read_all_data by hand
everybody was given CONNECT on database postgres by hand
everybody was given CONNECT on database strangers_own by hand
everybody was given DELETE on table public.teams in teams by hand
teams_read was given UPDATE on table public.teams in teams by hand
login bi was changed by hand: CREATEDB
login stranger is managed by nobody
login stranger, managed by nobody, may do what teams_write may in database teams
database strangers_own is not in the manifest
"),
            Kind::Mariadb => insta::assert_snapshot!(strange, @r"
bi was given GRANT OPTION, PROCESS on everything by hand
bi was given INSERT on teams.teams by hand
bi was given SELECT on mysql by hand
bi was given SELECT on te% by hand
bi was given UPDATE (name) on teams.teams by hand
login bi was changed by hand: it needs no TLS
login stranger@% is managed by nobody
login stranger@%, managed by nobody, may SELECT in database teams
stranger@% may log in without TLS
database strangers_own is not in the manifest
"),
            Kind::Mysql => {
                for line in
                    ["bi was given INSERT on teams.teams by hand", "login bi was changed by hand: it needs no TLS"]
                {
                    assert!(strange.contains(line), "{strange}");
                }
            }
        }
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        denied(&server, "bi", "teams", "INSERT INTO teams (id) VALUES (7)").await;
        denied(&server, "bi", "teams", "DELETE FROM teams").await;
        let (observed, _) = look(&mut administrator, &wanted).await;
        assert!(observed.databases().contains(&"strangers_own".to_owned()));
        let left: Vec<String> = observed.strange(&wanted).iter().map(ToString::to_string).collect();
        assert!(!left.iter().any(|line| line.contains("by hand")), "{left:?}");
        assert!(left.iter().any(|line| line.contains("stranger") && line.contains("managed by nobody")), "{left:?}");
    }
}

#[tokio::test]
async fn grants_change_both_ways() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams", "shop"]);
        role(&mut wanted, "app", &[("teams", Owner)]);
        data(&mut wanted, folder.path(), "teams", "schema.sql", SCHEMA, None);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        let grants = &mut wanted.roles.get_mut("app").unwrap().grants;
        grants.insert("teams".to_owned(), ReadOnly);
        grants.insert("shop".to_owned(), ReadWrite);
        // What the manifest changes is nothing by hand.
        let (observed, _) = look(&mut administrator, &wanted).await;
        assert!(!observed.strange(&wanted).iter().any(database::Strange::is_mended));
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        denied(&server, "app", "teams", "INSERT INTO teams (id) VALUES (7)").await;
        ask(&server, "app", "shop", "SELECT 1").await.unwrap();
        wanted.roles.get_mut("app").unwrap().connections = None;
        let done = converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(done, ["change login app: any number of connections"]);
    }
}

#[tokio::test]
async fn while_a_password_is_rotated_two_are_valid() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "app", &[("teams", Owner)]);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        let logins = &mut wanted.roles.get_mut("app").unwrap().logins;
        logins.insert("app_b".to_owned(), model::NodeId::new("db/roles/app/2"));
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        ask(&server, "app", "teams", "CREATE TABLE a (id int)").await.unwrap();
        ask(&server, "app_b", "teams", "DROP TABLE a").await.unwrap();
        wanted.roles.get_mut("app").unwrap().logins.shift_remove("app");
        let done = converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(done, ["drop login app, its rotation is over"]);
        ask(&server, "app_b", "teams", "SELECT 1").await.unwrap();
        let old = ask(&server, "app", "teams", "SELECT 1").await;
        assert!(matches!(old, Err(Error::LoginRefused { .. })), "{old:?}");
    }
}

#[tokio::test]
async fn what_a_login_made_works_on_without_it() {
    for kind in SPEAK_MYSQL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "app", &[("teams", Owner)]);
        role(&mut wanted, "bi", &[("teams", ReadOnly)]);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        for made in [
            "CREATE TABLE a (id int)",
            "CREATE TABLE seen (id int)",
            "CREATE VIEW v AS SELECT * FROM a",
            "CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW INSERT INTO seen VALUES (NEW.id)",
        ] {
            // With a binary log, as the one of MySQL here has, triggers are the administrator's alone.
            if kind == Kind::Mariadb || !made.starts_with("CREATE TRIGGER") {
                ask(&server, "app", "teams", made).await.unwrap();
            }
        }
        let rotate = |wanted: &mut DatabaseContent, login: &str, node: &str| {
            let logins = &mut wanted.roles.get_mut("app").unwrap().logins;
            logins.clear();
            logins.insert(login.to_owned(), model::NodeId::new(node));
        };
        rotate(&mut wanted, "app_b", "db/roles/app.b");
        let done = converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert!(done.contains(&"drop login app, its rotation is over".to_owned()), "{done:?}");
        let old = ask(&server, "app", "teams", "SELECT 1").await;
        assert!(matches!(old, Err(Error::LoginRefused { .. })), "{old:?}");
        ask(&server, "app_b", "teams", "INSERT INTO a VALUES (1)").await.unwrap();
        assert_eq!(ask(&server, "bi", "teams", "SELECT * FROM v").await.unwrap(), 1);
        let (observed, changes) = look(&mut administrator, &wanted).await;
        assert!(changes.is_empty(), "{changes:?}");
        let strange: Vec<String> = observed.strange(&wanted).iter().map(ToString::to_string).collect();
        assert!(!strange.iter().any(|it| it.contains("app")), "{strange:?}");

        // The next rotation comes back to the first name.
        rotate(&mut wanted, "app", "db/roles/app");
        let done = converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert!(done.contains(&"create login app".to_owned()), "{done:?}");
        ask(&server, "app", "teams", "INSERT INTO a VALUES (2)").await.unwrap();
        let old = server.sql(None, "SELECT COUNT(*) FROM mysql.user WHERE User = 'app_b'").await;
        assert_eq!(old, [[Some("0".to_owned())]]);

        // One who was locked by hand is told, and let in again.
        let host = server.sql(None, "SELECT Host FROM mysql.user WHERE User = 'app'").await[0][0].clone().unwrap();
        server.sql(None, &format!("ALTER USER 'app'@'{host}' ACCOUNT LOCK")).await;
        let (observed, _) = look(&mut administrator, &wanted).await;
        assert!(observed.strange(&wanted).iter().any(|it| it.to_string().ends_with("it is locked")));
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        ask(&server, "app", "teams", "SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn no_password_is_in_a_log() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "canary", &[("teams", ReadOnly)]);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        ask(&server, "canary", "teams", "SELECT 1").await.unwrap();
        server.sql(None, "SELECT 'the log is on'").await;
        let log = server.log();
        assert!(log.contains("the log is on") && log.contains("canary"), "{kind:?} logs statements");
        assert!(!log.contains("canary's p"), "{kind:?}");
        let (_, changes) = look(&mut administrator, &wanted).await;
        assert!(changes.is_empty());
    }
}

#[tokio::test]
async fn mysql_logins_need_tls_and_the_right_place() {
    for kind in SPEAK_MYSQL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "near", &[("teams", ReadOnly)]).sources =
            vec!["127.0.0.0/8".to_owned(), "10.0.0.0/16".to_owned()];
        role(&mut wanted, "far", &[("teams", ReadOnly)]).sources = vec!["192.0.2.0/24".to_owned()];
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        ask(&server, "near", "teams", "SELECT 1").await.unwrap();
        let far = ask(&server, "far", "teams", "SELECT 1").await;
        assert!(matches!(far, Err(Error::LoginRefused { .. })), "{far:?}");
        let mut plain = server.login("near", &crate::world::password_of("near"), "teams");
        plain.tls = database::Tls::Off;
        assert!(database::Connection::open(&plain).await.is_err());
        wanted.roles.get_mut("near").unwrap().sources.pop();
        let done = converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(done, ["drop login near@10.0.0.0/255.255.0.0, it may no longer log in from there"]);
        assert_eq!(server.engine().speaks_mysql(), Engine::Mariadb.speaks_mysql());
    }
}

//! Data files: once, whole or not at all, and told where they fail.

use crate::servers::{ALL, Kind, SPEAK_MYSQL, turn};
use crate::world::{ask, content, converge, data, denied, look, role};
use database::{Error, Server};
use model::database::GrantLevel::{Owner, ReadOnly, ReadWrite};

#[tokio::test]
async fn files_are_loaded_in_order_and_once() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "app", &[("teams", Owner)]);
        let schema = "-- first\nCREATE TABLE teams (id int PRIMARY KEY, name varchar(40), born date);\nINSERT INTO teams VALUES (1, 'a;\\\\''b', NULL);\n";
        let schema = if kind == Kind::Postgres { schema.replace("\\\\", "\\") } else { schema.to_owned() };
        data(&mut wanted, folder.path(), "teams", "schema.sql", &schema, None);
        let rows = "name,id,born\r\n\"Zoë, \"\"Z\"\"\",2,2001-02-03\r\n,3,\r\n\"tab\t\\N\nline\",4,\r\n";
        data(&mut wanted, folder.path(), "teams", "teams.csv", rows, Some("teams"));
        data(&mut wanted, folder.path(), "teams", "more.sql", "INSERT INTO teams (id) VALUES (5);", None);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        let rows = server.sql(Some("teams"), "SELECT id, name, born FROM teams ORDER BY id").await;
        let texts: Vec<String> = rows
            .iter()
            .map(|row| row.iter().map(|field| field.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
            .collect();
        assert_eq!(
            texts,
            ["1|a;\\'b|NULL", "2|Zoë, \"Z\"|2001-02-03", "3|NULL|NULL", "4|tab\t\\N\nline|NULL", "5|NULL|NULL"],
            "{kind:?}"
        );
        // A changed file is told and not loaded again.
        data(&mut wanted, folder.path(), "teams", "more.sql", "INSERT INTO teams (id) VALUES (6);", None);
        assert_eq!(converge(&mut administrator, &wanted, folder.path()).await.unwrap(), Vec::<String>::new());
        let (observed, _) = look(&mut administrator, &wanted).await;
        let told: Vec<String> = observed.strange(&wanted).iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|line| line.starts_with("more.sql has changed since it was loaded into teams")),
            "{told:?}"
        );
        assert_eq!(observed.applied().len(), 3);
        ask(&server, "app", "teams", "ALTER TABLE teams ADD more int").await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_fails_in_the_middle_leaves_nothing() {
    for kind in ALL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        let schema = "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n  CREATE TABLE b (id nonsense);\n";
        data(&mut wanted, folder.path(), "teams", "schema.sql", schema, None);
        let mut administrator = Server::new(server.administrator());
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        let Error::Load { place, applied, .. } = &error else { panic!("{error:?}") };
        // PostgreSQL says where in the statement.
        let column = if kind == Kind::Postgres { 22 } else { 3 };
        assert_eq!((place.clone(), applied.as_str()), (format!("schema.sql:3:{column}"), "nothing of it was applied"));
        let question = "SELECT table_name FROM information_schema.tables WHERE table_name IN ('a', 'b')";
        assert_eq!(server.sql(Some("teams"), question).await, Vec::<Vec<Option<String>>>::new());
        // Mended, it is loaded.
        data(&mut wanted, folder.path(), "teams", "schema.sql", &schema.replace("nonsense", "int"), None);
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(server.sql(Some("teams"), "SELECT * FROM a").await.len(), 1);
        // Rows that fail: the line of the file, and none of them.
        let text = format!("id\n{}x\n6\n", "5\n".repeat(700));
        data(&mut wanted, folder.path(), "teams", "a.csv", &text, Some("a"));
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        let Error::Load { place, .. } = &error else { panic!("{error:?}") };
        assert_eq!(place, "a.csv:702:1", "{error}");
        assert_eq!(server.sql(Some("teams"), "SELECT * FROM a").await.len(), 1);
        data(&mut wanted, folder.path(), "teams", "a.csv", "id,x\n1\n", Some("a"));
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        assert!(error.to_string().starts_with("a.csv:2:1: 1 field, and"), "{error}");
        wanted.databases.get_mut("teams").unwrap().data.pop();
        data(
            &mut wanted,
            folder.path(),
            "teams",
            "rows.sql",
            "INSERT INTO a VALUES (8);\nINSERT INTO a VALUES ('x');",
            None,
        );
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        assert!(error.to_string().starts_with("rows.sql:2:"), "{error}");
        assert_eq!(server.sql(Some("teams"), "SELECT * FROM a").await.len(), 1);
    }
}

#[tokio::test]
async fn views_triggers_and_routines_come_along() {
    for kind in SPEAK_MYSQL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        role(&mut wanted, "bi", &[("teams", ReadOnly)]);
        role(&mut wanted, "app", &[("teams", ReadWrite)]);
        let schema = "CREATE TABLE parent (id int PRIMARY KEY) ENGINE = InnoDB;\n\
            CREATE TABLE child (id int, parent int, loud varchar(9), FOREIGN KEY (parent) REFERENCES parent (id)) ENGINE = InnoDB;\n\
            CREATE DEFINER=`somebody`@`else` VIEW v AS SELECT id FROM child;\n\
            DELIMITER $$\nCREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW BEGIN SET NEW.loud = 'x;'; END$$\n\
            CREATE PROCEDURE p() BEGIN SELECT 1; END$$\n\
            CREATE PROCEDURE run(q text) BEGIN SET @q = q; PREPARE x FROM @q; EXECUTE x; END$$\nDELIMITER ;\n\
            INSERT INTO parent VALUES (1);\nINSERT INTO child (id, parent) VALUES (1, 1);\n";
        data(&mut wanted, folder.path(), "teams", "schema.sql", schema, None);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(ask(&server, "bi", "teams", "SELECT * FROM v").await.unwrap(), 1);
        assert_eq!(server.sql(Some("teams"), "CALL p()").await.len(), 1);
        // Who may change rows may call routines; none of them does more than its caller may.
        ask(&server, "app", "teams", "CALL p()").await.unwrap();
        denied(&server, "app", "teams", "CALL run('SELECT COUNT(*) FROM mysql.user')").await;
        denied(&server, "bi", "teams", "CALL p()").await;
        server.sql(Some("teams"), "INSERT INTO child (id, parent) VALUES (2, 1)").await;
        let loud = server.sql(Some("teams"), "SELECT loud FROM child").await;
        assert_eq!(loud, vec![vec![Some("x;".to_owned())]; 2]);
        let left = server.sql(None, "SHOW DATABASES LIKE 'landfall\\_load%'").await;
        assert_eq!(left.len(), 0);

        // What needs a table that is there is run in place, counted, and goes on behind what was applied.
        let text =
            "CREATE TABLE third (id int);\nALTER TABLE child ADD more int;\nALTER TABLE child ADD nonsense nonsense;\n";
        data(&mut wanted, folder.path(), "teams", "later.sql", text, None);
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        let Error::Load { place, applied, .. } = &error else { panic!("{error:?}") };
        assert_eq!(place, "later.sql:3:1");
        assert!(applied.starts_with("the 2 statements before it, up to line 2, were applied"), "{applied}");
        let (observed, _) = look(&mut administrator, &wanted).await;
        assert!(
            observed
                .strange(&wanted)
                .iter()
                .any(|strange| strange.to_string().starts_with("the first 2 statements of later.sql"))
        );
        data(&mut wanted, folder.path(), "teams", "later.sql", &text.replace("nonsense nonsense", "fine int"), None);
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        server.sql(Some("teams"), "SELECT more, fine FROM child").await;

        for (text, why) in [
            ("GRANT ALL ON *.* TO bi@'%';", "are the manifest's"),
            (
                "SELECT 1;\nINSERT INTO mysql.db (Host, Db, User) VALUES ('%', '%', 'bi');",
                "people.sql:2:1: the server's own",
            ),
            ("DROP TABLE `landfall`.login;", "the server's own databases"),
        ] {
            data(&mut wanted, folder.path(), "teams", "people.sql", text, None);
            let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }

        // A table without transactions beside it has nothing to do with it, and the first line is named when it is wrong.
        server.sql(Some("teams"), "CREATE TABLE loose (id int) ENGINE = MyISAM").await;
        wanted.databases.get_mut("teams").unwrap().data.retain(|data| data.path != "people.sql");
        data(&mut wanted, folder.path(), "teams", "rows.csv", "id,nothing\n7,7\n", Some("parent"));
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        let Error::Load { place, applied, .. } = &error else { panic!("{error:?}") };
        assert_eq!((place.as_str(), applied.as_str()), ("rows.csv:1:1", "nothing of it was applied"));
    }
}

#[tokio::test]
async fn a_plain_dump_of_the_engines_own_tool_is_loaded() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        server.sql(None, "CREATE DATABASE source").await;
        for statement in [
            "CREATE TABLE teams (id int PRIMARY KEY, name varchar(40))",
            "INSERT INTO teams VALUES (1, 'a;b'), (2, NULL), (3, 'tab\tand \\\\ more')",
            "CREATE VIEW named AS SELECT * FROM teams WHERE name IS NOT NULL",
        ] {
            server.sql(Some("source"), statement).await;
        }
        let output = match kind {
            Kind::Postgres => std::process::Command::new(crate::servers::postgres_programs().unwrap().join("pg_dump"))
                .args([
                    "-h",
                    &server.folder.display().to_string(),
                    "-p",
                    &server.port.to_string(),
                    "-U",
                    "landfall_admin",
                    "source",
                ])
                .env("PGPASSWORD", "administrator's own")
                .output(),
            _ => std::process::Command::new("mariadb-dump")
                .args([
                    "--no-defaults",
                    "-uroot",
                    &format!("--socket={}", server.folder.join("s.sock").display()),
                    "--routines",
                    "source",
                ])
                .output(),
        };
        let dump = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(dump.contains("teams"));
        let mut wanted = content(&server, &["target"]);
        role(&mut wanted, "bi", &[("target", ReadOnly)]);
        data(&mut wanted, folder.path(), "target", "dump.sql", &dump, None);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(ask(&server, "bi", "target", "SELECT * FROM teams").await.unwrap(), 3);
        assert_eq!(ask(&server, "bi", "target", "SELECT * FROM named").await.unwrap(), 2);
    }
}

#[tokio::test]
async fn what_was_cut_off_behind_the_move_goes_on_there() {
    for kind in SPEAK_MYSQL {
        let Some(server) = turn(kind).await else { continue };
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = content(&server, &["teams"]);
        let mut administrator = Server::new(server.administrator());
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        server.sql(Some("teams"), "CREATE VIEW v AS SELECT 1").await;
        let schema = "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\nCREATE VIEW v AS SELECT * FROM a;\nCREATE VIEW w AS SELECT * FROM a;\n";
        data(&mut wanted, folder.path(), "teams", "schema.sql", schema, None);
        let error = converge(&mut administrator, &wanted, folder.path()).await.unwrap_err();
        let Error::Load { place, applied, .. } = &error else { panic!("{error:?}") };
        assert_eq!(place, "schema.sql:3:1");
        assert!(applied.starts_with("its tables and rows were applied"), "{applied}");
        converge(&mut administrator, &wanted, folder.path()).await.unwrap();
        assert_eq!(server.sql(Some("teams"), "SELECT * FROM w").await.len(), 1);
        assert_eq!(server.sql(Some("teams"), "SELECT * FROM a").await.len(), 1);
        let left = server
            .sql(None, "SELECT table_name FROM information_schema.tables WHERE table_schema LIKE 'landfall%'")
            .await;
        assert_eq!(left.len(), 2, "the ledger's own tables: {left:?}");
    }
}
